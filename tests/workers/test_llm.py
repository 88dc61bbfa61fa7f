"""A worker of the queue llm answers with a local model, as a process of its own."""

import pytest

from recommender.exceptions import LlmUnavailable
from recommender.llm import calls
from recommender.llm.providers.types import Message
from tests.recommender.llm import tiny
from tests.workers.conftest import Processes, until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_answers_and_its_death_costs_a_call_only_its_time(
    processes: Processes, settings, tmp_path
):
    model = str(tiny.save(tmp_path / "tiny"))
    settings.LLM = settings.LLM | {"PROVIDER": "local", "MODEL": model}
    worker = processes.start(
        "worker", "-Q", "llm", "-c", "1", "--loglevel", "INFO",
        LLM="local", LLM_MODEL=model, LLM_DEVICE="cpu",
    )  # fmt: skip
    log = processes.folder / "worker.log"
    until(lambda: "loaded tiny" in log.read_text(), "the worker holds the model")

    asked = [Message("user", "A red boot?")]
    said = "".join(calls.stream("ask", asked, max_tokens=20, timeout_s=60))
    whole = calls.complete("ask", asked, max_tokens=20, timeout_s=60)

    assert whole.text == said != ""
    assert (whole.provider, whole.tokens_out) == ("local", 20)
    processes.kill(worker)
    with pytest.raises(LlmUnavailable) as caught:
        calls.complete("ask", asked, max_tokens=20, timeout_s=0.5)
    assert caught.value.code == "slow"
