"""Examples of policies in the admin: given, checked, shown."""

from typing import Any, Final

from django import forms
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.exceptions import CatalogError
from catalog.signatures import FORMATS
from catalog.uploads import CheckedUpload, check_upload
from retrieval.admin.reviews import about
from retrieval.models import PolicyExample
from retrieval.preprocess.text import normalise

Kind = PolicyExample.Kind
TYPES: Final = {known.extension: known.content_type for known in FORMATS}
FILE_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


class ExampleForm(forms.ModelForm):
    """A text, a file or an item: one of them. What is stored is not changed, only removed."""

    upload: CheckedUpload | None = None

    class Meta:
        model = PolicyExample
        fields = ("positive", "text", "item", "file")
        widgets = {"text": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean_text(self) -> str:
        """Without what nobody sees."""
        return normalise(self.cleaned_data["text"])

    def clean_file(self) -> Any:
        """Checked before anything stores or decodes it."""
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):
            return file
        try:
            self.upload = check_upload(
                file.file,  # type: ignore[arg-type]  # the stubs say IO[Any]
                claimed_type=file.content_type,
                name=file.name or "",
            )
        except CatalogError as err:
            raise forms.ValidationError(str(err), code=err.code) from err
        if self.upload.modality not in (Kind.IMAGE, Kind.AUDIO):
            raise forms.ValidationError("A film is no example: give a picture or a sound of it.")
        return file

    def clean(self) -> dict[str, Any]:
        """Exactly one thing; its kind follows."""
        data = super().clean() or self.cleaned_data
        given = [name for name in ("text", "item", "file") if data.get(name)]
        if not self.errors and len(given) != 1:
            raise forms.ValidationError("Give one of these: a text, an item, or a file.")
        if given == ["text"]:
            self.instance.kind = Kind.TEXT
        elif given == ["item"]:
            self.instance.kind = Kind.ITEM
        elif given == ["file"] and self.upload is not None:
            self.instance.kind = Kind(self.upload.modality)
            self.instance.sha256 = self.upload.sha256
            data["file"] = File(
                data["file"].file, name=f"{self.upload.sha256}.{self.upload.extension}"
            )
        return data


class ExampleInline(TabularInline):
    """What the policy is against, and what it is not meant to be against."""

    model = PolicyExample
    form = ExampleForm
    extra = 1
    hide_title = True
    autocomplete_fields = ("item",)
    fields = ("positive", "text", "item", "file")
    verbose_name = "example"
    verbose_name_plural = "new examples"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyExample]:
        """None of those stored: the panel shows them."""
        return super().get_queryset(request).none()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may change the policy."""
        return may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: another example is another row."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the policy."""
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the panel's buttons."""
        return False


def may_change(request: HttpRequest) -> bool:
    """Users who may write policies."""
    user = request.user
    return bool(user.has_perm("retrieval.change_policy") or user.has_perm("retrieval.add_policy"))


def example_shown(example: PolicyExample | None) -> SafeString:
    """Words, a picture, a player or an item; ``item__media`` is prefetched."""
    if example is None:
        return format_html('<span class="triad-quiet">{}</span>', "an example that is gone")
    if example.kind == Kind.TEXT:
        return format_html("<q>{}</q>", example.text)
    if example.item is not None:
        return about(example.item)
    url = reverse("admin:retrieval_policy_example", args=[example.pk])
    if example.kind == Kind.AUDIO:
        return format_html(
            '<audio class="triad-audio" controls preload="none" src="{}"></audio>', url
        )
    return format_html(
        '<img class="triad-thumb" src="{}" alt="{}" loading="lazy" decoding="async">',
        url,
        "example picture",
    )


def file_served(example: PolicyExample) -> HttpResponse:
    """An example's file, harmless whatever is in it. Raises Http404 without one."""
    try:
        file = example.file.open("rb")
    except (ValueError, FileNotFoundError) as err:
        raise Http404(str(example.pk)) from err
    kind = TYPES.get(example.file.name.rpartition(".")[2], "application/octet-stream")
    return FileResponse(file, content_type=kind, headers=FILE_HEADERS)  # type: ignore[return-value]
