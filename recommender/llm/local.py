"""A language model in this process, by transformers: GGUF or safetensors, one answer at a time.

Only a worker of the queue ``llm`` runs it. Decoding is greedy and our own loop, for three reasons: it
ends between two tokens when nobody waits any more, it holds an answer to a JSON schema by choosing only
among what the schema allows, and it writes pieces as they come.
"""

import copy
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from rich.console import Console

from recommender.llm import weights
from recommender.llm.constrained import SchemaWriter
from recommender.llm.providers import tickets
from recommender.llm.providers.types import Message

log = logging.getLogger(__name__)

REPETITION: Final = 1.2
"""Divides the score of tokens that the answer has already (CTRL, arXiv 1909.05858): a small model that
decodes greedily repeats itself for ever.
"""
MAX_PROMPT_TOKENS: Final = 3_000
"""The end of a longer prompt is kept: what is asked stands there."""

KEPT: Final = 8
"""First messages that the network need not read again; each takes up to 10 MB of a small model."""

Logits = Any
Tokens = Sequence[int]


class LocalModel:
    """Loads once, at the first use; ``folder_or_file`` is a folder of the hub's layout or a GGUF file."""

    def __init__(self, folder_or_file: Path, *, device: str = "auto") -> None:
        self.path, self.device_wanted = folder_or_file, device
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._read: dict[tuple[int, ...], Any] = {}

    def load(self) -> tuple[Any, Any]:
        """Tokenizer and network. Raises OSError where there are no weights."""
        with self._lock:
            if self._loaded is None:
                started = time.perf_counter()
                self._loaded = self._load()
                log.info("loaded %s in %.0f s", self.path.name, time.perf_counter() - started)
            return self._loaded

    def _load(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder, options = self.path, {}
        if self.path.suffix == ".gguf":
            folder, options = self.path.parent, {"gguf_file": self.path.name}
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
        network = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, **options
        )
        device = self.device_wanted
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return tokenizer, network.eval().to(device)

    def answer(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        *,
        schema: Mapping[str, Any] | None = None,
        wanted: Callable[[], bool] = lambda: True,
        counted: dict[str, int] | None = None,
    ) -> Iterator[str]:
        """The answer in pieces, until its end, ``max_tokens``, or ``wanted`` says no.

        With a ``schema`` of the kinds that ``SchemaWriter`` knows, JSON that follows it. ``counted`` gets
        ``tokens_in``, ``tokens_out`` and ``cut``.
        """
        tokenizer, network = self.load()
        prompt = _prompt(tokenizer, messages)
        decoder = Decoder(
            tokenizer, network, prompt, self._beginning(tokenizer, network, prompt, messages)
        )
        counted = {} if counted is None else counted
        counted |= {"tokens_in": len(decoder.prompt), "tokens_out": 0, "cut": 0}
        if schema is None:
            written = decoder.text(max_tokens)
        else:
            written = SchemaWriter(decoder, schema, max_tokens).pieces()
        for piece in written:
            counted["tokens_out"] = decoder.count
            if not wanted():
                return
            yield piece
        counted |= {"tokens_out": decoder.count, "cut": int(decoder.count >= max_tokens)}

    def _beginning(
        self, tokenizer: Any, network: Any, prompt: Tokens, messages: Sequence[Message]
    ) -> "Read | None":
        """What the network made of the first message, which is the same in every call of a purpose."""
        first = _prompt(tokenizer, messages[:1], more=True)
        if len(messages) == 1 or list(prompt[: len(first)]) != first:
            return None
        key = tuple(first)
        if key not in self._read:
            decoder = Decoder(tokenizer, network, first)
            decoder.scores()
            while len(self._read) >= KEPT:
                self._read.pop(next(iter(self._read)))
            self._read[key] = decoder.past
        return Read(len(first), copy.deepcopy(self._read[key]))


@dataclass(frozen=True, slots=True)
class Read:
    """So many tokens of a prompt that the network has read, and its state then."""

    count: int
    past: Any


class Decoder:
    """One answer being written: the network's state, and which token is next."""

    def __init__(
        self, tokenizer: Any, network: Any, prompt: Tokens, read: Read | None = None
    ) -> None:
        self.tokenizer, self.network = tokenizer, network
        self.prompt = list(prompt)
        self._pending = list(prompt[read.count :] if read else prompt)
        self._past: Any = read.past if read else None
        self._said: list[int] = []
        self._scores: Logits = None
        ends = getattr(network.generation_config, "eos_token_id", None) or tokenizer.eos_token_id
        self.ends = frozenset(ends if isinstance(ends, list) else [ends])

    @property
    def past(self) -> Any:
        """The network's state after what it read so far."""
        return self._past

    @property
    def count(self) -> int:
        """Tokens of the answer so far."""
        return len(self._said)

    def text(self, max_tokens: int) -> Iterator[str]:
        """Free text in pieces that are whole characters."""
        shown = ""
        while self.count < max_tokens:
            token = self.best()
            if token in self.ends:
                return
            self.take(token)
            whole = self.tokenizer.decode(self._said, skip_special_tokens=True)
            if not whole.endswith("\ufffd") and len(whole) > len(shown):
                yield whole[len(shown) :]
                shown = whole

    def best(self, allowed: Sequence[int] | None = None) -> int:
        """The likeliest next token, of ``allowed`` if that is given."""
        import torch

        scores = self.scores()
        if allowed is None:
            return int(torch.argmax(scores))
        among = torch.tensor(list(allowed), device=scores.device)
        return int(among[torch.argmax(scores[among])])

    def scores(self) -> Logits:
        """(vocabulary,) float: higher is likelier; tokens said before are made less so."""
        import torch

        if self._scores is None:
            with torch.inference_mode():
                out = self.network(
                    input_ids=torch.tensor([self._pending], device=self.network.device),
                    past_key_values=self._past,
                    use_cache=True,
                )
            self._past, self._pending = out.past_key_values, []
            scores = out.logits[0, -1].float().clone()
            if self._said:
                before = torch.tensor(sorted(set(self._said)), device=scores.device)
                known = scores[before]
                scores[before] = torch.where(known > 0, known / REPETITION, known * REPETITION)
            self._scores = scores
        return self._scores

    def take(self, token: int) -> None:
        """The answer goes on with this token."""
        self._said.append(token)
        self._pending.append(token)
        self._scores = None

    def write(self, text: str) -> None:
        """The answer goes on with this text, whatever the network would say."""
        for token in self.encoded(text):
            self.take(token)

    def encoded(self, text: str) -> list[int]:
        """Its tokens, without special ones."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decoded(self, tokens: Tokens) -> str:
        """Their text."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))


def _prompt(tokenizer: Any, messages: Sequence[Message], *, more: bool = False) -> list[int]:
    """Tokens of the messages, and of the answer's beginning unless ``more`` of them follow."""
    said = [{"role": message.role, "content": message.content} for message in messages]
    if tokenizer.chat_template:
        found = tokenizer.apply_chat_template(
            said, add_generation_prompt=not more, return_dict=True
        )
        return list(found["input_ids"])[-MAX_PROMPT_TOKENS:]
    text = "\n\n".join(message.content for message in messages)
    return list(tokenizer.encode(text))[-MAX_PROMPT_TOKENS:]


_models: dict[tuple[int, Path], LocalModel] = {}


def model() -> LocalModel:
    """The configured one, of this process."""
    key = (os.getpid(), weights.path())
    if key not in _models:
        _models[key] = LocalModel(key[1], device=settings.LLM["DEVICE"])
    return _models[key]


def warm_up() -> threading.Thread:
    """Load in the background, fetched first if need be: who asks too early waits, or does without."""

    def load() -> None:
        try:
            weights.fetch(Console(stderr=True))
            model().load()
        except Exception:
            log.exception("the language model %s cannot be loaded", weights.path())

    thread = threading.Thread(target=load, name="load the language model", daemon=True)
    thread.start()
    return thread


def answer(ticket: str) -> None:
    """In a worker: write the answer of a ticket for who waits for it."""
    connection = tickets.client(tickets.SPARE_S)
    asked = tickets.take(connection, ticket)
    if asked is None:
        return
    counted: dict[str, int] = {}
    try:
        for piece in model().answer(
            asked.messages,
            asked.max_tokens,
            schema=asked.schema,
            wanted=lambda: tickets.wanted(connection, ticket),
            counted=counted,
        ):
            tickets.say(connection, ticket, {"text": piece})
    except Exception as err:
        log.exception("the language model failed")
        tickets.say(connection, ticket, {"failed": f"{type(err).__name__}: {err}"})
    else:
        if tickets.wanted(connection, ticket):
            tickets.say(connection, ticket, {"end": counted | {"cut": bool(counted["cut"])}})
    finally:
        connection.close()


def refuse(ticket: str) -> None:
    """In a worker that must not answer: say so to who waits."""
    with tickets.client(tickets.SPARE_S) as connection:
        tickets.say(connection, ticket, {"failed": "the queue llm is paused."})
