"""What the dialogs of the spaces' pages ask and say before anything happens."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from retrieval import claims, spaces
from retrieval.exceptions import SpaceConflict
from retrieval.models import EmbeddingSpace
from retrieval.types import MODALITIES

State = EmbeddingSpace.State
SAY = "retrieval/admin/dialog.html"


class SayingForm(BaseDialogForm):
    """A dialog that says what would happen to this very space."""

    form_before_template = SAY

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """``lines`` to show, and a ``problem`` that would be met."""
        return {"lines": [], "problem": ""}


class SwitchForm(SayingForm):
    """Carries which space its reader saw active: whoever switched meanwhile is not overruled."""

    expected = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expected"].initial = spaces.active_id()


class ActivateForm(SwitchForm):
    """Offers to switch all the same where the backfill is unfinished."""

    force = forms.BooleanField(
        required=False,
        label="Switch although items are missing",
        widget=UnfoldBooleanWidget,
        help_text="They are not found until they are embedded.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self._missing():
            del self.fields["force"]

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """How many items the space does not have."""
        active = EmbeddingSpace.objects.filter(state=State.ACTIVE).values_list("name", flat=True)
        lines = [f"Active now: {active.first() or 'none'}."]
        if missing := self._missing():
            lines.append(f"{missing} items are not embedded in this space yet.")
        return {"lines": lines, "problem": ""}

    def _missing(self) -> int:
        return spaces.space_missing(int(self.object_id or 0))


class RollbackForm(SwitchForm):
    """Names the space that would answer again."""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """From which space to which."""
        active = EmbeddingSpace.objects.filter(state=State.ACTIVE).select_related("previous")
        row = active.defer("head", "previous__head").first()
        if row is None or row.previous is None:
            return {"lines": [], "problem": "No other space was active before."}
        return {"lines": [f"From {row.name} back to {row.previous.name}."], "problem": ""}


class RetireForm(SayingForm):
    """Says how much goes."""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """Vectors and megabytes."""
        try:
            plan = spaces.retirement(int(object_id or 0))
        except SpaceConflict as err:
            return {"lines": [], "problem": str(err)}
        lines = [f"{plan.vectors} items' vectors: {plan.bytes / 2**20:.1f} MB."]
        if plan.outputs:
            lines.append(
                f"{plan.outputs} stored outputs of encoders that no other live space uses: "
                f"{plan.output_bytes / 2**20:.1f} MB. A space with these encoders would have to "
                "encode everything again."
            )
        return {"lines": lines, "problem": ""}


class BackfillForm(SayingForm):
    """Says what there is to do."""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """Pending and failed items; why the space failed, if it did."""
        counts = claims.progress(int(object_id or 0))
        row = EmbeddingSpace.objects.defer("head").get(pk=int(object_id or 0))
        lines = [f"{counts['pending']} items are pending, {counts['failed']} failed."]
        if row.state == State.FAILED:
            lines.append(f"The space failed; is this repaired? {row.error}")
        return {"lines": lines, "problem": ""}


class NewSpaceForm(BaseDialogForm):
    """Name, encoders, fusion, metric."""

    name = forms.CharField(max_length=spaces.MAX_NAME, widget=UnfoldAdminTextInputWidget)
    profile = forms.ChoiceField(widget=UnfoldAdminSelectWidget, help_text="The encoders.")
    fusion = forms.ChoiceField(
        choices=EmbeddingSpace.Fusion,
        initial=EmbeddingSpace.Fusion.WEIGHTED,
        widget=UnfoldAdminSelectWidget,
        help_text="How an item's words, pictures and sounds become one vector. Training learns how much "
        "each counts; to set that yourself, create a space from the trained one.",
    )
    metric = forms.ChoiceField(
        choices=EmbeddingSpace.Metric,
        initial=EmbeddingSpace.Metric.COSINE,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        profiles = settings.RETRIEVAL["PROFILES"]
        self.fields["profile"].choices = [(name, name) for name in profiles]
        self.fields["profile"].initial = settings.RETRIEVAL["PROFILE"]

    def clean_name(self) -> str:
        """Allowed, and not taken, except by a space that failed before it had a head."""
        name: str = self.cleaned_data["name"]
        try:
            spaces.check_name(name)
        except SpaceConflict as err:
            raise forms.ValidationError(str(err)) from err
        if EmbeddingSpace.objects.filter(name=name).exclude(head_sha256="").exists():
            raise forms.ValidationError("A space with this name exists.")
        return name


class TrainForm(NewSpaceForm):
    """What ``manage.py space train`` asks; weights that are set need no training: see CreateForm."""

    seed = forms.IntegerField(
        initial=0,
        min_value=0,
        max_value=2**31 - 1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Of the split into items to train on and items to measure with.",
    )


class CreateForm(NewSpaceForm):
    """What ``manage.py space create`` asks."""

    source = forms.ModelChoiceField(
        queryset=EmbeddingSpace.objects.none(),
        required=False,
        label="From",
        widget=UnfoldAdminSelectWidget,
        empty_label="nothing: random projections",
        help_text="Take this space's head; its encoders must be the profile's.",
    )

    text_weight, image_weight, audio_weight = (
        forms.FloatField(
            required=False,
            min_value=0,
            label=f"Weight of {what}",
            widget=UnfoldAdminDecimalFieldWidget,
            help_text="Of the fusion 'weighted'. Blank: learned, if the space it is made from was "
            "trained, else equal.",
        )
        for what in ("words", "pictures", "sounds")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = EmbeddingSpace.objects.defer("head").exclude(head_sha256="")
        self.fields["source"].queryset = rows

    def clean(self) -> dict[str, Any]:
        """The source's encoders are the profile's; ``weights`` are good ones, or None."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        source = given.get("source")
        if source and source.profile != given.get("profile"):
            self.add_error("profile", f"The space {source.name} has the profile {source.profile}.")
        named = {name: given.get(f"{name}_weight") for name in MODALITIES}
        weights = {name: weight for name, weight in named.items() if weight is not None}
        given["weights"] = weights or None
        if weights and not any(f"{name}_weight" in self.errors for name in MODALITIES):
            try:
                spaces.weights_checked(given["fusion"], weights)
            except SpaceConflict as err:
                self.add_error("text_weight", str(err))
        return given
