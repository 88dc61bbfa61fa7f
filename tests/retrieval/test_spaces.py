"""Spaces: one answers at any time, another takes its place in one step."""

import threading

import pytest
from django.conf import settings
from django.db import connection

from retrieval import claims, services, spaces
from retrieval.exceptions import NoActiveSpace, SpaceConflict
from retrieval.fusion import Head
from retrieval.models import EmbeddingSpace
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return dict(EmbeddingSpace.objects.values_list("name", "state"))


def another(space: spaces.Space, name: str = "next") -> int:
    return spaces.space_create(name, space.head, profile=space.profile, trained=True).pk


def test_without_a_space_search_says_what_to_do():
    with pytest.raises(NoActiveSpace, match=r"manage\.py embed"):
        spaces.active_space()


def test_the_first_space_is_made_once(space):
    again = spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    assert again == space.id
    assert states() == {"untrained": "active"}
    assert space.head.dim == settings.RETRIEVAL["DIM"]


@pytest.mark.django_db(transaction=True)
def test_the_first_space_is_made_once_by_many_at_once():
    made: list[int] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        made.append(spaces.ensure_active_space("fake", 64))
        connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1


def test_activation_leaves_exactly_one_active(space):
    chosen = another(space)
    spaces.space_activate(chosen)
    assert states() == {"untrained": "ready", "next": "active"}
    assert spaces.active_space().id == chosen
    spaces.space_activate(space.id)
    assert states() == {"untrained": "active", "next": "ready"}


def test_retired_and_missing_spaces_are_not_activated(space):
    chosen = another(space)
    EmbeddingSpace.objects.filter(pk=chosen).update(state="retired")
    with pytest.raises(SpaceConflict, match="retired"):
        spaces.space_activate(chosen)
    with pytest.raises(SpaceConflict, match="gone"):
        spaces.space_activate(987_654)
    assert spaces.active_space().id == space.id


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_leave_one_active():
    first = spaces.ensure_active_space("fake", 64)
    head = Head.untrained({"text": 96, "image": 96, "audio": 96}, 64)
    made = [spaces.space_create(f"s{n}", head, profile="fake", trained=False).pk for n in range(3)]

    def activate(space_id: int) -> None:
        spaces.space_activate(space_id)
        connection.close()

    threads = [threading.Thread(target=activate, args=[space_id]) for space_id in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert EmbeddingSpace.objects.filter(state="active").count() == 1
    assert EmbeddingSpace.objects.get(pk=first).state == "ready"


def test_a_name_is_taken_once(space):
    another(space)
    with pytest.raises(SpaceConflict, match="'next'"):
        another(space)


def test_a_space_is_ready_once_every_item_is_embedded(space):
    item = make_item("frog", "a frog")
    chosen = another(space)
    assert spaces.space_ready(chosen) is False
    services.embed_items(chosen, [item.pk])
    assert claims.progress(chosen) == {"total": 1, "ready": 1, "pending": 0, "failed": 0}
    assert spaces.space_ready(chosen) is True
    assert states()["next"] == "ready"


def test_the_head_survives_the_database(space):
    assert EmbeddingSpace.objects.get(pk=space.id).head_sha256 == space.head.fingerprint
    spaces._head.cache_clear()
    assert spaces.active_space().head.fingerprint == space.head.fingerprint
