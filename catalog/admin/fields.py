"""Form fields and widgets of the catalog's admin."""

import json
from typing import Any

from django import forms
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin import html
from catalog.models import Media


class TagsField(forms.CharField):
    """Tags, one a line: a tag may hold a comma."""

    def __init__(self, **kwargs: Any) -> None:
        options = {
            "required": False,
            "help_text": "One tag a line.",
            "widget": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        super().__init__(**{**options, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """The list as lines; what the user typed stays as it is."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """The lines that are not empty, repetitions left out."""
        lines = (line.strip() for line in (value or "").splitlines())
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares lists, not the text."""
        return list(initial or []) != self.to_python(data)


class AttributesField(forms.JSONField):
    """JSON that is readable while it is edited."""

    def __init__(self, **kwargs: Any) -> None:
        options = {
            "required": False,
            "initial": dict,
            "help_text": "A JSON object; filters and the API read it, embeddings do not.",
            "widget": UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "triad-code"}),
        }
        super().__init__(**{**options, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Indented; invalid input as it was typed."""
        text = super().prepare_value(value)
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False, indent=2)
        return text

    def clean(self, value: Any) -> Any:
        """Nothing typed is an empty object."""
        found = super().clean(value)
        return {} if found is None else found


class StoredFileWidget(forms.Widget):
    """A stored picture, sound or video in place of a file input: the bytes of a row never change."""

    # Django asks the first form of a formset whether the page uploads files
    needs_multipart_form = True

    def __init__(self, media: Media) -> None:
        super().__init__()
        self.stored = media

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """The preview; no input."""
        return html.preview(self.stored)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> None:
        """Never anything: see the class."""
        return
