"""What the active models propose, against sums and inner products worked out row by row."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Item
from catalog.services import ItemContent, item_upsert
from recommender import versions
from recommender.collaborative.serving import nearest_by_tower, related, tower_vector
from recommender.collaborative.stored import towers_of
from recommender.collaborative.two_tower import Towers, TwoTower
from recommender.models import ItemTower, RecommenderModel
from recommender.training import recommender_train, train_due, version_train
from recommender.types import Found
from retrieval import index, services, spaces
from tests.recommender.model_worlds import QUICK, many_items, ready, topic_events, topic_items
from tests.recommender.worlds import item
from workers import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def long_lease(settings) -> None:
    """The thread that renews a lease does not see what this test's transaction holds."""
    settings.RETRIEVAL = {**settings.RETRIEVAL, "TRAIN_LEASE_S": 3_600}


def random_world(count: int = 20) -> tuple[list[Item], dict[Item, dict[Item, float]]]:
    items = [item(f"i{n}") for n in range(count)]
    rng = np.random.default_rng(0)
    found = {
        a: {b: float(np.float32(rng.normal())) for b in items if b != a and rng.random() < 0.5}
        for a in items[:-2]
    }
    return items, found


class TestRelated:
    def test_scores_are_sums_of_strength_times_similarity(self):
        items, neighbours = random_world()
        ready("one", neighbours, active=True)
        history = [(items[3], 2.0), (items[5], 0.5), (items[7], -1.0), (items[19], 4.0)]
        parts = {b: {a: s * neighbours.get(a, {}).get(b, 0.0) for a, s in history} for b in items}
        sums = {b: sum(each.values()) for b, each in parts.items()}
        expected = sorted((b for b in items if sums[b] > 0), key=lambda b: -sums[b])
        found = related([(a.pk, s) for a, s in history], 50)
        assert [each.item_id for each in found] == [b.pk for b in expected]
        assert [each.score for each in found] == pytest.approx([sums[b] for b in expected], 1e-5)
        most = [max(parts[b], key=lambda a: parts[b][a]).pk for b in expected]
        assert [each.because for each in found] == most

    def test_one_statement_and_as_many_as_asked(self, django_assert_num_queries):
        items, neighbours = random_world()
        ready("one", neighbours, active=True)
        with django_assert_num_queries(1):
            found = related([(items[3].pk, 1.0)], 3)
        assert len(found) == 3
        assert related([(items[3].pk, 1.0)], 50)[:3] == found

    def test_items_can_be_left_out_or_narrowed_down_to(self):
        frog, drum, bell = item("frog"), item("drum"), item("50%_bell")
        ready("one", {frog: {drum: 0.5, bell: 0.25}}, active=True)
        given = [(frog.pk, 2.0)]
        assert related(given, 9) == [Found(drum.pk, 1.0, frog.pk), Found(bell.pk, 0.5, frog.pk)]
        assert related(given, 9, exclude=[drum.pk]) == [Found(bell.pk, 0.5, frog.pk)]
        some = Item.objects.filter(external_id__startswith="50%")
        assert related(given, 9, items=some) == [Found(bell.pk, 0.5, frog.pk)]
        assert related(given, 9, items=Item.objects.none()) == []
        Item.objects.filter(pk=drum.pk).update(published=False)
        assert related(given, 9, items=Item.objects.visible()) == [Found(bell.pk, 0.5, frog.pk)]

    def test_what_was_used_is_found_too_if_it_fits(self):
        frog, drum = item("frog"), item("drum")
        ready("one", {frog: {drum: 0.5}, drum: {frog: 0.25}}, active=True)
        found = related([(frog.pk, 1.0), (drum.pk, 1.0)], 9)
        assert found == [Found(drum.pk, 0.5, frog.pk), Found(frog.pk, 0.25, drum.pk)]

    def test_only_the_active_version_speaks(self):
        frog, drum, bell = item("frog"), item("drum"), item("bell")
        ready("one", {frog: {drum: 0.5}})
        assert related([(frog.pk, 1.0)], 9) == []
        versions.version_activate(RecommenderModel.objects.get(name="one").pk)
        assert related([(frog.pk, 1.0)], 9) == [Found(drum.pk, 0.5, frog.pk)]
        ready("two", {frog: {bell: 0.5}}, active=True)
        assert related([(frog.pk, 1.0)], 9) == [Found(bell.pk, 0.5, frog.pk)]
        versions.version_rollback("item-item")
        assert related([(frog.pk, 1.0)], 9) == [Found(drum.pk, 0.5, frog.pk)]

    def test_nothing_follows_from_nothing(self):
        assert related([], 9) == []
        assert related([(1, 1.0)], 0) == []
        assert related([(1, 1.0)], 9) == []


def towers(items: list[Item], seed: int = 0, factors: int = 8, name: str = "towers") -> Towers:
    """An active version of random towers."""
    rng = np.random.default_rng(seed)
    made = Towers(
        rng.standard_normal((len(items), factors + 1)).astype(np.float16).astype(np.float32),
        rng.standard_normal((len(items), factors)).astype(np.float16).astype(np.float32),
    )
    row = ready(name, algorithm="two-tower")
    index.factors_create(
        towers_of(row.pk, factors),
        [
            index.FactorRow(item.pk, made.vectors[n], made.contexts[n], True, 0)
            for n, item in enumerate(items)
        ],
    )
    versions.version_activate(row.pk)
    return made


class TestNearestByTower:
    def test_the_best_are_those_of_brute_force(self):
        items = many_items(300)
        made = towers(items)
        history = [(items[4].pk, 3.0), (items[9].pk, -4.0)]
        visitor = np.append((3 * made.contexts[4] - 4 * made.contexts[9]) / 5, 1)
        scores = made.vectors @ visitor
        order = np.argsort(-scores)
        found = nearest_by_tower(history, 10, items=Item.objects.all())
        assert [each.item_id for each in found] == [items[n].pk for n in order[:10]]
        assert [each.score for each in found] == pytest.approx(scores[order[:10]], abs=0.02)

    def test_the_graph_misses_little(self):
        items = many_items(3_000)
        made = towers(items, factors=32)
        hits = 0
        for n in range(30):
            visitor = np.append(made.contexts[n], 1).astype(np.float32)
            best = {items[m].pk for m in np.argsort(-(made.vectors @ visitor))[:10]}
            found = nearest_by_tower([(items[n].pk, 1.0)], 10, items=Item.objects.all())
            hits += len(best & {each.item_id for each in found})
        assert hits >= 285  # of 300

    def test_always_as_many_as_match(self):
        items = many_items(120)
        towers(items[:100])
        history = [(items[0].pk, 1.0)]
        every = Item.objects.all()
        assert len(nearest_by_tower(history, 500, items=every)) == 100
        few = Item.objects.filter(pk__in=[each.pk for each in items[95:105]])
        found = nearest_by_tower(history, 8, items=few)
        assert {each.item_id for each in found} == {each.pk for each in items[95:100]}

    def test_the_excluded_do_not_shorten_the_answer(self):
        items = many_items(50)
        towers(items)
        history = [(items[0].pk, 1.0)]
        every = nearest_by_tower(history, 50, items=Item.objects.all())
        left_out = [each.item_id for each in every[:5]]
        found = nearest_by_tower(history, 10, items=Item.objects.all(), exclude=left_out)
        assert found == every[5:15]

    def test_two_statements_however_many_items(self):
        items = many_items(60)
        towers(items)
        for size, limit in ((1, 5), (40, 50)):
            history = [(item.pk, 1.0) for item in items[:size]]
            with CaptureQueriesContext(
                connection,
            ) as caught:
                nearest_by_tower(history, limit, items=Item.objects.visible())
            asked = [q for q in caught if "SAVEPOINT" not in q["sql"]]
            assert len(asked) == 2

    def test_without_a_model_or_a_known_item_there_is_nothing(self):
        items = many_items(3)
        assert tower_vector([(items[0].pk, 1.0)]) is None
        towers(items[:2])
        assert tower_vector([]) is None
        assert tower_vector([(items[2].pk, 1.0)]) is None
        assert nearest_by_tower([(items[2].pk, 1.0)], 5, items=Item.objects.all()) == []

    def test_versions_of_other_lengths_live_side_by_side(self):
        items = many_items(20)
        towers(items, factors=4, name="short")
        towers(items, factors=16, name="long")
        history = [(items[0].pk, 1.0)]
        assert len(tower_vector(history).vector) == 17
        versions.version_rollback("two-tower")
        assert len(tower_vector(history).vector) == 5
        versions.version_retire(RecommenderModel.objects.get(name="long").pk)
        assert len(nearest_by_tower(history, 30, items=Item.objects.all())) == 20

    def test_a_version_retired_between_the_statements_has_a_successor(self, monkeypatch):
        items = many_items(20)
        towers(items, name="old")
        nearest = index.nearest

        def retired_meanwhile(*arguments, **options):
            monkeypatch.setattr(index, "nearest", nearest)
            towers(items, name="new", seed=1)
            versions.version_retire(RecommenderModel.objects.get(name="old").pk)
            return nearest(*arguments, **options)

        monkeypatch.setattr(index, "nearest", retired_meanwhile)
        found = nearest_by_tower([(items[0].pk, 1.0)], 5, items=Item.objects.all())
        assert found == nearest_by_tower([(items[0].pk, 1.0)], 5, items=Item.objects.all())
        assert len(found) == 5


class TestNewItems:
    def learned(self) -> list[Item]:
        items = topic_items(24)
        topic_events(items)
        row = recommender_train("two-tower", config=QUICK, activation="always")
        assert row.state == "active"
        return items

    def test_a_sweep_places_an_item_nobody_has_touched_where_it_belongs(self):
        items = self.learned()
        frog, drum = topic_items(2, first=24)
        history = [(items[0].pk, 1.0), (items[2].pk, 1.0)]
        before = nearest_by_tower(history, 99, items=Item.objects.all())
        assert {each.item_id for each in before} == {item.pk for item in items}
        tasks.sweep()
        found = nearest_by_tower(history, 99, items=Item.objects.all())
        place = {each.item_id: n for n, each in enumerate(found)}
        assert len(place) == 26
        assert place[frog.pk] < min(place[item.pk] for item in items[1::2])
        assert place[frog.pk] < place[drum.pk]
        assert versions.items_place() == 0

    def test_used_by_a_visitor_it_says_what_it_is(self):
        items = self.learned()
        frog, drum = topic_items(2, first=24)
        versions.items_place()
        for new, topic in ((frog, 0), (drum, 1)):
            found = nearest_by_tower([(new.pk, 1.0)], 6, items=Item.objects.all(), exclude=[new.pk])
            own = {item.pk for item in [*items, frog, drum][topic::2]}
            assert own.issuperset(each.item_id for each in found)

    def test_another_content_places_it_again_but_what_was_learned_stays(self):
        items = self.learned()
        (new,) = topic_items(1, first=24)
        versions.items_place()
        was = dict(ItemTower.objects.values_list("item_id", "vector"))
        for changed in (new, items[0]):
            item_upsert(ItemContent(external_id=changed.external_id, title="drum brass loud"))
        services.embed_items(spaces.active_id(), [new.pk, items[0].pk])
        assert versions.items_place() == 1
        now = dict(ItemTower.objects.values_list("item_id", "vector"))
        assert [pk for pk in was if was[pk] != now[pk]] == [new.pk]

    def test_after_a_switch_of_spaces_new_items_come_up_all_the_same(self):
        """The former space is filled as long as it is kept."""
        items = self.learned()
        row = versions.active_version("two-tower")
        assert versions.version_stale(row) == ""
        other = spaces.space_create_untrained("other", profile="fake", dim=64)
        spaces.space_activate(other.pk, force=True)
        [frog] = topic_items(1, first=24, embedded=False)
        for space_id in spaces.live_spaces():
            services.embed_items(space_id, [frog.pk])
        tasks.sweep()

        history = [(items[0].pk, 1.0), (items[2].pk, 1.0)]
        found = [each.item_id for each in nearest_by_tower(history, 99, items=Item.objects.all())]
        assert frog.pk in found[: found.index(items[1].pk)]
        assert "new items get their place as long as" in versions.version_stale(row)

    def test_towers_of_a_space_that_is_gone_are_trained_anew(self, settings):
        items = self.learned()
        old = versions.active_version("two-tower")
        other = spaces.space_create_untrained("other", profile="fake", dim=64)
        spaces.space_activate(other.pk, force=True)
        spaces.space_retire(old.space_id)
        [frog] = topic_items(1, first=24, embedded=False)
        services.embed_items(other.pk, [*(item.pk for item in items), frog.pk])
        out = StringIO()
        call_command("recommender_model", "list", stdout=out)
        assert f"{old.name}: a training is due: it knows items by the space" in out.getvalue()
        assert "which is gone: items that are new since do not come up" in out.getvalue()

        models = {"two-tower": {"ALGORITHM": "two-tower", **QUICK}}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "MODELS": models}
        [asked] = train_due()
        new = version_train(asked.pk)
        assert (new.state, new.space_id, versions.version_stale(new)) == ("active", other.pk, "")
        history = [(items[0].pk, 1.0), (items[2].pk, 1.0)]
        found = [each.item_id for each in nearest_by_tower(history, 99, items=Item.objects.all())]
        assert frog.pk in found[: found.index(items[1].pk)]

    def test_towers_without_a_space_are_stale_once_there_is_one(self):
        row = ready("one", algorithm="two-tower", active=True)
        assert versions.version_stale(row) == ""
        spaces.ensure_active_space("fake", 64)
        assert "it learned from events alone" in versions.version_stale(row)
        assert versions.version_stale(ready("two", active=True)) == ""

    def test_a_space_that_is_gone_places_nothing_and_harms_nothing(self):
        self.learned()
        row = RecommenderModel.objects.get(kind="two-tower")
        other = spaces.space_create_untrained("other", profile="fake", dim=64)
        spaces.space_activate(other.pk, force=True)
        spaces.space_retire(row.space_id)
        topic_items(1, first=24)
        assert versions.items_place() == 0
        assert tower_vector([(ItemTower.objects.first().item_id, 1.0)]) is not None

    def test_more_than_a_batch_is_placed_in_batches(self, monkeypatch):
        self.learned()
        topic_items(7, first=24)
        monkeypatch.setattr("recommender.collaborative.stored.PLACED_AT_ONCE", 3)
        assert versions.items_place() == 7
        model = RecommenderModel.objects.get(kind="two-tower")
        reads = TwoTower.from_bytes(bytes(model.parameters))
        assert reads.of_content.vectors.shape[1] == 9
