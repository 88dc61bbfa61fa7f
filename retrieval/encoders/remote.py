"""Texts by an HTTP endpoint: OpenAI's protocol, and text-embeddings-inference."""

import logging
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.preprocess.text import normalise
from retrieval.types import Role, Vectors

log = logging.getLogger(__name__)

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
REFUSED_CONTENT = frozenset({400, 413, 422})
"""The endpoint does not want this text: another may pass."""
CONNECT_TIMEOUT_S = 5.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
BLANK = "-"
"""Stands for a text without characters, which endpoints refuse."""


class RemoteEncoder(LocalEncoder, ABC):
    """Base: batches, time-outs, retries with back-off. Subclasses give ``_request`` and ``_rows``.

    ``base_url``: of the endpoint; not part of the fingerprint, so that a server may move. ``model``:
    whose vectors they are. ``dim``: their length. ``api_key`` goes into the Authorization header and
    nowhere else. A request is tried ``1 + retries`` times on connection errors, time-outs, 429 and
    5xx, Retry-After honoured up to LONGEST_WAIT_S; a query, for which somebody waits, at most twice
    and for ``query_timeout_s`` each.
    """

    modalities = frozenset({"text"})
    dim: int = 0

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        dim: int,
        api_key: str = "",
        timeout_s: float = 30.0,
        query_timeout_s: float = 5.0,
        retries: int = 4,
        query_prefix: str = "",
        document_prefix: str = "",
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise EncoderUnavailable(
                f"base_url={base_url!r} of {type(self).__name__} is no http(s) URL: set "
                "EMBEDDINGS_URL to the endpoint's, such as https://api.openai.com/v1."
            )
        if dim < 1:
            raise EncoderUnavailable(
                f"dim={dim} of {type(self).__name__}: set EMBEDDINGS_DIM to the length of the "
                "vectors that the endpoint gives."
            )
        if not model:
            raise EncoderUnavailable(
                f"model='' of {type(self).__name__}: set EMBEDDINGS_MODEL to the name of the model."
            )
        # whatever complained about such a key would print it
        if not (api_key.isascii() and api_key.isprintable()):
            raise EncoderUnavailable("EMBEDDINGS_KEY has characters that no key has: correct it.")
        prefixes = [query_prefix, document_prefix]
        super().__init__(batch_size=batch_size, model=model, dim=dim, prefixes=prefixes, **options)
        self.dim = dim
        self._name = model
        self._url = base_url.rstrip("/")
        self._api_key = api_key
        self._timeouts_s: dict[Role, float] = {"query": query_timeout_s, "document": timeout_s}
        self._retries = retries
        self._prefixes: dict[Role, str] = {"query": query_prefix, "document": document_prefix}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._url}>"

    @abstractmethod
    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        """Path below ``base_url`` and JSON body."""

    @abstractmethod
    def _rows(self, answer: Any) -> Any:
        """Lists of numbers, in the order of the texts. Any LookupError or TypeError is reported."""

    def _load(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        return httpx.Client(headers=headers)

    def _locked_vectors(self, batch: Sequence[str], role: Role) -> Vectors:
        """Without a lock while it waits: the client serves several threads."""
        with self._lock:
            if self._model is None or self._pid != os.getpid():
                self._model, self._pid = self._load(), os.getpid()
            client = self._model
        return self._vectors(client, batch, role)

    def _vectors(self, model: httpx.Client, batch: Sequence[str], role: Role) -> Vectors:
        texts = [self._prefixes[role] + (normalise(text) or BLANK) for text in batch]
        rows = self._answered(model, texts, role)
        wrong = [len(row) for row in rows if len(row) != self.dim]
        if not wrong:
            return np.stack(rows)
        # of the texts, or of the endpoint: it is asked for a text that is surely none of these
        if len(wrong) == len(rows) and len(self._answered(model, [BLANK], role)[0]) != self.dim:
            raise EncoderUnavailable(
                f"{self._url} gives vectors of {wrong[0]} numbers, not {self.dim}: correct "
                "EMBEDDINGS_DIM or the model."
            )
        raise EncoderFailed(
            f"{self._url} gave {wrong[0]} numbers for a text, not {self.dim}.", "encoder_wrong_dim"
        )

    def _answered(
        self, client: httpx.Client, texts: list[str], role: Role
    ) -> list[NDArray[np.float32]]:
        """A vector of each text, of whatever length."""
        path, body = self._request(texts)
        answer = self._post(client, f"{self._url}{path}", body, role)
        try:
            rows = [_numbers(row) for row in self._rows(answer.json())]
        except (LookupError, TypeError, ValueError) as err:
            raise EncoderUnavailable(
                f"{self._url}{path} answered something else than embeddings: {answer.text[:200]!r}"
            ) from err
        if len(rows) != len(texts):
            raise EncoderUnavailable(
                f"{self._url}{path} gave {len(rows)} vectors for {len(texts)} texts."
            )
        return rows

    def _post(
        self, client: httpx.Client, url: str, body: dict[str, Any], role: Role
    ) -> httpx.Response:
        """The answer to a request that succeeded, perhaps after retries."""
        retries = self._retries if role == "document" else min(self._retries, 1)
        longest_s = LONGEST_WAIT_S if role == "document" else FIRST_WAIT_S
        timeout = httpx.Timeout(self._timeouts_s[role], connect=CONNECT_TIMEOUT_S)
        for attempt in range(retries + 1):
            try:
                answer = client.post(url, json=body, timeout=timeout)
            except httpx.InvalidURL as err:
                raise EncoderUnavailable(f"{url} is no URL: {err}") from err
            except httpx.TransportError as err:
                problem, wait_s = f"{type(err).__name__}: {err}", None
            else:
                if answer.is_success:
                    return answer
                problem = f"HTTP {answer.status_code}: {answer.text[:200]}"
                if answer.status_code not in RETRIED:
                    raise self._refusal(url, answer.status_code, problem)
                wait_s = _retry_after_s(answer)
            if attempt < retries:
                wait_s = min(longest_s, _back_off_s(attempt) if wait_s is None else wait_s)
                log.warning("%s: %s; again in %.1f s", url, problem, wait_s)
                time.sleep(wait_s)
        raise EncoderUnavailable(
            f"{url} did not answer {retries + 1} times, at last with {problem}. It will be "
            "tried again; see that it runs and that this machine may reach it.",
            transient=True,
        )

    def _refusal(self, url: str, status: int, problem: str) -> Exception:
        if status in REFUSED_CONTENT:
            return EncoderFailed(f"{url} refused the text: {problem}", "encoder_rejected")
        if status in {401, 403}:
            return EncoderUnavailable(f"{url} refused the key: {problem}. Set EMBEDDINGS_KEY.")
        return EncoderUnavailable(f"{url}: {problem}. See EMBEDDINGS_URL and EMBEDDINGS_MODEL.")


class OpenAIEmbeddings(RemoteEncoder):
    """``POST {base_url}/embeddings`` as OpenAI and many servers answer it.

    ``send_dimensions``: ask for vectors of ``dim`` (models that can shorten theirs).
    """

    def __init__(self, *, send_dimensions: bool = False, **options: Any) -> None:
        super().__init__(send_dimensions=send_dimensions, **options)
        self._send_dimensions = send_dimensions

    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {"model": self._name, "input": texts, "encoding_format": "float"}
        if self._send_dimensions:
            body["dimensions"] = self.dim
        return "/embeddings", body

    def _rows(self, answer: Any) -> Any:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        if [row["index"] for row in rows] != list(range(len(rows))):
            raise ValueError("indices are not 0, 1, 2, …")
        return [row["embedding"] for row in rows]


class TextEmbeddingsInference(RemoteEncoder):
    """``POST {base_url}/embed`` of text-embeddings-inference, which serves one model: its name is not
    sent.
    """

    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        return "/embed", {"inputs": texts, "truncate": True, "normalize": True}

    def _rows(self, answer: Any) -> Any:
        if not isinstance(answer, list):
            raise TypeError("not a list")
        return answer


def _numbers(row: Any) -> NDArray[np.float32]:
    """(n,). Raises TypeError or ValueError."""
    found = np.asarray(row, dtype=np.float32)
    if found.ndim != 1:
        raise TypeError("no list of numbers")
    return found


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds the server asks to wait; None if it does not say (a date counts as not saying)."""
    try:
        return max(0.0, float(answer.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _back_off_s(attempt: int) -> float:
    """Doubling, with jitter, so that workers do not return all at once."""
    return FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311
