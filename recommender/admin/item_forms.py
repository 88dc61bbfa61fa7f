"""The dialog of an item's page that pins, boosts, buries or hides it."""

from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from recommender.models import Rule
from recommender.placements import declared_names
from recommender.rules import MAX_POSITION, rule_problems


class MomentWidget(UnfoldAdminTextInputWidget):
    """A date with its time, in one field."""

    input_type = "datetime-local"


class ItemRuleForm(BaseDialogForm):
    """A rule about one item."""

    action = forms.ChoiceField(choices=Rule.Action, widget=UnfoldAdminSelectWidget)
    placement = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    position = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_POSITION,
        help_text="Of a pin, from 1.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    factor = forms.FloatField(
        required=False,
        help_text="Of a boost, above 1; of a bury, between 0 and 1.",
        widget=UnfoldAdminDecimalFieldWidget,
    )
    starts_at = forms.DateTimeField(
        required=False, label="From (UTC)", help_text="Empty: from now on.", widget=MomentWidget
    )
    ends_at = forms.DateTimeField(
        required=False, label="Until (UTC)", help_text="Empty: for good.", widget=MomentWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["placement"].choices = [("", "all"), *((n, n) for n in declared_names())]

    def clean(self) -> dict[str, Any]:
        """What ``rule_save`` would refuse."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        problems = rule_problems(
            action=data.get("action", ""),
            items=1,
            category=False,
            tag=False,
            position=data.get("position"),
            factor=data.get("factor"),
            starts_at=data.get("starts_at"),
            ends_at=data.get("ends_at"),
        )
        for field, problem in problems.items():
            if field not in self.errors:
                self.add_error(field, problem)
        return data

    def rule(self, title: str) -> Rule:
        """What was asked for, not stored yet."""
        given = self.cleaned_data
        names = ("action", "placement", "position", "factor", "starts_at", "ends_at")
        name = f"{given['action']} {title}"[: Rule._meta.get_field("name").max_length]
        return Rule(name=name, **{each: given[each] for each in names})
