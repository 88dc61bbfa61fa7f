"""Options of a placement as form fields: an empty one is as the settings have it."""

from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
)

from recommender.exceptions import InvalidOption, UnknownPlacement
from recommender.models.placements import OPTIONS
from recommender.placements import declared, options_check

HELP: Final = {
    "sources": 'Source → its part of the candidates, such as {"taste": 0.6, "new": 0.4}.',
    "filter": 'What every item must satisfy, such as {"kind": "film"}; {} for nothing.',
    "diversity": "From 0, the best scores, to 1, the least alike.",
    "caps": 'Most items of one value on a page, such as {"categories": 3}; {} for no caps.',
    "hide": 'Types of events after which an item is not shown again, such as ["purchase"].',
    "rotation": "Which part of its score an item loses that was just shown, from 0 to 1.",
    "exploration": "Which part of the positions goes to items drawn by chance, from 0 to 0.5.",
    "limit": "Items of an answer, if the request does not say.",
    "fallback": 'Sources that fill the page in this order, such as ["popular", "new"].',
}


class JSONTextField(forms.JSONField):
    """Several lines of JSON; nothing for None."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        """Empty instead of null."""
        return "" if value is None else super().prepare_value(value)


def _number() -> forms.Field:
    return forms.FloatField(required=False, widget=UnfoldAdminDecimalFieldWidget)


class OptionsForm(forms.ModelForm):
    """Stores the options that are filled in as ``overrides``."""

    sources = JSONTextField(required=False)
    filter = JSONTextField(required=False)
    diversity = _number()
    caps = JSONTextField(required=False)
    hide = JSONTextField(required=False)
    rotation = _number()
    exploration = _number()
    limit = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget)
    fallback = JSONTextField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        overrides = self.instance.overrides or {}
        usual = self.usual()
        for name in OPTIONS:
            self.fields[name].initial = overrides.get(name)
            self.initial[name] = overrides.get(name)
            given = f" Otherwise: {usual[name]}." if name in usual else ""
            self.fields[name].help_text = f"{HELP[name]}{given}"

    def usual(self) -> dict[str, Any]:
        """Options as they are where nothing is filled in."""
        return {}

    def clean(self) -> dict[str, Any]:
        """Each option by itself, so that what is wrong is said where it is."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        overrides = {name: data[name] for name in OPTIONS if data.get(name) is not None}
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
        return {name: shown(getattr(placement, name)) for name in OPTIONS}


def shown(value: Any) -> Any:
    """An option as people write it."""
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(value) if isinstance(value, frozenset) else value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items()) or "none"
    return "none" if value is None else value
