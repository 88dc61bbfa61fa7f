"""Which of the fields that a catalog can be filtered by the storefront offers."""

from django.conf import settings
from django.utils.translation import gettext_lazy

from retrieval.filters.fields import Field, fields
from retrieval.serializers import MAX_FACETS

NAMES = {
    "kind": gettext_lazy("Kind"),
    "categories": gettext_lazy("Category"),
    "tags": gettext_lazy("Tags"),
    "language": gettext_lazy("Language"),
    "published_at": gettext_lazy("Published"),
    "price": gettext_lazy("Price"),
    "brand": gettext_lazy("Brand"),
    "in_stock": gettext_lazy("In stock"),
    "released": gettext_lazy("Released"),
    "source": gettext_lazy("Source"),
}


def field_label(name: str) -> str:
    """What a field is called on a page: of an attribute that nobody named, its key."""
    return str(NAMES[name]) if name in NAMES else capital(name.replace("_", " "))


def price_field() -> str:
    """The attribute that says what an item costs."""
    return str(settings.LLM["FIELDS"].get("price", ""))


def capital(text: str) -> str:
    """The text with a large first letter."""
    return text[:1].upper() + text[1:]


def shown_fields() -> list[Field]:
    """Those of ``RECOMMENDER["STOREFRONT"]["FILTERS"]``, in its order."""
    known = fields()
    return [known[name] for name in settings.RECOMMENDER["STOREFRONT"]["FILTERS"]]


def settings_problems() -> list[str]:
    """What is wrong with the setting, a sentence each."""
    given = settings.RECOMMENDER["STOREFRONT"]["FILTERS"]
    known = [name for name in fields() if name != "external_id"]
    problems = [
        f"{name!r} cannot be filtered by: use some of {', '.join(known)}"
        for name in given
        if name not in known
    ]
    if len(given) > MAX_FACETS:
        problems.append(f"{len(given)} fields are more than the {MAX_FACETS} that a search counts")
    if len(set(given)) < len(given):
        problems.append("a field is named twice")
    return problems
