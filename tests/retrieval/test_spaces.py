"""Spaces: one answers at any time, another takes its place in one step."""

import threading
import time
from functools import partial

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from retrieval import claims, index, services, spaces
from retrieval.exceptions import EncoderUnavailable, NoActiveSpace, SpaceBroken, SpaceConflict
from retrieval.head import Head
from retrieval.models import Embedding, EmbeddingSpace, EncoderOutput
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item, png

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
def test_of_activations_at_once_one_wins_and_the_others_are_told():
    first = spaces.ensure_active_space("fake", 64)
    head = Head.untrained({"text": 96, "image": 96, "audio": 96}, 64)
    made = [spaces.space_create(f"s{n}", head, profile="fake", trained=False).pk for n in range(4)]
    barrier = threading.Barrier(len(made))
    won: list[int] = []
    told: list[str] = []

    def activate(space_id: int) -> None:
        barrier.wait()
        try:
            won.append(spaces.space_activate(space_id, expected=first).pk)
        except SpaceConflict as err:
            told.append(str(err))
        finally:
            connection.close()

    together([lambda space_id=space_id: activate(space_id) for space_id in made])
    assert len(won) == 1
    assert spaces.active_space().id == won[0]
    winner = EmbeddingSpace.objects.get(pk=won[0])
    assert winner.previous_id == first
    assert len(told) == 3
    assert {text.partition(" was activated meanwhile")[0] for text in told} == {repr(winner.name)}
    assert EmbeddingSpace.objects.get(pk=first).state == "ready"


def together(calls) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_decided_on_an_older_view_is_told(space):
    chosen, other = another(space), another(space, "other")
    spaces.space_activate(chosen)
    with pytest.raises(SpaceConflict, match="'next' was activated meanwhile"):
        spaces.space_activate(other, expected=space.id)
    assert spaces.active_id() == chosen
    spaces.space_activate(other, expected=chosen)
    assert spaces.active_id() == other


def test_activating_the_active_space_changes_nothing(space):
    chosen = another(space)
    first = spaces.space_activate(chosen)
    again = spaces.space_activate(chosen, expected=space.id)  # the same decision, a second click
    assert (again.pk, again.activated_at) == (chosen, first.activated_at)
    assert again.previous_id == space.id


def test_an_unfinished_backfill_is_activated_only_by_force(space):
    item = make_item("frog", "a frog")
    chosen = another(space)
    with pytest.raises(SpaceConflict, match=r"1 of 1 items .* not embedded .*--force"):
        spaces.space_activate(chosen)
    assert spaces.active_id() == space.id
    services.embed_items(chosen, [item.pk])
    spaces.space_activate(chosen)
    third = another(space, "third")
    spaces.space_activate(third, force=True)
    assert spaces.active_id() == third


def test_rollback_goes_back_one_step_at_a_time(space):
    second, third = another(space, "second"), another(space, "third")
    with pytest.raises(SpaceConflict, match="no other was active before"):
        spaces.space_rollback()
    spaces.space_activate(second)
    spaces.space_activate(third)
    assert spaces.space_rollback().pk == second
    assert states() == {"untrained": "ready", "second": "active", "third": "ready"}
    with pytest.raises(SpaceConflict, match="'second' was activated meanwhile"):
        spaces.space_rollback(expected=third)
    assert spaces.space_rollback().pk == space.id
    with pytest.raises(SpaceConflict, match="no other was active before"):
        spaces.space_rollback()
    assert spaces.active_id() == space.id


def test_rollback_does_not_go_to_a_retired_space(space):
    spaces.space_activate(another(space))
    spaces.space_retire(space.id)
    with pytest.raises(SpaceConflict, match="'untrained' is retired"):
        spaces.space_rollback()
    assert states() == {"untrained": "retired", "next": "active"}


def test_retiring_drops_vectors_and_the_outputs_only_it_used(space):
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    services.embed_items(space.id, [item.pk])
    chosen = another(space)
    EmbeddingSpace.objects.filter(pk=chosen).update(
        encoders={"text": {"fingerprint": "old/1", "dim": 96}, "image": {
            "fingerprint": "FakeImageEncoder/1", "dim": 96}}
    )  # fmt: skip
    EncoderOutput.objects.create(encoder="old/1", content_hash="0" * 64, vector=b"\0" * 192)
    plan = spaces.retirement(chosen)
    assert (plan.name, plan.vectors, plan.encoders) == ("next", 0, ("old/1",))
    assert (plan.outputs, plan.output_bytes) == (1, 192)
    assert plan.bytes > 0
    assert states()["next"] == "building"  # so far nothing was dropped
    assert spaces.space_retire(chosen) == plan
    assert states()["next"] == "retired"
    assert set(EncoderOutput.objects.values_list("encoder", flat=True)) == {
        "FakeTextEncoder/1",
        "FakeImageEncoder/1",
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"retrieval_embedding_{chosen}"])
        assert cursor.fetchone() == (None,)
    assert claims.progress(space.id)["ready"] == 1
    with pytest.raises(SpaceConflict, match="retired already"):
        spaces.space_retire(chosen)


def test_the_active_space_is_not_retired(space):
    with pytest.raises(SpaceConflict, match="activate another first"):
        spaces.space_retire(space.id)
    assert states() == {"untrained": "active"}


def test_work_in_a_retired_space_stops_quietly(space):
    item = make_item("frog", "a frog")
    chosen = another(space)
    spaces.space_retire(chosen)
    assert services.embed_items(chosen, [item.pk]) == services.EmbedReport()


@pytest.mark.parametrize(
    ("fusion", "metric", "operator"),
    [
        ("concat", "cosine", "halfvec_cosine_ops"),
        ("weighted", "inner_product", "halfvec_ip_ops"),
        ("attention", "euclidean", "halfvec_l2_ops"),
    ],
)
def test_an_untrained_space_of_each_fusion_and_metric(db, fusion, metric, operator):
    row = spaces.space_create_untrained(
        "plain", profile="fake", dim=16, fusion=fusion, metric=metric
    )
    assert (row.fusion, row.metric, row.dim) == (fusion, metric, 16)
    assert row.fused_dim == (48 if fusion == "concat" else 16)
    assert (row.state, row.trained) == ("building", False)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = %s",
            [f"retrieval_embedding_{row.pk}"],
        )
        definitions = "\n".join(definition for (definition,) in cursor.fetchall())
    assert f"halfvec({row.fused_dim})" in definitions
    assert operator in definitions
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    services.embed_items(row.pk, [item.pk])
    fused = index.fused_vector(spaces.space(row.pk).partition, item.pk)
    length = float(np.linalg.norm(fused))
    if metric == "cosine":
        assert length == pytest.approx(1, abs=1e-3)
    else:
        assert 0.1 < length < 1 - 1e-3


def test_a_space_made_from_another_keeps_its_head(space):
    source = spaces.space_named("untrained")
    row = spaces.space_create_from(source, "twin", fusion="concat", metric="inner_product")
    twin = spaces.space(row.pk).head
    assert np.array_equal(twin.projections["text"].weight, space.head.projections["text"].weight)
    assert (row.fusion, row.metric, row.profile) == ("concat", "inner_product", "fake")
    assert row.metrics == {"made_from": "untrained"}
    same = spaces.space_create_from(source, "same")
    assert spaces.space(same.pk).head.fingerprint == space.head.fingerprint


def test_too_long_a_vector_is_refused_with_what_to_do(db):
    with pytest.raises(SpaceConflict, match=r"4500 dimensions .* 4000 can: use the fusion"):
        spaces.space_create_untrained("long", profile="fake", dim=1500, fusion="concat")
    assert not EmbeddingSpace.objects.exists()
    assert spaces.space_create_untrained("longest", profile="fake", dim=4000).fused_dim == 4000


class MissingEncoder(FakeTextEncoder):
    """Its weights can be taken away."""

    repaired = False

    def encode(self, modality, batch, role="document"):
        if not type(self).repaired:
            raise EncoderUnavailable("The weights are missing: run `manage.py weights`.")
        return super().encode(modality, batch, role)


@pytest.fixture
def missing_weights(settings, monkeypatch) -> type[MissingEncoder]:
    """A profile whose text encoder has no weights until ``repaired``."""
    fake = settings.RETRIEVAL["PROFILES"]["fake"]
    broken = {**fake, "text": {"BACKEND": f"{__name__}.MissingEncoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "broken": broken}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    monkeypatch.setattr(MissingEncoder, "repaired", False)
    return MissingEncoder


def test_missing_weights_fail_the_space_and_say_what_to_run(space, missing_weights):
    item = make_item("frog", "a frog")
    row = spaces.space_create_untrained("broken", profile="broken", dim=16)
    services.embed_everywhere([item.pk])
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "The weights are missing: run `manage.py weights`.")
    assert claims.progress(space.id)["ready"] == 1  # the others are not held up
    with pytest.raises(SpaceConflict, match=r"'broken' is failed: .* run `manage.py weights`"):
        spaces.space_activate(row.pk, force=True)
    missing_weights.repaired = True
    assert spaces.space_resume(row.pk).state == "building"
    services.embed_everywhere([item.pk])
    assert claims.progress(row.pk) == {"total": 1, "ready": 1, "pending": 0, "failed": 0}
    row.refresh_from_db()
    assert (row.state, row.error) == ("building", "")
    assert (
        Embedding.objects.get(space=row).attempts == 1
    )  # what was missing was not the item's fault


def test_the_active_space_answers_on_without_its_weights(db, missing_weights):
    row = spaces.space_create_untrained("broken", profile="broken", dim=16)
    spaces.space_activate(row.pk)
    item = make_item("frog", "a frog")
    services.embed_everywhere([item.pk])
    row.refresh_from_db()
    assert (row.state, row.error) == ("active", "The weights are missing: run `manage.py weights`.")
    missing_weights.repaired = True
    services.embed_everywhere([item.pk])
    row.refresh_from_db()
    assert (row.state, row.error) == ("active", "")
    assert claims.progress(row.pk)["ready"] == 1


def test_a_space_whose_encoders_are_missing_when_it_is_made_is_finished_later(db, settings):
    profiles = settings.RETRIEVAL["PROFILES"]
    absent = {**profiles, "later": {"text": {"BACKEND": "tests.absent.Encoder"}}}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": absent}
    with pytest.raises(EncoderUnavailable):
        spaces.space_create_untrained("later", profile="later", dim=16, metric="euclidean")
    row = EmbeddingSpace.objects.get()
    assert (row.state, row.head_sha256) == ("failed", "")
    assert "tests.absent.Encoder" in row.error
    with pytest.raises(EncoderUnavailable):
        spaces.space_resume(row.pk)
    present = {**profiles, "later": {"text": profiles["fake"]["text"]}}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": present}
    row = spaces.space_resume(row.pk)
    assert (row.name, row.state, row.metric, row.dim) == ("later", "building", "euclidean", 16)
    assert EmbeddingSpace.objects.count() == 1


def test_a_ready_space_that_lacks_items_needs_force_too(space):
    """Imported after it was filled: the active space was given the item, this one was not."""
    chosen = another(space)
    assert spaces.space_ready(chosen)
    item = make_item("frog", "a frog")
    services.embed_items(space.id, [item.pk])
    with pytest.raises(SpaceConflict, match=r"1 of 1 items .* not embedded"):
        spaces.space_activate(chosen)
    services.embed_items(chosen, [item.pk])
    spaces.space_activate(chosen)


def test_a_space_whose_items_all_failed_needs_force(space):
    item = make_item("frog", "a frog")
    services.embed_items(space.id, [item.pk])
    chosen = another(space)
    (claimed,) = claims.claim(chosen, [item.pk])
    claims.fail(chosen, claimed, "encoder_not_finite", "NaN")
    assert spaces.space_ready(chosen)
    with pytest.raises(SpaceConflict, match=r"1 of 1 items .* 1 of them failed"):
        spaces.space_activate(chosen)
    spaces.space_activate(chosen, force=True)


def test_force_is_not_remembered(space):
    item = make_item("frog", "a frog")
    services.embed_items(space.id, [item.pk])
    chosen = another(space)
    spaces.space_activate(chosen, force=True)
    spaces.space_activate(space.id)
    with pytest.raises(SpaceConflict, match="not embedded"):
        spaces.space_activate(chosen)


def damage_head(space_id: int, position: int = 0) -> None:
    data = bytearray(EmbeddingSpace.objects.get(pk=space_id).head)
    data[position] ^= 0xFF
    EmbeddingSpace.objects.filter(pk=space_id).update(head=bytes(data))
    spaces.loading._head.cache_clear()


def test_a_space_with_a_damaged_head_is_not_switched_to(space):
    chosen, third = another(space), another(space, "third")
    damage_head(chosen)
    with pytest.raises(SpaceBroken, match="'next' cannot be read"):
        spaces.space_activate(chosen, force=True)
    assert states() == {"untrained": "active", "next": "failed", "third": "building"}
    spaces.space_activate(third)
    damage_head(space.id)
    with pytest.raises(SpaceBroken, match="'untrained' cannot be read"):
        spaces.space_rollback()
    assert states() == {"untrained": "failed", "next": "failed", "third": "active"}


@pytest.mark.parametrize("damage", ["bytes", "number"])
def test_a_damaged_head_fails_its_space_once(space, damage):
    item = make_item("frog", "a frog")
    chosen = another(space)
    damage_head(chosen, -1 if damage == "number" else 0)
    services.embed_everywhere([item.pk])
    row = EmbeddingSpace.objects.get(pk=chosen)
    assert row.state == "failed"
    assert row.error.startswith("The head of space 'next' cannot be read")
    assert spaces.live_spaces() == [space.id]
    with pytest.raises(SpaceBroken):
        spaces.space_resume(chosen)


def test_a_name_is_taken_once(space):
    another(space)
    with pytest.raises(SpaceConflict, match="'next'"):
        another(space)


def by_hand() -> str:
    spaces.space_create_untrained("next", profile="fake", dim=64)
    return "made"


def by_command() -> str:
    call_command("space", "create", "next")
    return "made"


def in_the_admin() -> str:
    user = get_user_model().objects.get(username="root")
    browser = Client()
    browser.force_login(user)
    form = {"_form_submitted": "True", "name": "next", "profile": "fake"}
    form |= {"fusion": "weighted", "metric": "cosine"}
    url = reverse("admin:retrieval_embeddingspace_create")
    answer = browser.post(url, form, follow=True)
    (message,) = answer.context["messages"]
    return str(message)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asker", [by_hand, by_command, in_the_admin])
def test_of_two_that_make_a_space_of_one_name_the_second_is_told(asker, django_user_model):
    django_user_model.objects.create_superuser("root")
    spaces.ensure_active_space("fake", 64)
    head = Head.untrained({"text": 96, "image": 96, "audio": 96}, 64)
    told: list[str] = []

    def ask() -> None:
        try:
            told.append(asker())
        except (SpaceConflict, CommandError) as err:
            told.append(str(err))
        finally:
            connection.close()

    second = threading.Thread(target=ask)
    with transaction.atomic():
        first = spaces.space_create("next", head, profile="fake", trained=True)
        second.start()
        wait_for_a_lock()
    second.join()
    assert told in (
        ["A space named 'next' exists: choose another name."],
        ["Nothing was changed: A space named 'next' exists: choose another name."],
    )
    row = EmbeddingSpace.objects.get(name="next")
    assert (row.pk, row.trained) == (first.pk, True)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_make_a_space_of_one_name_one_does():
    spaces.space_create_failed(  # which each would take the place of
        "next", "No weights.", profile="fake", trained=True, fusion="weighted", metric="cosine",
        dim=64,
    )  # fmt: skip
    barrier = threading.Barrier(4)
    made: list[int] = []
    told: list[str] = []

    def make() -> None:
        barrier.wait()
        try:
            made.append(spaces.space_create_untrained("next", profile="fake", dim=64).pk)
        except SpaceConflict as err:
            told.append(str(err))
        finally:
            connection.close()

    together([make] * 4)
    assert told == ["A space named 'next' exists: choose another name."] * 3
    assert list(EmbeddingSpace.objects.values_list("pk", flat=True)) == made


@pytest.mark.django_db(transaction=True)
def test_spaces_are_made_and_retired_at_once():
    """Each writes to the table of spaces, then locks it: they must not wait for one another."""
    spaces.ensure_active_space("fake", 16)
    old = [spaces.space_create_untrained(f"old {n}", profile="fake", dim=16).pk for n in range(3)]
    barrier = threading.Barrier(6)
    done: list[str] = []

    def at_once(call) -> None:
        barrier.wait()
        try:
            done.append(call().name)
        finally:
            connection.close()

    def make(name: str) -> EmbeddingSpace:
        return spaces.space_create_untrained(name, profile="fake", dim=16)

    makers = [partial(at_once, partial(make, f"new {n}")) for n in range(3)]
    droppers = [partial(at_once, partial(spaces.space_retire, space_id)) for space_id in old]
    together([*makers, *droppers])
    assert sorted(done) == ["new 0", "new 1", "new 2", "old 0", "old 1", "old 2"]
    assert sorted(states().values()) == ["active", *["building"] * 3, *["retired"] * 3]


def wait_for_a_lock() -> None:
    """Until somebody else's transaction waits for ours."""
    waiting = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(waiting)
            if cursor.fetchone() != (0,):
                return
    pytest.fail("Nobody waited for this transaction.")


class RetiringTextEncoder(FakeTextEncoder):
    """Somebody retires the space while it is at work."""

    def encode(self, modality, batch, role="document"):
        retired = threading.Thread(target=self._retire)
        retired.start()
        retired.join()
        return super().encode(modality, batch, role)

    def _retire(self) -> None:
        spaces.space_retire(spaces.space_named("going").pk)
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_space_is_retired_in_the_middle_of_its_backfill(settings):
    """What was claimed is let go: nothing fails, nothing is left behind, the active space has all."""
    fake = settings.RETRIEVAL["PROFILES"]["fake"]
    retiring = {**fake, "text": {"BACKEND": f"{__name__}.RetiringTextEncoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "retiring": retiring}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    active = spaces.ensure_active_space("fake", 64)
    items = [make_item(f"i{n}", f"thing {n}").pk for n in range(3)]
    going = spaces.space_create_untrained("going", profile="retiring", dim=64).pk
    services.embed_everywhere(items)
    assert states() == {"untrained": "active", "going": "retired"}
    assert claims.progress(active) == {"total": 3, "ready": 3, "pending": 0, "failed": 0}
    assert set(Embedding.objects.values_list("space_id", flat=True)) == {active}
    assert services.embed_items(going, items) == services.EmbedReport()
    with pytest.raises(SpaceConflict, match="'going' is retired"):
        spaces.space_resume(going)


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
    spaces.loading._head.cache_clear()
    assert spaces.active_space().head.fingerprint == space.head.fingerprint
