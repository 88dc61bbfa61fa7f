"""Options of a placement as form fields: an empty one is as the settings have it."""

from typing import Any, Final

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from recommender.admin.filter_fields import FilterField
from recommender.admin.option_fields import ChosenField, NumbersField, OptionField, OrderField
from recommender.event_types import event_types
from recommender.exceptions import InvalidOption, UnknownPlacement
from recommender.models.placements import OPTIONS
from recommender.placements import MAX_LIMIT, declared, options_check
from recommender.types import MAX_EXPLORATION
from retrieval.filters.fields import declared as declared_attributes

SOURCES: Final = {
    "taste": "taste: like what they liked",
    "session": "session: like what they look at now",
    "collaborative": "collaborative: liked by people alike",
    "factors": "factors: learned from all that people did",
    "covisited": "covisited: looked at together",
    "trending": "trending: more asked for than usual",
    "popular": "popular: most asked for",
    "new": "new: just published",
}
CAPPED: Final = {"categories": "of one category", "tags": "with one tag", "kind": "of one kind"}
LABELS: Final = {
    "sources": "Where candidates come from",
    "fallback": "If too little is found",
    "exploration": "Drawn by chance",
    "filter": "Only items of which",
    "hide": "Not again after",
    "caps": "At most on a page",
    "diversity": "Diversity",
    "rotation": "Rotation",
    "limit": "Items",
}
HELP: Final = {
    "sources": "How much each source gives, relative to the others: 3 and 1 are 75 % and 25 %. All empty: "
    "as it is otherwise; an empty one beside others gives nothing.",
    "filter": "All lines must hold. Several values of “is one of” are separated by commas.",
    "diversity": "From 0, the best scores, to 1, the least alike.",
    "caps": "So many items that share it.",
    "hide": "An item is not shown again to who did this with it.",
    "rotation": "Which part of its score an item loses that was just shown, from 0 to 1.",
    "exploration": "Which part of the positions goes to items drawn by chance, from 0 to 0.5.",
    "limit": "In an answer, if the request does not say.",
    "fallback": "Sources that fill the page in this order.",
}
GROUPS: Final = (
    ("Where items come from", ("sources", "fallback", "exploration")),
    ("What may be shown", ("filter", "caps", "hide")),
    ("How they are ordered", ("diversity", "rotation", "limit")),
)
"""Fieldsets: every option once."""


def _share(most: float) -> forms.Field:
    bounds = {"min": 0, "max": most, "step": "any", "inputmode": "decimal"}
    return forms.FloatField(
        required=False, widget=UnfoldAdminDecimalFieldWidget(attrs={"type": "number", **bounds})
    )


def _capped() -> dict[str, str]:
    """Attributes that are texts may be shared by many items."""
    names = (each.name for each in declared_attributes() if each.type == "text")
    return CAPPED | {f"attributes.{name}": f"of one {name}" for name in names}


class OptionsForm(forms.ModelForm):
    """Stores the options that are filled in as ``overrides``."""

    sources = NumbersField(SOURCES)
    filter = FilterField()
    diversity = _share(1)
    caps = NumbersField(CAPPED, whole=True, nothing="No caps")
    hide = ChosenField(lambda: list(event_types()), nothing="Nothing: show all again")
    rotation = _share(1)
    exploration = _share(MAX_EXPLORATION)
    limit = forms.IntegerField(
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": MAX_LIMIT}),
    )
    fallback = OrderField(SOURCES, nothing="Nothing: a short page stays short")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        overrides = self.instance.overrides or {}
        usual = self.usual()
        self.fields["caps"].widget.names = _capped()
        for name in OPTIONS:
            field = self.fields[name]
            field.label = LABELS[name]
            field.initial = overrides.get(name)
            self.initial[name] = overrides.get(name)
            given = f" Otherwise: {shown(usual[name])}." if name in usual else ""
            field.help_text = f"{HELP[name]}{given}"
            if isinstance(field, NumbersField):
                field.widget.usual = usual.get(name) or {}  # type: ignore[attr-defined]
            elif name in usual and not isinstance(field, OptionField):
                field.widget.attrs["placeholder"] = str(usual[name])

    def usual(self) -> dict[str, Any]:
        """Options as they are where nothing is filled in."""
        return {}

    def clean(self) -> dict[str, Any]:
        """Each option by itself, so that what is wrong is said where it is."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stored = self.instance.overrides or {}
        overrides = {
            # what nobody touched stays as it is written
            name: data[name] if name in self.changed_data or name not in stored else stored[name]
            for name in OPTIONS
            if data.get(name) is not None
        }
        for name, value in overrides.items():
            try:
                options_check({name: value})
            except InvalidOption as err:
                self.add_error(name, str(err).removeprefix(f"{name}: "))
        if not self.errors:
            self.instance.overrides = overrides
        return data


class PlacementForm(OptionsForm):
    """What the settings have is shown beside each field."""

    def usual(self) -> dict[str, Any]:
        """As declared."""
        try:
            placement = declared(self.instance.name)
        except (InvalidOption, UnknownPlacement):
            return {}
        return {name: getattr(placement, name) for name in OPTIONS}


def shown(value: Any) -> Any:
    """An option as people write it."""
    if isinstance(value, frozenset | tuple | list):
        return ", ".join(sorted(value) if isinstance(value, frozenset) else value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items()) or "none"
    return "none" if value is None else value
