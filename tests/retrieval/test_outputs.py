"""Whatever an encoder gives, only finite unit rows of its dimension are stored."""

import hashlib

import pytest

from retrieval import encoders, outputs, services, spaces
from retrieval.exceptions import EncoderFailed, EncoderUnavailable, InvalidQuery
from retrieval.models import Embedding, EncoderOutput
from tests.retrieval.conftest import make_item

UNRULY = {"text": {"BACKEND": "tests.fakes.UnrulyTextEncoder"}}

PROMISES = [
    ("a nan", "encoder_not_finite", "UnrulyTextEncoder gave a vector that is not finite."),
    ("infinite", "encoder_not_finite", "UnrulyTextEncoder gave a vector that is not finite."),
    ("zero", "encoder_zero_vector", "UnrulyTextEncoder gave a zero vector."),
    ("long", "encoder_not_unit", "UnrulyTextEncoder gave a vector of norm 2, not 1."),
    ("wide", "encoder_wrong_dim", "UnrulyTextEncoder of dim 96 gave shape (1, 97)."),
    ("more", "encoder_wrong_count", "UnrulyTextEncoder gave 2 rows for 1."),
]


@pytest.fixture
def unruly(db, settings) -> spaces.Space:
    profiles = {**settings.RETRIEVAL["PROFILES"], "unruly": UNRULY}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILE": "unruly", "PROFILES": profiles}
    spaces.ensure_active_space("unruly", 64)
    return spaces.active_space()


@pytest.mark.parametrize(("title", "code", "message"), PROMISES)
def test_a_broken_promise_fails_its_item_and_only_that(unruly, title, code, message):
    good, bad = make_item("good", "a frog"), make_item("bad", title)

    report = services.embed_items(unruly.id, [good.pk, bad.pk])

    assert (report.embedded, report.failed) == (1, 1)
    assert Embedding.objects.get(item=good).status == "ready"
    row = Embedding.objects.get(item=bad)
    assert (row.status, row.error_code, row.error) == ("failed", code, message)
    assert (row.text, row.fused, row.content_version) == (None, None, 0)
    fingerprint = encoders.encoder_for("text", "unruly").fingerprint
    stored = EncoderOutput.objects.filter(encoder=fingerprint)
    assert list(stored.values_list("content_hash", flat=True)) == [
        hashlib.sha256(b"a frog").hexdigest()
    ]


@pytest.mark.parametrize(("title", "code", "message"), PROMISES)
def test_a_query_is_held_to_the_same(unruly, title, code, message):
    from retrieval.queries import text_vector

    expected = InvalidQuery if code == "encoder_zero_vector" else EncoderUnavailable
    with pytest.raises(expected) as caught:
        text_vector(unruly, title)
    cause = caught.value.__cause__
    assert isinstance(cause, EncoderFailed)
    assert (cause.code, str(cause)) == (code, message)


def test_what_keeps_its_promises_passes(unruly):
    encoder = encoders.encoder_for("text", "unruly")
    vectors = encoder.encode("text", ["a frog", "a drum"])
    assert outputs.checked(encoder, vectors, 2) is vectors
