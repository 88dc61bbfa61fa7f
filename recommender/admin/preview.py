"""What a visitor would be shown now: the pipeline itself, watched; nothing is logged or remembered."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.models import Item
from recommender.pipeline import MORE, Asked, Recommended, RulesChange, recommend
from recommender.placements import declared, declared_names
from recommender.tracing import Trace


@dataclass(frozen=True, slots=True)
class Look:
    """Where somebody is assumed to look, and at what."""

    placement: str
    visitor: str = ""
    item_id: int | None = None
    """The item whose page it is."""


class LookForm(forms.Form):
    """Of an address: the placement, and the item looked at."""

    placement = forms.ChoiceField(required=False)
    item = forms.CharField(
        required=False,
        max_length=128,
        label="while looking at",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "an item's identifier"}),
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.names = declared_names()
        self.fields["placement"].choices = [(name, name) for name in self.names]  # type: ignore[attr-defined]

    def clean_item(self) -> Item | None:
        """The item by its identifier."""
        name: str = self.cleaned_data["item"].strip()
        if not name:
            return None
        found = Item.objects.filter(external_id=name).first()
        if found is None:
            raise forms.ValidationError(f"There is no item {name!r}.")
        return found

    @property
    def placement_name(self) -> str:
        """The one chosen, else the first."""
        return str(self.cleaned_data.get("placement") or self.names[0])

    def look(self, visitor: str) -> Look:
        """Of a form that was checked."""
        item = self.cleaned_data.get("item")
        return Look(self.placement_name, visitor, item.pk if item else None)


def seen(look: Look, rules: RulesChange | None = None, **more: Any) -> tuple[Trace, Recommended]:
    """One run of the pipeline as the first page of the placement would be made; ``more`` of ``Asked``.

    Chance is drawn from the visitor's name, so that equal looks see the same; a language model is not
    asked to reorder. Raises what ``recommend`` does.
    """
    asked = Asked(
        placement=look.placement,
        now=more.pop("now", None) or timezone.now(),
        visitor=look.visitor,
        items=(look.item_id,) if look.item_id else (),
        depth=declared(look.placement).limit + MORE,
        seed=f"preview:{look.visitor}",
        by_model=False,
        **more,
    )
    trace = Trace()
    return trace, recommend(asked, trace=trace, rules=rules)
