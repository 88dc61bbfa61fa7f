"""The one way to a language model: bounded in time, size and money, checked, counted.

``LlmUnavailable`` is all it raises, and whoever calls it has an answer without.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from recommender.exceptions import LlmUnavailable
from recommender.llm import budget, metrics, pauses
from recommender.llm.providers import provider
from recommender.llm.providers.types import (
    Account,
    Completion,
    Message,
    Provider,
    Request,
    Usage,
)

log = logging.getLogger(__name__)

WAITERS: Final = max(1, settings.WEB_THREADS // 4)
"""Of a process that may wait for a model at once. Each holds one of its WEB_THREADS, so a slow model
would stop everything else.
"""
_waiting = threading.BoundedSemaphore(WAITERS)
CHARS_PER_TOKEN: Final = 4
"""For providers that do not count: about right for English, too few tokens for Chinese."""


PURPOSES: Final = ("understand", "rerank", "explain", "ask", "catalog")
"""What a model is asked for; ``LLM["PURPOSES"]`` says for which of them."""
_record: ContextVar["list[Made] | None"] = ContextVar("record", default=None)
_patience_s: ContextVar[float] = ContextVar("patience", default=0.0)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When somebody's patience ends: one for all the calls that a request makes."""

    at: float
    """Of ``time.monotonic``."""

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """So long from now."""
        return cls(time.monotonic() + seconds)

    def within(self, timeout_s: float) -> float:
        """What is left of ``timeout_s``; 0 or less: nothing, and a call is not made."""
        return min(timeout_s, self.at - time.monotonic())


def enabled(purpose: str = "") -> bool:
    """Whether there is a provider, and it is asked for this purpose."""
    if settings.LLM["PROVIDER"] == "none":
        return False
    off = purpose in PURPOSES and purpose not in settings.LLM["PURPOSES"]
    return not off or bool(_patience_s.get())


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made. ``outcome``: ok, abandoned, or the code of LlmUnavailable."""

    purpose: str
    outcome: str
    took_ms: int
    usage: Usage


@contextmanager
def recorded() -> Iterator[list[Made]]:
    """Every call that this thread makes while the block lasts."""
    made: list[Made] = []
    token = _record.set(made)
    try:
        yield made
    finally:
        _record.reset(token)


@contextmanager
def patient(timeout_s: float) -> Iterator[None]:
    """While the block lasts, calls wait so long whatever they say, for every purpose.

    For measuring what a model would say if it had the time.
    """
    token = _patience_s.set(timeout_s)
    try:
        yield
    finally:
        _patience_s.reset(token)


def complete(
    purpose: str,
    messages: Sequence[Message],
    *,
    schema: Mapping[str, Any] | None = None,
    max_tokens: int,
    timeout_s: float,
) -> Completion:
    """The whole answer; with a ``schema``, validated JSON in ``data``.

    ``purpose`` names what it is for in metrics and logs. Raises LlmUnavailable, within ``timeout_s``
    or ``LLM["TIMEOUT_S"]``, whichever is shorter.
    """
    call = _Call(purpose, messages, max_tokens, timeout_s, schema)
    text = "".join(call.run())
    usage = call.usage
    return Completion(
        text,
        call.data,
        usage.tokens_in,
        usage.tokens_out,
        budget.cost(usage),
        call.provider,
        call.took_ms,
        call.account.cut,
    )


def stream(
    purpose: str, messages: Sequence[Message], *, max_tokens: int, timeout_s: float
) -> Iterator[str]:
    """The answer in pieces, as ``complete`` otherwise.

    LlmUnavailable may come at the first piece or after some. Close the iterator to end the call.
    """
    return _Call(purpose, messages, max_tokens, timeout_s, None).run()


def rejected(purpose: str) -> None:
    """Count an answer that came whole and failed the checks of whoever asked for it."""
    metrics.counted(purpose, "rejected")


@dataclass(slots=True)
class _Call:
    purpose: str
    messages: Sequence[Message]
    max_tokens: int
    timeout_s: float
    schema: Mapping[str, Any] | None
    account: Account = field(default_factory=Account)
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    data: Any = None
    provider: str = ""
    took_ms: int = 0

    def run(self) -> Iterator[str]:
        """The pieces; then ``data`` is there. Counted however it ends."""
        started = time.perf_counter()
        outcome = "abandoned"
        try:
            yield from self._answered()
            outcome = "ok"
        except LlmUnavailable as err:
            outcome = err.code
            if err.code not in ("off", "budget"):
                log.warning("%s: %s", self.purpose, err)
            raise
        except Exception as err:
            # a provider may be anybody's code: whatever it raises costs the answer, not the request
            outcome = "malformed"
            log.exception("%s: the provider %s failed", self.purpose, self.provider)
            raise LlmUnavailable("malformed", f"the provider failed: {err!r}") from err
        finally:
            self.took_ms = round((time.perf_counter() - started) * 1000)
            _noted(metrics.took, self.purpose, outcome, self.took_ms, self.usage)
            if (record := _record.get()) is not None:
                record.append(Made(self.purpose, outcome, self.took_ms, self.usage))

    def _answered(self) -> Iterator[str]:
        asked = provider()
        if asked is None:
            raise LlmUnavailable("off", "LLM=none; set LLM=local or LLM=openai.")
        if not enabled(self.purpose):
            raise LlmUnavailable("off", f"LLM_PURPOSES does not name {self.purpose}.")
        if self.timeout_s <= 0 and not _patience_s.get():
            raise LlmUnavailable("slow", "the request has no time left for it.")
        self.provider = asked.name
        pauses.check(self.purpose)
        with _one_of_few():
            yield from self._asked(asked)

    def _asked(self, asked: Provider) -> Iterator[str]:
        held = budget.reserve(self.messages, self.max_tokens)
        timeout_s = _patience_s.get() or min(self.timeout_s, settings.LLM["TIMEOUT_S"])
        request = Request(
            tuple(self.messages), self.max_tokens, time.monotonic() + timeout_s, self.schema
        )
        texts: list[str] = []
        try:
            for piece in _bounded(asked.pieces(request, self.account), request):
                texts.append(piece)
                yield piece
            if self.schema is not None:
                self.data = _validated("".join(texts), self.schema)
        except LlmUnavailable as err:
            pauses.failed(self.purpose, err)
            raise
        else:
            pauses.answered(self.purpose)
        finally:
            self.usage = self.account.usage or self._guessed(texts)
            _noted(budget.settle, held, self.usage)

    def _guessed(self, texts: Sequence[str]) -> Usage:
        sent = sum(len(message.content) for message in self.messages)
        return Usage(sent // CHARS_PER_TOKEN, sum(map(len, texts)) // CHARS_PER_TOKEN)


def _noted(note: Callable[..., None], *what: Any) -> None:
    """Bookkeeping must not cost an answer that is there."""
    try:
        note(*what)
    except Exception:
        log.exception("A call of a language model was not counted")


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise LlmUnavailable("rate_limited", f"{WAITERS} others wait for one in this process.")
    try:
        yield
    finally:
        _waiting.release()


def _bounded(pieces: Iterator[str], request: Request) -> Iterator[str]:
    """At most ``LLM["MAX_ANSWER_BYTES"]``, until the deadline: a provider may break its promises."""
    most, size = settings.LLM["MAX_ANSWER_BYTES"], 0
    try:
        for piece in pieces:
            size += len(piece.encode(errors="replace"))
            if size > most:
                raise LlmUnavailable("malformed", f"it is over {most} bytes long.")
            if request.left_s < 0:
                raise LlmUnavailable("slow", "it did not end in time.")
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _validated(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value of an answer. Raises LlmUnavailable unless it follows the schema."""
    import jsonschema

    try:
        data = json.loads(_unfenced(text), parse_constant=_no_constant)
        jsonschema.Draft202012Validator(schema).validate(data)
    except (ValueError, RecursionError) as err:
        raise LlmUnavailable("malformed", f"it is no JSON: {err}") from err
    except jsonschema.ValidationError as err:
        raise LlmUnavailable("malformed", f"it breaks the schema: {err.message[:200]}") from err
    return data


def _unfenced(text: str) -> str:
    """Without the ``` fence that models put around JSON."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text.removeprefix("```").removesuffix("```").strip().removeprefix("json")
    return text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
