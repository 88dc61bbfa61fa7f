"""The forms of an item's page: its own fields, its texts, its media.

They check everything the services would refuse, so that a mistake is shown at its field.
"""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin.fields import AttributesField, StoredFileWidget, TagsField
from catalog.content import ItemContent, TextContent, checked, checked_media
from catalog.exceptions import CatalogError, InvalidItem
from catalog.models import Item, ItemText, Media
from catalog.uploads import CheckedUpload, check_upload

LOGGED_WITHIN: Final = timedelta(seconds=10)
"""Between a change in the admin and its entry in the log."""
CONTENT_FIELDS: Final = (
    *("kind", "title", "description", "language", "tags", "attributes"),
    *("categories", "published", "published_at", "expires_at"),
)


class ItemForm(forms.ModelForm):
    """An item without its texts and media; ``content`` is what to store."""

    tags = TagsField()
    attributes = AttributesField()
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    """What the item was when the page was opened: see ``_check_unchanged``."""

    class Meta:
        model = Item
        fields = ("external_id", *CONTENT_FIELDS)
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["seen"] = _stamp(self.instance)

    def clean(self) -> dict[str, Any]:
        """Also what only ``catalog.content`` knows, such as limits on tags and attributes."""
        data = super().clean() or self.cleaned_data
        self._check_unchanged()
        try:
            checked(ItemContent(external_id=self._external_id(), **self._values(CONTENT_FIELDS)))
        except InvalidItem as err:
            for name, problem in err.errors.items():
                field = name.partition(".")[0]
                if field not in self.errors:
                    self.add_error(field if field in self.fields else None, problem)
        return data

    def _check_unchanged(self) -> None:
        """Of two who save the same item the second is told; the first one's change stays.

        The row is locked until the admin's transaction ends, so that two at once take turns.
        """
        seen = self.cleaned_data.get("seen")
        if not (self.instance.pk and seen):
            return
        rows = Item.objects.filter(pk=self.instance.pk)
        if connection.in_atomic_block:
            rows = rows.select_for_update()
        now = rows.only("content_version", "updated_at").first()
        if now is not None and _stamp(now) != seen:
            raise forms.ValidationError(
                f"The item was changed at {now.updated_at:%H:%M:%S} UTC, after you opened it"
                f"{_changed_by(now)}. Nothing of yours was saved: open it again beside this page, and "
                "take over what you typed.",
                code="changed_meanwhile",
            )

    @property
    def content(self) -> ItemContent:
        """Everything, for an item that is new."""
        return ItemContent(external_id=self._external_id(), **self._values(CONTENT_FIELDS))

    @property
    def changes(self) -> dict[str, Any]:
        """Only what the user changed: the rest may have changed meanwhile elsewhere."""
        return self._values([name for name in CONTENT_FIELDS if name in self.changed_data])

    def _external_id(self) -> str:
        return str(self.cleaned_data.get("external_id", self.instance.external_id))

    def _values(self, names: Any) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if "categories" in values:
            values["categories"] = tuple(category.path for category in values["categories"])
        if "tags" in values:
            values["tags"] = tuple(values["tags"])
        return values


def _stamp(item: Item) -> str:
    return f"{item.content_version} {item.updated_at.isoformat()}"


def _changed_by(item: Item) -> str:
    """Who changed it, if that was here: the admin's log is written in the same transaction."""
    last = (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Item), object_id=str(item.pk)
        )
        .select_related("user")
        .first()
    )
    near = last is not None and abs(last.action_time - item.updated_at) < LOGGED_WITHIN
    return f", by {last.user}" if last is not None and near else ""


class ItemTextForm(forms.ModelForm):
    """An item's words in one more language."""

    tags = TagsField()

    class Meta:
        model = ItemText
        fields = ("language", "title", "description", "tags")
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class ItemTextFormSet(PaginationInlineFormSet):
    """All of an item's other languages; ``contents`` is what to store."""

    def clean(self) -> None:
        """Also what only ``catalog.content`` knows."""
        super().clean()
        if any(self.errors):
            return
        try:
            checked(ItemContent(external_id="checked-elsewhere", texts=self.contents))
        except InvalidItem as err:
            raise forms.ValidationError([f"{k}: {v}" for k, v in err.errors.items()]) from err

    @property
    def contents(self) -> tuple[TextContent, ...]:
        """The texts that stay or are new."""
        return tuple(
            TextContent(
                language=data["language"],
                title=data["title"],
                description=data["description"],
                tags=tuple(data["tags"]),
            )
            for form in self.forms
            if (data := form.cleaned_data) and data.get("language") and not data.get("DELETE")
        )


class MediaForm(forms.ModelForm):
    """A stored file with its alt text and position, or a new file to check; see ``upload``."""

    upload: CheckedUpload | None = None

    class Meta:
        model = Media
        fields = ("file", "alt", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "position" not in self.fields:
            return  # who may only look has no fields
        position = self.fields["position"]
        if self.instance.pk:
            self.fields["file"].disabled = True
            self.fields["file"].widget = StoredFileWidget(self.instance)
        else:
            position.required = False
            position.help_text = "Empty: last."
            self.initial["position"] = None

    def clean_file(self) -> Any:
        """A new file is checked before anything stores or decodes it."""
        file = self.cleaned_data["file"]
        if self.instance.pk or not isinstance(file, UploadedFile):
            return file
        try:
            self.upload = check_upload(
                file.file,  # type: ignore[arg-type]  # the stubs say IO[Any]
                claimed_type=file.content_type,
                name=file.name or "",
            )
        except CatalogError as err:
            raise forms.ValidationError(str(err), code=err.code) from err
        return file

    def clean(self) -> dict[str, Any]:
        """Also what only ``catalog.content`` knows."""
        data = super().clean() or self.cleaned_data
        if "alt" in data:
            try:
                checked_media(data["alt"], {})
            except InvalidItem as err:
                self.add_error("alt", err.errors["alt"])
        return data

    def _post_clean(self) -> None:
        if self.cleaned_data.get("position") is None:
            # the service finds the last position; the column itself takes no NULL
            self.cleaned_data.pop("position", None)
        super()._post_clean()  # type: ignore[misc]  # private to Django, unknown to the stubs


class MediaFormSet(PaginationInlineFormSet):
    """All of an item's media: no file twice, no more than the settings allow."""

    def clean(self) -> None:
        """Refuses a second copy of a file at the form that brings it."""
        super().clean()
        kept = [form for form in self.initial_forms if not self._should_delete_form(form)]
        seen = {(form.instance.modality, form.instance.sha256) for form in kept}
        count = len(kept)
        for form in self.extra_forms:
            if form.upload is None or self._should_delete_form(form):
                continue
            count += 1
            identity = (str(form.upload.modality), form.upload.sha256)
            if identity in seen:
                form.add_error("file", "The item already has this file.")
            seen.add(identity)
        limit = settings.CATALOG["MAX_MEDIA_PER_ITEM"]
        if count > limit:
            raise forms.ValidationError(
                f"An item has at most {limit} media; here are {count}.", code="too_many_media"
            )
