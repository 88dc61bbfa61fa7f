"""Fields for a placement's options that are no single number: their values are what JSON stores.

Each is empty (None: as it is otherwise), or says that there shall be nothing, or says what. What a widget
reads is ``{"nothing": bool, "given": ...}``, with texts as they were typed, until the field has cleaned it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES

INPUT: Final = " ".join(INPUT_CLASSES)
BOTH: Final = "Either untick “{}”, or leave the rest empty."
Names = Mapping[str, str]
"""Name → what people call it."""


class OptionWidget(forms.Widget):
    """Several inputs named ``<option>-<part>``, and a box to say that there shall be nothing."""

    use_fieldset = True
    template: ClassVar[str]
    nothing = ""
    """The label of the box; without one there is none."""

    def id_for_label(self, id_: str) -> str:
        """There is no single input."""
        return ""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """The inputs with what was given, or typed."""
        value = value or {"nothing": False, "given": None}
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "nothing": self.nothing,
            "is_nothing": value["nothing"],
            "input": INPUT,
            **self.parts(value["given"]),
        }
        return render_to_string(self.template, context)

    def parts(self, given: Any) -> dict[str, Any]:
        """What the template shows."""
        raise NotImplementedError

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> dict[str, Any]:
        """As typed."""
        return {"nothing": bool(data.get(f"{name}-nothing")), "given": self.read(data, name)}

    def read(self, data: Mapping[str, Any], name: str) -> Any:
        """What was typed; something false if that is nothing."""
        raise NotImplementedError

    def value_omitted_from_data(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> bool:
        """Ticked boxes and empty inputs look alike: what is not there was left empty."""
        return False


class OptionField(forms.Field):
    """Cleans what its widget read into JSON, or None for as it is otherwise."""

    widget: OptionWidget
    none: ClassVar[Any] = None
    """What is stored for nothing."""

    def prepare_value(self, value: Any) -> Any:
        """What the widget shows of a stored value; what was typed stays as it is."""
        if value is None or (isinstance(value, dict) and value.keys() == {"nothing", "given"}):
            return value
        empty = bool(self.widget.nothing) and value == self.none
        return {"nothing": empty, "given": None if empty else value}

    def clean(self, value: Any) -> Any:
        """Raises ValidationError for what is no value; whether it makes sense is asked elsewhere."""
        if value["nothing"] and value["given"]:
            raise forms.ValidationError(BOTH.format(self.widget.nothing))
        if value["nothing"]:
            return self.none
        return self.read(value["given"]) if value["given"] else None

    def read(self, given: Any) -> Any:
        """The value of inputs of which one at least was filled in."""
        return given

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares values."""
        try:
            return bool(self.clean(data) != initial)
        except forms.ValidationError:
            return True


# --- numbers by name -----------------------------------------------------------------------------


class NumbersWidget(OptionWidget):
    """A number beside each name; what it is otherwise as its placeholder."""

    template = "recommender/admin/option_numbers.html"

    def __init__(self, names: Names, *, step: str, nothing: str = "") -> None:
        super().__init__()
        self.names, self.step, self.nothing = names, step, nothing
        self.usual: Mapping[str, Any] = {}

    def parts(self, given: Any) -> dict[str, Any]:
        """Stored names that are unknown by now have a line too, so that they can be removed."""
        given = given or {}
        unknown = {name: name for name in given if name not in self.names}
        lines = [
            (name, label, given.get(name, ""), self.usual.get(name, ""))
            for name, label in {**self.names, **unknown}.items()
        ]
        return {"lines": lines, "step": self.step}

    def read(self, data: Mapping[str, Any], name: str) -> dict[str, str]:
        """By name, those that were filled in."""
        start = f"{name}-of-"
        typed = {key: data[key].strip() for key in data if key.startswith(start)}
        return {key.removeprefix(start): value for key, value in typed.items() if value}


class NumbersField(OptionField):
    """Name → number."""

    none = {}

    def __init__(
        self, names: Names, *, whole: bool = False, nothing: str = "", **kwargs: Any
    ) -> None:
        widget = NumbersWidget(names, step="1" if whole else "any", nothing=nothing)
        self.number = forms.IntegerField() if whole else forms.FloatField()
        super().__init__(widget=widget, required=False, **kwargs)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """In the widget's order."""
        read, problems = {}, []
        for name, typed in given.items():
            try:
                read[name] = self.number.clean(typed)
            except forms.ValidationError as err:
                problems += [f"{name}: {said}" for said in err.messages]
        if problems:
            raise forms.ValidationError(problems)
        return read


# --- some of several names -----------------------------------------------------------------------


class ChosenWidget(OptionWidget):
    """A box beside each name."""

    template = "recommender/admin/option_chosen.html"

    def __init__(self, names: Callable[[], Sequence[str]], *, nothing: str) -> None:
        super().__init__()
        self.names, self.nothing = names, nothing

    def parts(self, given: Any) -> dict[str, Any]:
        """Stored names that are unknown by now are there too, so that they can be unticked."""
        given = given or []
        names = dict.fromkeys([*self.names(), *given])
        return {"boxes": [(name, name in given) for name in names]}

    def read(self, data: Mapping[str, Any], name: str) -> list[str]:
        """The ticked ones."""
        return listed(data, f"{name}-of")


class ChosenField(OptionField):
    """Names in any order; those stored keep theirs."""

    none = []

    def __init__(self, names: Callable[[], Sequence[str]], *, nothing: str, **kwargs: Any) -> None:
        super().__init__(widget=ChosenWidget(names, nothing=nothing), required=False, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """The order means nothing."""
        if isinstance(initial, list) and not data["nothing"] and data["given"]:
            return sorted(initial) != sorted(data["given"])
        return super().has_changed(initial, data)


class OrderWidget(OptionWidget):
    """First, second, third: a choice each."""

    template = "recommender/admin/option_order.html"
    SHOWN: Final = 3

    def __init__(self, names: Names, *, nothing: str) -> None:
        super().__init__()
        self.names, self.nothing = names, nothing

    def parts(self, given: Any) -> dict[str, Any]:
        """As many choices as are used, and one more."""
        given = list(given or [])
        count = min(max(self.SHOWN, len(given) + 1), len(self.names))
        unknown = {name: name for name in given if name not in self.names}
        places = given + [""] * (count - len(given))
        return {"places": places, "choices": {**self.names, **unknown}.items()}

    def read(self, data: Mapping[str, Any], name: str) -> list[str]:
        """In their order; what was left empty closes up."""
        return [each for each in listed(data, f"{name}-of") if each]


class OrderField(OptionField):
    """Names in an order, each once."""

    none = []

    def __init__(self, names: Names, *, nothing: str, **kwargs: Any) -> None:
        super().__init__(widget=OrderWidget(names, nothing=nothing), required=False, **kwargs)

    def read(self, given: list[str]) -> list[str]:
        """Raises ValidationError if one is named twice."""
        if twice := [name for at, name in enumerate(given) if name in given[:at]]:
            raise forms.ValidationError(f"{twice[0]} is named twice.")
        return given


def listed(data: Any, key: str) -> list[str]:
    """All values of a key, of a form or of a plain mapping."""
    if isinstance(data, MultiValueDict):
        return data.getlist(key)
    found = data.get(key, [])
    return [found] if isinstance(found, str) else list(found)
