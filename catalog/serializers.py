"""How items and media look in the API."""

import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from catalog.models import Item, ItemText, Media
from catalog.models.items import LANGUAGE_PATTERN
from catalog.summaries import in_language
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
    """The item's words in the first language that it has, see ``in_language``; else its own."""
    texts: dict[str, Item | ItemText] = {text.language: text for text in item.texts.all()}
    return in_language(texts | {item.language: item}, languages, item)


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


class ItemSummarySerializer(serializers.Serializer):
    """What a list of hits shows of an item, in the client's language; ``item_summaries`` makes it."""

    external_id = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField(help_text="in the client's language")
    language = serializers.CharField(help_text="of the title and the tags")
    categories = serializers.ListField(child=serializers.CharField(), help_text="paths")
    tags = serializers.ListField(child=serializers.CharField())
    attributes = serializers.DictField()
    image = serializers.URLField(allow_null=True, help_text="address of the first picture")
    audio = serializers.URLField(allow_null=True, help_text="address of the first sound")
    video = serializers.URLField(allow_null=True, help_text="address of the first video")


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
