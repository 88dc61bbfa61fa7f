"""What a provider is asked and what it says."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

Speaker: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. What others wrote is in it only as ``prompts.quoted`` gives it."""

    role: Speaker
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call. ``deadline``: of ``time.monotonic``; nothing waits beyond it."""

    messages: tuple[Message, ...]
    max_tokens: int
    deadline: float
    schema: Mapping[str, Any] | None = None
    """A JSON schema that the answer is to follow."""

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; negative beyond it."""
        return self.deadline - time.monotonic()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them."""

    tokens_in: int
    tokens_out: int


@dataclass(slots=True)
class Account:
    """What a provider notes about a call while it answers."""

    usage: Usage | None = None
    cut: bool = False
    """Whether the answer ended because it had ``max_tokens``."""


class Provider(Protocol):
    """Where answers come from: written piece by piece, so that every limit holds while they grow."""

    name: str

    def pieces(self, request: Request, account: Account) -> Iterator[str]:
        """The answer's text in pieces, to its end.

        Raises LlmUnavailable: ``slow`` at the request's deadline, wherever it is in a call by then,
        ``malformed`` for an answer that ended without saying so. Closing the iterator ends the call.
        """


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: ``data`` follows the schema that was asked for, None without one."""

    text: str
    data: Any
    tokens_in: int
    tokens_out: int
    cost: float
    """In the unit of the prices in the settings."""
    provider: str
    took_ms: int
    cut: bool = field(default=False)
    """Whether ``text`` ended because it had ``max_tokens``."""
