"""Answers that follow a JSON schema by construction: what the schema fixes is written, not asked for.

A model only ever chooses among what is allowed next (as in Jsonformer): the words of a text, the digits
of a number, one of listed values, whether a list goes on. So a small model, too, gives valid JSON; whether
the values are right, who asks must check.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

MAX_CHARS: Final = 80
"""Of a text without ``maxLength``."""
MAX_ITEMS: Final = 8
"""Of a list without ``maxItems``."""
MAX_DIGITS: Final = 9
MAX_RANGE: Final = 100
"""Whole numbers between bounds so far apart are listed values."""


class Unsupported(ValueError):
    """A schema has something that cannot be written by construction."""


class Writing(Protocol):
    """What ``local.Decoder`` does."""

    @property
    def count(self) -> int:
        """Tokens so far."""

    def best(self, allowed: Sequence[int] | None = None) -> int:
        """The likeliest next token of the allowed."""

    def take(self, token: int) -> None:
        """Go on with it."""

    def write(self, text: str) -> None:
        """Go on with this text."""

    def encoded(self, text: str) -> list[int]:
        """Tokens of a text."""

    def decoded(self, tokens: Sequence[int]) -> str:
        """Text of tokens."""


class SchemaWriter:
    """Writes one JSON value: objects, lists, texts, numbers, booleans, null, ``enum``, ``anyOf``.

    Beyond ``max_tokens`` every text is empty, every list ends and every choice is its first: the value
    stays valid. Raises Unsupported for a schema with anything else.
    """

    def __init__(self, decoder: Writing, schema: Mapping[str, Any], max_tokens: int) -> None:
        self._decoder, self._schema, self._most = decoder, schema, max_tokens

    def pieces(self) -> Iterator[str]:
        """The JSON text."""
        yield from self._value(self._schema)

    @property
    def _spent(self) -> bool:
        return self._decoder.count >= self._most

    def _fixed(self, text: str) -> str:
        self._decoder.write(text)
        return text

    def _value(self, schema: Mapping[str, Any]) -> Iterator[str]:
        if (values := _listed(schema)) is not None:
            yield self._one_of([json.dumps(value, ensure_ascii=False) for value in values])
            return
        kind = self._kind(schema)
        if kind == "object":
            yield from self._object(schema)
        elif kind == "array":
            yield from self._array(schema)
        elif kind == "string":
            yield self._text(schema)
        elif kind in ("integer", "number"):
            yield self._number()
        elif kind == "boolean":
            yield self._one_of(["true", "false"])
        elif kind == "null":
            yield self._fixed("null")
        else:
            raise Unsupported(f"a schema of type {kind!r}")

    def _kind(self, schema: Mapping[str, Any]) -> str:
        """Of several types the likeliest, by how a value of each begins."""
        if "anyOf" in schema:
            raise Unsupported("anyOf")
        kinds = schema.get("type")
        if not isinstance(kinds, list):
            return str(kinds)
        begins = {"null": "null", "string": '"', "array": "[", "object": "{", "boolean": "true"}
        options = {begins.get(kind, "1"): kind for kind in kinds}
        if self._spent:
            return "null" if "null" in kinds else kinds[0]
        first = {self._decoder.encoded(text)[0]: kind for text, kind in options.items()}
        if "integer" in kinds or "number" in kinds:
            number = "integer" if "integer" in kinds else "number"
            first |= dict.fromkeys(self._digits, number)
        return first[self._decoder.best(list(first))]

    def _object(self, schema: Mapping[str, Any]) -> Iterator[str]:
        properties = schema.get("properties", {})
        for at, (name, below) in enumerate(properties.items()):
            yield self._fixed(("{" if at == 0 else ", ") + json.dumps(name) + ": ")
            yield from self._value(below)
        yield self._fixed("}" if properties else "{}")

    def _array(self, schema: Mapping[str, Any]) -> Iterator[str]:
        items = schema.get("items", {"type": "string"})
        most, least = schema.get("maxItems", MAX_ITEMS), schema.get("minItems", 0)
        left = _listed(items) if schema.get("uniqueItems") else None
        yield self._fixed("[")
        for at in range(most):
            if left is not None and not left:
                break
            if at >= least and not self._goes_on(at):
                break
            if at:
                yield self._fixed(", ")
            if left is None:
                yield from self._value(items)
                continue
            said = self._one_of([json.dumps(value, ensure_ascii=False) for value in left])
            left.remove(json.loads(said))
            yield said
        yield self._fixed("]")

    def _goes_on(self, at: int) -> bool:
        if self._spent:
            return False
        end = self._decoder.encoded("]")[0]
        on = self._decoder.encoded(",")[0] if at else self._decoder.encoded('"')[0]
        return self._decoder.best([end, on, *([] if at else self._digits)]) != end

    def _text(self, schema: Mapping[str, Any]) -> str:
        """Until the model closes it; what JSON would escape ends it too."""
        self._decoder.write('"')
        most, said = schema.get("maxLength", MAX_CHARS), ""
        tokens: list[int] = []
        while not self._spent and len(said) < most:
            token = self._decoder.best()
            text = self._decoder.decoded([*tokens, token])
            piece = text[len(said) :]
            if not piece.strip("\ufffd") and len(tokens) > most:
                break
            if any(sign in piece for sign in '"\\\n\r\t') or "<|" in text or not text:
                said += piece.partition('"')[0] if '"' in piece and "\\" not in piece else ""
                break
            self._decoder.take(token)
            tokens.append(token)
            said = text if not text.endswith("\ufffd") else said
        self._decoder.write('"')
        return json.dumps(
            "".join(c for c in said[:most].strip() if c.isprintable()), ensure_ascii=False
        )

    def _number(self) -> str:
        digits = ""
        while not self._spent and len(digits) < MAX_DIGITS:
            end = self._decoder.encoded(",")[0]
            token = self._decoder.best([*self._digits, *([end] if digits else [])])
            if token == end:
                break
            self._decoder.take(token)
            digits += self._decoder.decoded([token]).strip()
        return str(int(digits or "0"))

    def _one_of(self, options: Sequence[str]) -> str:
        """The option whose tokens are likeliest one after another."""
        if self._spent:
            return options[0]
        left = {option: self._decoder.encoded(option) for option in options}
        at = 0
        while len(left) > 1:
            following = {tokens[at] for tokens in left.values() if len(tokens) > at}
            if len(following) < len({tuple(tokens[: at + 1]) for tokens in left.values()}):
                # one option is the beginning of another: the shorter ends here
                following.add(self._decoder.encoded(",")[0])
            token = self._decoder.best(sorted(following)) if len(following) > 1 else min(following)
            kept = {o: t for o, t in left.items() if len(t) > at and t[at] == token}
            if not kept:
                left = {o: t for o, t in left.items() if len(t) == at}
                break
            left = kept
            self._decoder.take(token)
            at += 1
        option, tokens = next(iter(left.items()))
        for token in tokens[at:]:
            self._decoder.take(token)
        return option

    @cached_property
    def _digits(self) -> list[int]:
        """Tokens of one digit."""
        found = {tuple(self._decoder.encoded(digit)) for digit in "0123456789"}
        return sorted(tokens[0] for tokens in found if len(tokens) == 1)


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """The values that are allowed, where they are few; None else."""
    if "enum" in schema:
        return list(schema["enum"])
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "integer" and {"minimum", "maximum"} <= set(schema):
        low, high = int(schema["minimum"]), int(schema["maximum"])
        return list(range(low, high + 1)) if high - low <= MAX_RANGE else None
    return None
