"""What a space may be called."""

import pytest

from retrieval import spaces
from retrieval.exceptions import SpaceConflict
from retrieval.models import EmbeddingSpace


@pytest.mark.parametrize("name", ["x", "spring 2", "x" * 100, "春", "trained 2026-11-23 10:00:00"])
def test_allowed(name):
    spaces.check_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " x", "x ", "x\n", "a\nb", "a\tb", "a\0b", "a\x1b[1m", "a\u2028b", "x" * 101]
)
def test_refused(name):
    with pytest.raises(SpaceConflict, match="1 to 100 printable characters, on one line"):
        spaces.check_name(name)


@pytest.mark.django_db
def test_a_failed_creation_leaves_no_space_of_such_a_name():
    with pytest.raises(SpaceConflict, match="1 to 100 printable"):
        spaces.space_create_failed(
            "a\nb", "x", profile="fake", trained=False, fusion="weighted", metric="cosine", dim=8
        )
    assert not EmbeddingSpace.objects.exists()


@pytest.mark.django_db
def test_a_failed_space_without_a_head_leaves_its_name_free():
    spaces.space_create_failed(
        "x", "no weights", profile="fake", trained=False, fusion="weighted", metric="cosine", dim=8
    )
    spaces.check_new("x", dim=8, fusion="weighted")
    row = spaces.space_create_untrained("x", profile="fake", dim=8)
    assert (row.state, EmbeddingSpace.objects.count()) == ("building", 1)
