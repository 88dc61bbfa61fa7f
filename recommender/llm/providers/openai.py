"""Any endpoint that speaks OpenAI's protocol, by the official client.

The client runs in an event loop of its own in one thread of the process, because only a cancelled
coroutine ends at a deadline wherever it is: while it connects, while headers or an event trickle in,
while it waits before another try. Threads that ask wait on a queue.
"""

import asyncio
import contextlib
import logging
import os
import queue
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from django.conf import settings

from recommender.exceptions import LlmUnavailable
from recommender.llm.providers.types import Account, Request, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

log = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 0.2
"""Before the second try; doubled before each other, with jitter."""
OVERHEAD: Final = 40
"""Bytes on the wire for one of the answer: an event of some 200 bytes may carry a single token."""
QUEUED: Final = 1_000
"""Pieces that may wait for whoever asked."""
RETRIED: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
MOST_TOKENS: Final = 10_000_000
"""Of one call: a count above is none."""
SAID_CHARS: Final = 200
"""Of what an endpoint says about an error, for the log."""

_Said = str | LlmUnavailable | None
"""A piece, a failure, or the end."""


class OpenAIProvider:
    """``POST {base_url}/chat/completions``, streamed."""

    name = "openai"
    _shared: "OpenAIProvider | None" = None
    _lock = threading.Lock()

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = dict(options)
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="llm", daemon=True).start()
        self._client = self._run(self._made()).result()

    @classmethod
    def shared(cls) -> "OpenAIProvider":
        """One for the process and its settings; a forked child makes its own."""
        with cls._lock:
            kept = cls._shared
            if kept is None or kept._pid != os.getpid() or kept.options != settings.LLM:
                if kept is not None and kept._pid == os.getpid():
                    kept.close()
                cls._shared = kept = cls(settings.LLM)
            return kept

    def close(self) -> None:
        """End the loop and its thread."""
        self._run(self._client.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def pieces(self, request: Request, account: Account) -> Iterator[str]:
        """See ``Provider``."""
        said: queue.Queue[_Said] = queue.Queue()
        answering = self._run(self._answer(request, account, said))
        try:
            while True:
                try:
                    piece = said.get(timeout=max(0.0, request.left_s))
                except queue.Empty:
                    raise LlmUnavailable("slow", f"{self._where} took too long.") from None
                if piece is None:
                    return
                if isinstance(piece, LlmUnavailable):
                    raise piece
                yield piece
        finally:
            answering.cancel()

    @property
    def _where(self) -> str:
        return str(self.options["BASE_URL"])

    def _run(self, coroutine: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _made(self) -> "AsyncOpenAI":
        import httpx2
        from openai import AsyncOpenAI

        most = self.options["MAX_ANSWER_BYTES"] * OVERHEAD

        async def bounded(response: httpx2.Response) -> None:
            # an answer that unpacks to gigabytes was not asked for
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise LlmUnavailable("malformed", f"{self._where} answered compressed.")
            response.stream = _bounded_stream(response.stream, most)

        http = httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            timeout=None,
            follow_redirects=False,
            event_hooks={"response": [bounded]},
        )
        return AsyncOpenAI(
            api_key=self.options["API_KEY"] or "none",
            base_url=self.options["BASE_URL"],
            http_client=http,
            max_retries=0,  # ours knows the deadline
        )

    async def _answer(self, request: Request, account: Account, said: "queue.Queue[_Said]") -> None:
        """Put pieces, then None or a failure."""
        try:
            async for piece in self._tried(request, account):
                while said.qsize() >= QUEUED:  # whoever asked is slower than the endpoint
                    await asyncio.sleep(0.01)
                said.put(piece)
            said.put(None)
        except LlmUnavailable as err:
            said.put(err)
        except Exception as err:
            said.put(_failure(err))

    async def _tried(self, request: Request, account: Account) -> AsyncGenerator[str, None]:
        """Again on what may pass, while nothing was said yet and time is left."""
        for attempt in range(1 + self.options["RETRIES"]):
            begun = False
            try:
                async with contextlib.aclosing(self._asked(request, account)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except Exception as err:
                wait_s = _wait_s(err, attempt)
                last = attempt == self.options["RETRIES"]
                if begun or last or wait_s is None or wait_s >= request.left_s:
                    raise
                log.info("%s; again in %.1f s", _failure(err), wait_s)
                await asyncio.sleep(wait_s)
            else:
                return

    async def _asked(self, request: Request, account: Account) -> AsyncGenerator[str, None]:
        stream: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(
            model=self.options["MODEL"],
            messages=[{"role": m.role, "content": m.content} for m in request.messages],
            max_tokens=request.max_tokens,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
            **_json_options(self.options["JSON"], request),
        )
        ended = False
        async with stream:
            async for chunk in stream:
                if chunk.usage is not None:
                    account.usage = _usage(chunk.usage)
                for choice in (chunk.choices or [])[:1]:
                    ended = ended or choice.finish_reason is not None
                    account.cut = account.cut or choice.finish_reason == "length"
                    if choice.delta is not None and choice.delta.content:
                        yield _text(choice.delta.content)
        if not ended:
            raise LlmUnavailable("malformed", f"{self._where} ended in the middle.")


def _json_options(how: str, request: Request) -> dict[str, Any]:
    if request.schema is None or how == "prompt":
        return {}
    if how == "object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "answer", "schema": plain(request.schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


LIMITS: Final = frozenset(
    {
        "maxLength",
        "minLength",
        "maxItems",
        "minItems",
        "uniqueItems",
        "minimum",
        "maximum",
        "pattern",
    }
)
"""Of JSON schema, refused by endpoints in strict mode; the answer is validated against the whole schema."""


def plain(schema: Any) -> Any:
    """A schema without LIMITS."""
    if isinstance(schema, list | tuple):
        return [plain(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        name: {key: plain(each) for key, each in value.items()}
        if name == "properties"
        else plain(value)
        for name, value in schema.items()
        if name not in LIMITS
    }


def _bounded_stream(stream: Any, most: int) -> Any:
    """The raw bytes of a response, at most so many: an event without end would fill the memory."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for data in stream:
                read += len(data)
                if read > most:
                    raise LlmUnavailable("malformed", f"the answer is over {most} bytes long.")
                yield data

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()


def _failure(err: Exception) -> LlmUnavailable:
    """What a client's error means to whoever asked."""
    import openai

    found: BaseException | None = err
    while found is not None:  # raised in a hook or a stream, the client wraps it
        if isinstance(found, LlmUnavailable):
            return found
        found = found.__cause__
    said = str(err)[:SAID_CHARS]
    if isinstance(err, openai.RateLimitError):
        return LlmUnavailable("rate_limited", said)
    if isinstance(err, openai.APIStatusError):
        return LlmUnavailable("down", f"{said} (see LLM_BASE_URL, LLM_API_KEY, LLM_MODEL)")
    if isinstance(err, openai.APIConnectionError):
        return LlmUnavailable("down", f"{said} {err.__cause__ or ''}")
    return LlmUnavailable("malformed", f"{type(err).__name__}: {said}")


def _wait_s(err: Exception, attempt: int) -> float | None:
    """How long to wait before another try; None where it would end the same."""
    import openai

    if _failure(err).code == "malformed":
        return None
    if isinstance(err, openai.APIStatusError):
        if err.status_code not in RETRIED:
            return None
        try:
            return max(0.0, float(err.response.headers["Retry-After"]))
        except (KeyError, ValueError):
            pass
    return FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _text(content: Any) -> str:
    """The client checks no types: whatever an endpoint sends arrives."""
    if not isinstance(content, str):
        raise LlmUnavailable("malformed", "a piece of it is no text.")
    return content


def _usage(said: Any) -> Usage | None:
    """None, so that it is guessed, unless both counts can be true: they spend the day's budget."""
    sent, written = (getattr(said, name, None) for name in ("prompt_tokens", "completion_tokens"))
    return Usage(sent, written) if _counts(sent) and _counts(written) else None


def _counts(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MOST_TOKENS
