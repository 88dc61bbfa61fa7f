"""How items and media look in the API."""

import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from catalog.models import Item, ItemText, Media
from catalog.models.items import LANGUAGE_PATTERN
from catalog.tree import CategoryNode

MAX_LANGUAGES = 10


def languages_wanted(request: Request) -> tuple[str, ...]:
    """Language tags in the order the client wants them: ``?lang=``, else Accept-Language."""
    asked = request.query_params.get("lang")
    if asked is None:
        accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
        return tuple(tag for tag, _ in accepted[:MAX_LANGUAGES])
    if not re.fullmatch(LANGUAGE_PATTERN, asked):
        raise serializers.ValidationError({"lang": ["Use a language tag such as en or zh-Hant."]})
    return (asked,)


def words_for(item: Item, languages: Iterable[str]) -> Item | ItemText:
    """The item's words in the first language that it has: exactly, else the same base language.

    ``zh-TW`` takes ``zh``, and ``zh`` takes ``zh-Hant``; without a match, the item's own words.
    """
    own: dict[str, Item | ItemText] = {text.language.lower(): text for text in item.texts.all()}
    own[item.language.lower()] = item
    for wanted in languages:
        if found := own.get(wanted.lower()):
            return found
        base = _base(wanted)
        near = (words for language, words in own.items() if _base(language) == base)
        if found := own.get(base) or next(near, None):
            return found
    return item


def _base(language: str) -> str:
    return language.lower().partition("-")[0]


class _AbsoluteUrl(serializers.FileField):
    """A stored file's address: absolute where the request is known."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(use_url=True, read_only=True, **kwargs)


class MediaSerializer(serializers.ModelSerializer):
    """One picture, sound or video."""

    url = _AbsoluteUrl(source="file")

    class Meta:
        model = Media
        fields = (
            "id",
            "modality",
            "url",
            "content_type",
            "bytes",
            "width",
            "height",
            "duration_s",
            "alt",
            "position",
            "status",
            "error_code",
        )
        read_only_fields = fields


class ItemTextSerializer(serializers.ModelSerializer):
    """An item's words in one more language."""

    class Meta:
        model = ItemText
        fields = ("language", "title", "description", "tags")
        read_only_fields = fields


class ItemSerializer(serializers.ModelSerializer):
    """An item with all that belongs to it; needs the prefetches of ``items_for_api``."""

    texts = ItemTextSerializer(many=True, read_only=True)
    categories: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="path", many=True, read_only=True
    )
    attributes = serializers.DictField(read_only=True)
    media = MediaSerializer(many=True, read_only=True)

    class Meta:
        model = Item
        fields = (
            "external_id",
            "kind",
            "title",
            "description",
            "language",
            "texts",
            "tags",
            "attributes",
            "categories",
            "published",
            "published_at",
            "expires_at",
            "media",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ItemSummarySerializer(serializers.ModelSerializer):
    """What a list of hits shows of an item, in the client's language.

    Needs the prefetches of ``items_for_api`` and the request in the context.
    """

    title = serializers.SerializerMethodField()
    language = serializers.SerializerMethodField(help_text="of the title and the tags")
    tags = serializers.SerializerMethodField()
    categories: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="path", many=True, read_only=True
    )
    attributes = serializers.DictField(read_only=True)
    image = serializers.SerializerMethodField(help_text="address of the first picture")
    audio = serializers.SerializerMethodField(help_text="address of the first sound")
    video = serializers.SerializerMethodField(help_text="address of the first video")

    class Meta:
        model = Item
        fields = (
            "external_id",
            "kind",
            "title",
            "language",
            "categories",
            "tags",
            "attributes",
            "image",
            "audio",
            "video",
        )
        read_only_fields = fields

    def get_title(self, item: Item) -> str:
        """The title in the client's language."""
        return self._words(item).title

    def get_language(self, item: Item) -> str:
        """The language that was found."""
        return self._words(item).language

    def get_tags(self, item: Item) -> list[str]:
        """The tags in the client's language, else the item's own."""
        return self._words(item).tags or item.tags

    @extend_schema_field(OpenApiTypes.URI)
    def get_image(self, item: Item) -> str | None:
        """The first picture that is not known to be broken."""
        return self._url(item, Media.Modality.IMAGE)

    @extend_schema_field(OpenApiTypes.URI)
    def get_audio(self, item: Item) -> str | None:
        """The first sound that is not known to be broken."""
        return self._url(item, Media.Modality.AUDIO)

    @extend_schema_field(OpenApiTypes.URI)
    def get_video(self, item: Item) -> str | None:
        """The first video that is not known to be broken."""
        return self._url(item, Media.Modality.VIDEO)

    def _words(self, item: Item) -> Item | ItemText:
        if "languages" not in self.context:  # parsed once a response, not once a hit
            request = self.context.get("request")
            self.context["languages"] = languages_wanted(request) if request else ()
        return words_for(item, self.context["languages"])

    def _url(self, item: Item, modality: Media.Modality) -> str | None:
        for medium in item.media.all():
            if medium.modality == modality and medium.status != Media.Status.FAILED:
                request = self.context.get("request")
                url = str(medium.file.url)
                return request.build_absolute_uri(url) if request else url
        return None


class CategorySerializer(serializers.Serializer):
    """A category with what is below it."""

    name = serializers.CharField()
    path = serializers.CharField()
    items = serializers.IntegerField(help_text="visible items in this very category")
    items_below = serializers.IntegerField(
        help_text="summed over the categories below; an item in several of them counts in each"
    )
    children = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"$ref": "#/components/schemas/Category"}})
    def get_children(self, node: CategoryNode) -> Any:
        """The categories directly below."""
        return CategorySerializer(node.children, many=True).data
