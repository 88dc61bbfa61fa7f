"""Calls to a language model by HTTP: the protocol, and every way in which an endpoint can break it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recommender.exceptions import LlmUnavailable
from recommender.llm import budget, calls, metrics, pauses
from recommender.llm.providers.types import Message, Usage

ASKED = (Message("system", "Be brief."), Message("user", "How are you?"))
SCHEMA = {
    "type": "object",
    "properties": {"ids": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}},
    "required": ["ids"],
    "additionalProperties": False,
}

UNBOUNDED = SCHEMA | {"properties": {"ids": {"type": "array", "items": {"type": "integer"}}}}
"""As endpoints take it in strict mode."""


def complete(schema=None, timeout_s=5.0, purpose="test", max_tokens=50):
    return calls.complete(purpose, ASKED, schema=schema, max_tokens=max_tokens, timeout_s=timeout_s)


def failure(**options) -> str:
    with pytest.raises(LlmUnavailable) as caught:
        complete(**options)
    return caught.value.code


def test_a_call_says_what_it_asks_and_gives_the_whole_answer_with_its_price(endpoint, settings):
    settings.LLM = settings.LLM | {"PRICE_IN": 2.0, "PRICE_OUT": 10.0}

    found = complete()

    assert found.text == "Fine."
    assert (found.tokens_in, found.tokens_out, found.provider) == (11, 3, "openai")
    assert found.cost == pytest.approx((11 * 2 + 3 * 10) / 1e6)
    assert (found.data, found.cut) == (None, False)
    assert endpoint.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How are you?"},
            ],
            "max_tokens": 50,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]
    assert endpoint.headers[0]["authorization"] == "Bearer k-secret"


def test_without_a_provider_nothing_is_asked(endpoint, settings):
    settings.LLM = settings.LLM | {"PROVIDER": "none"}

    assert failure() == "off"
    assert not calls.enabled()
    assert endpoint.requests == []


def test_an_answer_comes_in_pieces(endpoint):
    endpoint.reply = lambda _: "什么动物会飞？鸟会飞。"

    pieces = list(calls.stream("test", ASKED, max_tokens=50, timeout_s=5))

    assert pieces == ["什么动物会飞？", "鸟会飞。"]


def test_closing_a_stream_ends_the_call(endpoint):
    endpoint.always = "endless"
    pieces = calls.stream("test", ASKED, max_tokens=50, timeout_s=30)
    assert next(pieces) == "and "

    pieces.close()

    assert endpoint.hung_up.wait(10)
    assert metrics.report()["test"].outcomes == {"abandoned": 1}


@pytest.mark.parametrize(
    ("how", "sent"),
    [
        (
            "schema",
            {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": UNBOUNDED, "strict": True},
            },
        ),
        ("object", {"type": "json_object"}),
        ("prompt", None),
    ],
)
def test_json_is_asked_for_as_the_endpoint_takes_it_and_validated(endpoint, settings, how, sent):
    settings.LLM = settings.LLM | {"JSON": how}
    endpoint.reply = lambda _: '```json\n{"ids": [3, 1]}\n```'

    assert complete(SCHEMA).data == {"ids": [3, 1]}
    assert endpoint.requests[0].get("response_format") == sent


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here you are.",
        '{"ids": [1, 2',
        '{"ids": [1, 2, 3, 4]}',
        '{"ids": ["1"]}',
        '{"ids": [1], "rules": "none"}',
        '{"ids": [NaN]}',
        "[" * 20_000,
        "",
    ],
)
def test_an_answer_that_breaks_the_schema_is_malformed(endpoint, settings, text):
    settings.LLM = settings.LLM | {"MAX_ANSWER_BYTES": 1_000_000}
    endpoint.reply = lambda _: text

    assert failure(schema=SCHEMA) == "malformed"


def test_a_text_that_reached_its_limit_says_so(endpoint):
    endpoint.finish_reason = "length"

    assert complete().cut


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("dropped", "down"),
        ("failing", "down"),
        ("unauthorized", "down"),
        ("rate_limited", "rate_limited"),
        ("rate_limited_long", "rate_limited"),
        ("junk", "malformed"),
        ("junk_events", "malformed"),
        ("strange_events", "malformed"),
        ("listed", "malformed"),
        ("error_event", "malformed"),
        ("cut_off", "malformed"),
        ("wrong_encoding", "malformed"),
        ("packed", "malformed"),
        ("flooding", "malformed"),
        ("one_line", "malformed"),
        ("hanging", "slow"),
        ("trickling", "slow"),
        ("endless", "slow"),
    ],
)
def test_whatever_an_endpoint_does_a_call_ends_in_time_with_one_kind_of_error(
    endpoint, fault, code
):
    endpoint.always = fault
    started = time.perf_counter()

    assert failure(timeout_s=0.6 if code == "slow" else 20) == code

    assert time.perf_counter() - started < (2 if code == "slow" else 15)
    assert metrics.report()["test"].outcomes == {code: 1}


def test_a_call_that_is_given_up_closes_its_connection(endpoint):
    endpoint.always = "hanging"

    assert failure(timeout_s=0.3) == "slow"
    assert endpoint.hung_up.wait(10)


def test_an_endpoint_that_is_gone_is_down(endpoint):
    endpoint.close()

    assert failure() == "down"


@pytest.mark.parametrize("fault", ["dropped", "failing", "rate_limited"])
def test_what_may_pass_is_tried_again(endpoint, fault):
    endpoint.faults.append(fault)

    assert complete().text == "Fine."
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("fault", ["unauthorized", "rate_limited_long", "junk", "cut_off"])
def test_what_would_end_the_same_or_too_late_is_not_tried_again(endpoint, fault):
    endpoint.always = fault
    started = time.perf_counter()

    failure(timeout_s=10)

    assert len(endpoint.requests) == 1
    assert time.perf_counter() - started < 8


def test_the_longest_wait_of_the_settings_holds_for_every_call(endpoint, settings):
    settings.LLM = settings.LLM | {"TIMEOUT_S": 0.2}
    endpoint.always = "hanging"

    assert failure(timeout_s=60) == "slow"


def test_many_failures_in_a_row_pause_one_purpose(endpoint):
    endpoint.always = "unauthorized"
    for _ in range(pauses.FAILURES):
        assert failure() == "down"
    asked = len(endpoint.requests)
    endpoint.always = None

    assert failure() == "down"
    assert len(endpoint.requests) == asked
    assert complete(purpose="another").text == "Fine."


def test_an_answer_ends_a_row_of_failures(endpoint):
    for _ in range(pauses.FAILURES - 1):
        endpoint.faults.append("unauthorized")
        assert failure() == "down"
    assert complete().text == "Fine."
    endpoint.faults.append("unauthorized")
    assert failure() == "down"

    assert complete().text == "Fine."


def test_tokens_of_the_day_are_counted_and_end(endpoint, settings):
    most = sum(len(m.content) + budget.MESSAGE_TOKENS for m in ASKED) + 50
    settings.LLM = settings.LLM | {"TOKENS_A_DAY": most}

    complete()
    assert budget.spent().tokens == 14
    assert failure() == "budget"
    assert len(endpoint.requests) == 1


def test_money_of_the_day_is_counted_and_ends(endpoint, settings):
    settings.LLM = settings.LLM | {"PRICE_IN": 0.0, "PRICE_OUT": 1000.0, "MONEY_A_DAY": 0.052}

    complete()  # reserves 50 tokens, .05, and takes 3
    assert budget.spent().cost == pytest.approx(0.003)
    assert failure() == "budget"


def test_calls_at_the_same_moment_do_not_overspend(endpoint, settings):
    one = sum(len(m.content) + budget.MESSAGE_TOKENS for m in ASKED) + 50
    settings.LLM = settings.LLM | {"TOKENS_A_DAY": 3 * one}

    with ThreadPoolExecutor(8) as threads:
        held = list(threads.map(lambda _: _reserved(), range(8)))

    assert sorted(held) == [False] * 5 + [True] * 3


def _reserved() -> bool:
    try:
        budget.reserve(ASKED, 50)
    except LlmUnavailable:
        return False
    return True


def test_a_failed_call_costs_what_it_took(endpoint):
    endpoint.always = "unauthorized"

    failure()

    # what was sent may be billed; nothing came back
    assert budget.spent().tokens == sum(len(m.content) for m in ASKED) // 4


def test_an_endpoint_that_does_not_count_is_counted_for(endpoint):
    endpoint.usage = None
    endpoint.reply = lambda _: "x" * 40

    found = complete()

    assert (found.tokens_in, found.tokens_out) == (5, 10)


@pytest.mark.parametrize(
    "counted",
    [
        {"prompt_tokens": -100_000_000, "completion_tokens": -5},
        {"prompt_tokens": "x", "completion_tokens": None},
        {"prompt_tokens": 10**30, "completion_tokens": 3},
        {"prompt_tokens": 1.5, "completion_tokens": True},
    ],
)
def test_counts_that_cannot_be_true_are_guessed(endpoint, counted):
    endpoint.usage = counted
    endpoint.reply = lambda _: "x" * 40

    found = complete()

    assert (found.tokens_in, found.tokens_out) == (5, 10)
    assert budget.spent().tokens == 15


def test_no_more_wait_at_once_than_leave_threads_for_the_rest(endpoint):
    endpoint.always = "hanging"
    waiting = [
        calls.stream(f"test {at}", ASKED, max_tokens=5, timeout_s=1.5)
        for at in range(calls.WAITERS)
    ]
    with ThreadPoolExecutor(calls.WAITERS) as threads:
        asked = [threads.submit(next, stream) for stream in waiting]
        while len(endpoint.requests) < calls.WAITERS:
            time.sleep(0.01)

        assert failure() == "rate_limited"
        assert {type(one.exception()) for one in asked} == {LlmUnavailable}


def test_metrics_tell_outcomes_tokens_cost_and_time(endpoint, settings):
    settings.LLM = settings.LLM | {"PRICE_IN": 1.0, "PRICE_OUT": 1.0}
    complete(purpose="ask")
    calls.rejected("ask")
    endpoint.faults.append("unauthorized")
    failure(purpose="rerank")

    found = metrics.report()

    assert found["ask"].outcomes == {"ok": 1, "rejected": 1}
    assert (found["ask"].tokens_in, found["ask"].tokens_out) == (11, 3)
    assert found["ask"].cost == pytest.approx(14e-6)
    assert found["ask"].p50_ms == found["ask"].p95_ms in metrics.BUCKETS_MS
    assert found["rerank"].outcomes == {"down": 1}
    assert found["rerank"].p50_ms is None


def test_without_redis_a_call_with_a_budget_is_not_made_and_one_without_is(
    endpoint, settings, monkeypatch
):
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    for module in (budget, metrics, pauses):
        monkeypatch.setattr(module, "redis_client", lambda: away)

    assert failure() == "down"
    assert endpoint.requests == []
    settings.LLM = settings.LLM | {"TOKENS_A_DAY": 0}
    assert complete().text == "Fine."


class Broken:
    """A provider with a mistake in it."""

    name = "broken"

    def __init__(self, err: Exception, before: str = "") -> None:
        self.err, self.before = err, before

    def pieces(self, request, account):
        if self.before:
            yield self.before
        raise self.err


@pytest.mark.parametrize("before", ["", "Fi"])
@pytest.mark.parametrize(
    "err",
    [
        KeyError("choices"),
        RuntimeError("generator raised"),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
        MemoryError(),
    ],
)
def test_whatever_a_provider_raises_is_malformed(endpoint, monkeypatch, err, before):
    monkeypatch.setattr(calls, "provider", lambda: Broken(err, before))

    assert failure() == "malformed"
    assert metrics.report()["test"].outcomes == {"malformed": 1}


def test_a_provider_that_cannot_be_made_is_malformed(endpoint, monkeypatch):
    def provider():
        raise ImportError("no such package")

    monkeypatch.setattr(calls, "provider", provider)

    assert failure() == "malformed"


@pytest.mark.parametrize("err", [redis.ConnectionError("gone"), OSError("gone"), OverflowError()])
def test_an_answer_that_cannot_be_counted_is_an_answer(endpoint, monkeypatch, err):
    def gone(*_):
        raise err

    for module, name in ((budget, "settle"), (metrics, "took")):
        monkeypatch.setattr(module, name, gone)

    assert complete().text == "Fine."


def test_a_request_without_time_left_asks_nobody(endpoint):
    assert failure(timeout_s=calls.Deadline.after(0).within(5)) == "slow"
    assert endpoint.requests == []
    assert 4 < calls.Deadline.after(60).within(5) <= 5
    assert 0 < calls.Deadline.after(2).within(5) <= 2


def test_a_key_is_in_no_message(endpoint):
    endpoint.always = "unauthorized"
    with pytest.raises(LlmUnavailable) as caught:
        complete()
    assert "k-secret" not in str(caught.value)


def test_prices_are_of_a_million(settings):
    settings.LLM = settings.LLM | {"PRICE_IN": 3.0, "PRICE_OUT": 15.0}
    assert budget.cost(Usage(1_000_000, 2_000_000)) == 33.0
