"""What the API takes to write an item: its shape here, its limits in ``catalog.content``."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.content import UNSET, ItemContent, TextContent
from catalog.fields import StrictBooleanField, StrictCharField, StrictSerializer
from catalog.models import Item, ItemText
from catalog.models.items import LANGUAGE_PATTERN

Words = dict[str, dict[str, Any]]
"""Language → the ones of title, description and tags that are known in it."""

WORD_FIELDS = ("title", "description", "tags")
DEFAULT_LANGUAGE = "en"


BASE = ""
"""The key of words that were given without a language."""

_WORDS = {
    "oneOf": [
        {"type": "string"},
        {"type": "object", "additionalProperties": {"type": "string"}},
    ]
}
_TAGS = {"type": "array", "items": {"type": "string"}}
_TAGS_BY_LANGUAGE = {"oneOf": [_TAGS, {"type": "object", "additionalProperties": _TAGS}]}


@extend_schema_field(_WORDS)
class WordsField(serializers.Field):
    """Text, or an object of language and text; becomes ``{language or BASE: value}``."""

    one: serializers.Field = StrictCharField(allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Raises ValidationError with the language as path."""
        if not isinstance(data, dict):
            return {BASE: self.one.run_validation(data)}
        if not data:
            raise serializers.ValidationError("Give at least one language.")
        found, problems = {}, {}
        for language, value in data.items():
            try:
                found[_language(language)] = self.one.run_validation(value)
            except serializers.ValidationError as err:
                problems[language] = err.detail
        if problems:
            raise serializers.ValidationError(problems)
        return found


def _language(raw: str) -> str:
    if not re.fullmatch(LANGUAGE_PATTERN, raw) or len(raw) > 16:
        raise serializers.ValidationError("Use a language tag such as en, zh or zh-Hant.")
    return raw


@extend_schema_field(_TAGS_BY_LANGUAGE)
class TagsField(WordsField):
    """A list of tags, or an object of language and list."""

    one = serializers.ListField(child=StrictCharField(max_length=100), max_length=200)


class ItemWriteSerializer(StrictSerializer):
    """An item to write: the format of the import files, without the media."""

    external_id = StrictCharField(
        required=False,
        trim_whitespace=False,
        help_text="1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone",
    )
    kind = StrictCharField(max_length=64, required=False, help_text="default: item")
    title = WordsField(help_text="text, or an object of language and text")
    description = WordsField(required=False)
    language = StrictCharField(
        required=False,
        trim_whitespace=False,
        help_text="of words given without one; default: en, else the first title's",
    )
    tags = TagsField(required=False)
    attributes = serializers.DictField(required=False)
    categories = serializers.ListField(
        child=StrictCharField(),
        required=False,
        help_text="paths such as animals/birds; missing categories are made",
    )
    published = StrictBooleanField(required=False, help_text="default: true")
    published_at = serializers.DateTimeField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class MediaUploadSerializer(StrictSerializer):
    """A picture, sound or video to add, as multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, use_url=False)
    alt = serializers.CharField(required=False, allow_blank=True, max_length=500)
    position = serializers.IntegerField(
        required=False, min_value=0, max_value=32_767, help_text="default: after the others"
    )


def content_from(external_id: str, given: dict[str, Any]) -> ItemContent:
    """A whole item: what is not given gets its default, so that a PUT replaces everything.

    Only ``published_at`` is kept when it is not given. Raises ValidationError for a language
    that has other words but no title.
    """
    base = given.get("language") or _first_language(given["title"])
    words: Words = {}
    _overlay(words, given, base)
    return ItemContent(
        external_id=external_id,
        kind=given.get("kind", "item"),
        attributes=given.get("attributes", {}),
        categories=tuple(given.get("categories", ())),
        published=given.get("published", True),
        published_at=given.get("published_at", UNSET),
        expires_at=given.get("expires_at"),
        **_named(words, base),
    )


def changes_from(item: Item, given: dict[str, Any]) -> dict[str, Any]:
    """The changes of a PATCH: fields not given stay, words change in the languages given.

    A new ``language`` makes that language's words the item's own if there are any, and else says
    what language the item's own words are in.
    """
    plain = ("kind", "attributes", "published", "published_at", "expires_at")
    changes = {name: given[name] for name in plain if name in given}
    if "categories" in given:
        changes["categories"] = tuple(given["categories"])
    if not given.keys() & {*WORD_FIELDS, "language"}:
        return changes
    present: list[Item | ItemText] = [item, *item.texts.all()]
    words: Words = {
        text.language: {name: getattr(text, name) for name in WORD_FIELDS} for text in present
    }
    base = given.get("language", item.language)
    if base not in words:
        words[base] = words.pop(item.language)
    _overlay(words, given, base)
    return changes | _named(words, base)


def _first_language(titles: dict[str, str]) -> str:
    languages = [language for language in titles if language != BASE]
    return languages[0] if languages and DEFAULT_LANGUAGE not in titles else DEFAULT_LANGUAGE


def _overlay(words: Words, given: dict[str, Any], base: str) -> None:
    for name in WORD_FIELDS:
        for language, value in given.get(name, {}).items():
            words.setdefault(language or base, {})[name] = value


def _named(words: Words, base: str) -> dict[str, Any]:
    """The item's own words and ``texts``, as the fields of ItemContent."""
    if untitled := sorted({base, *words} - {lang for lang in words if "title" in words[lang]}):
        raise serializers.ValidationError(
            {"title": {lang: ["Give a title in this language."] for lang in untitled}}
        )
    named = {
        language: {
            "title": own["title"],
            "description": own.get("description", ""),
            "tags": tuple(own.get("tags", ())),
        }
        for language, own in words.items()
    }
    texts = tuple(TextContent(language=lang, **own) for lang, own in named.items() if lang != base)
    return {**named[base], "language": base, "texts": texts}
