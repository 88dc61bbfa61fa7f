"""Composed queries against slow, obvious references over every item; contributions that add up."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from retrieval import claims, index, lexical, search, spaces
from retrieval.exceptions import NotEmbedded
from retrieval.fusion import unit
from retrieval.index import EmbeddedItem
from retrieval.models import EmbeddingSpace
from retrieval.scoring import SAME_MODALITY_SHARE, Part
from retrieval.search import Hit, Query
from retrieval.types import MODALITIES
from tests.retrieval.conftest import make_item, make_space

pytestmark = pytest.mark.django_db

DIM = 12
ITEMS = 60
MANY = 1_000
FUSIONS = EmbeddingSpace.Fusion.values
METRICS = EmbeddingSpace.Metric.values
NUMBERS = count()
"""Of worlds: one module has several."""


def rows(seed: int, count: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)))


class World:
    """Items with random vectors; each other modality is lacking in a third of them."""

    def __init__(self, fusion: str = "weighted", metric: str = "cosine") -> None:
        row = spaces.space_create_untrained(
            f"world-{next(NUMBERS)}", profile="fake", dim=DIM, fusion=fusion, metric=metric
        )
        self.space = spaces.space(row.pk)
        self.items = [make_item(f"item-{n}", f"word{n % 7} thing{n}") for n in range(ITEMS)]
        vectors = {name: rows(n + 1, ITEMS) for n, name in enumerate(MODALITIES)}
        numbers = np.arange(ITEMS)
        present = {"text": numbers % 3 != 1, "image": numbers % 3 != 2, "audio": numbers % 2 == 0}
        present["text"] |= ~(present["image"] | present["audio"])
        fused, weights = self.space.head.fuse(vectors, present, normalised=metric == "cosine")
        self.vectors, self.present, self.fused = vectors, present, fused
        claims.claim(self.space.id, [item.pk for item in self.items])
        index.store(
            self.space.partition,
            [
                EmbeddedItem(
                    item_id=item.pk,
                    content_version=item.content_version,
                    content_hash=str(n),
                    modalities={m: vectors[m][n] for m in MODALITIES if present[m][n]},
                    fused=fused[n],
                    weights=dict(zip(MODALITIES, map(float, weights[n]), strict=True)),
                )
                for n, item in enumerate(self.items)
            ],
        )

    def sim(self, query: np.ndarray, vector: np.ndarray, metric: str) -> float:
        if metric == "euclidean":
            return float(1 - np.sum((query - vector) ** 2) / 2)
        product = float(query @ vector)
        if metric == "cosine":
            product /= float(np.linalg.norm(query) * np.linalg.norm(vector))
        return product

    def part_score(self, part: Part, n: int, metric: str, weights: dict[str, float]) -> float:
        if weights:
            return sum(
                weight
                / sum(weights.values())
                * self.sim(part.own.get(m, part.vector), self.vectors[m][n], metric)
                for m, weight in weights.items()
                if self.present[m][n]
            )
        query = part.vector
        if part.modality is not None:
            query = self.space.head.fused_query(part.vector[None])[0]
        fused = self.sim(query, self.fused[n], metric)
        own = part.modality
        if own not in ("image", "audio"):
            return fused
        same = self.sim(part.vector, self.vectors[own][n], metric) if self.present[own][n] else 0.0
        return SAME_MODALITY_SHARE * same + (1 - SAME_MODALITY_SHARE) * fused


@pytest.fixture(scope="module")
def world(request, module_db) -> World:
    make_space()
    return World(*getattr(request, "param", ()))


def parts_of(count: int = 3) -> tuple[Part, ...]:
    kinds = ("text", "image", "audio")
    weights = (1.0, 0.7, -0.5)
    return tuple(
        Part(row, kinds[n % 3], weights[n % 3])  # type: ignore[arg-type]
        for n, row in enumerate(rows(99, count))
    )


def all_hits(world: World, query: Query) -> list[Hit]:
    return search.ranking(world.space, query, ITEMS).hits


@pytest.mark.parametrize(
    "world", [(f, m) for f in FUSIONS for m in METRICS], indirect=True, ids="-".join
)
@pytest.mark.parametrize("weights", [{}, {"image": 0.7, "text": 0.3}, {"audio": 2.0}], ids=str)
def test_every_part_counts_by_its_signed_weight(world, weights):
    query = Query(parts_of(), modalities=weights)
    found = {hit.item_id: hit.score for hit in all_hits(world, query)}
    metric = world.space.partition.metric
    total = sum(abs(part.weight) for part in query.parts)
    for n, item in enumerate(world.items):
        if weights and not any(world.present[m][n] for m in weights):
            assert item.pk not in found
            continue
        expected = sum(
            part.weight / total * world.part_score(part, n, metric, weights) for part in query.parts
        )
        assert found[item.pk] == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("world", [(f, "cosine") for f in FUSIONS], indirect=True, ids="-".join)
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**31),
    weights=st.lists(st.sampled_from([1.0, 0.3, -0.5, 2.0, -2.0]), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(["text", "image", "audio", "item"]), min_size=4, max_size=4),
    modalities=st.sampled_from([{}, {"image": 1.0}, {"text": 0.2, "audio": 0.8}]),
    similarity=st.sampled_from([None, "cosine", "ip", "l2", "normalised"]),
    mode=st.sampled_from(["dense", "hybrid", "lexical"]),
    strategy=st.sampled_from(["sum", "best"]),
)
def test_contributions_add_up(world, seed, weights, kinds, modalities, similarity, mode, strategy):
    if similarity == "normalised":
        modalities = {}
    vectors = rows(seed, len(weights))
    parts = tuple(
        search.item_part(world.space, world.items[n].pk, weight)
        if kind == "item"
        else Part(vectors[n], kind, weight, words=f"word{n}" if kind == "text" else "")
        for n, (kind, weight) in enumerate(
            zip(kinds, (abs(weights[0]), *weights[1:]), strict=False)
        )
    )
    query = Query(parts, mode, similarity, modalities, strategy)
    ranked = search.ranking(world.space, query, ITEMS)
    hits = ranked.hits[:20]
    why = search.explained(world.space, query, ranked.mode, hits, Item.objects.visible())
    assert why.keys() == {hit.item_id for hit in hits}
    for hit in hits:
        found = why[hit.item_id]
        assert len(found.parts) == len(parts)
        assert sum(found.parts) == pytest.approx(hit.score, abs=1e-4)
        assert sum(found.modalities.values()) == pytest.approx(hit.score, abs=1e-4)


@pytest.mark.parametrize("world", [(f, "cosine") for f in FUSIONS], indirect=True, ids="-".join)
def test_a_modality_that_an_item_lacks_brings_nothing(world):
    query = Query((Part(rows(5, 1)[0], "text"),))
    hits = all_hits(world, query)
    why = search.explained(world.space, query, "dense", hits, Item.objects.visible())
    for n, item in enumerate(world.items):
        for name in MODALITIES:
            if not world.present[name][n]:
                assert why[item.pk].modalities[name] == 0.0


def test_one_modality_alone_is_the_neighbours_by_it(world):
    part = search.item_part(world.space, world.items[0].pk)
    hits = search.search(world.space, [part], 10, modalities={"image": 1.0})
    picture = world.vectors["image"][0]
    expected = sorted(
        (n for n in range(ITEMS) if world.present["image"][n]),
        key=lambda n: -float(picture @ world.vectors["image"][n]),
    )[:10]
    assert [hit.item_id for hit in hits] == [world.items[n].pk for n in expected]


def test_average_moves_away_from_what_is_not_wanted(world):
    wanted, unwanted = (search.item_part(world.space, world.items[n].pk) for n in (0, 3))
    unwanted = Part(unwanted.vector, None, -1.0, unwanted.own)
    found = search.average_part([wanted, unwanted]).vector
    assert found == pytest.approx(unit((2 * wanted.vector - unwanted.vector)[None])[0], abs=1e-6)


def test_best_takes_the_nearest_example_and_sinks_what_is_nearer_to_another(world):
    parts = [search.item_part(world.space, world.items[n].pk) for n in (0, 3, 6)]
    signed = (*parts[:2], Part(parts[2].vector, None, -1.0, parts[2].own))
    hits = all_hits(world, Query(signed, strategy="best"))
    sims = [[float(part.vector @ world.fused[n]) for part in signed] for n in range(ITEMS)]
    for hit in hits:
        n = next(n for n, item in enumerate(world.items) if item.pk == hit.item_id)
        best, worst = max(sims[n][:2]), sims[n][2]
        expected = best if best >= worst else -abs(worst)
        assert hit.score == pytest.approx(expected, abs=3e-3)


class TestHybrid:
    @pytest.fixture
    def query(self, world) -> Query:
        lexical.index_items([item.pk for item in world.items])
        return Query((Part(rows(5, 1)[0], "text", words="word3"),), "hybrid")

    def test_half_by_each_rank(self, world, query):
        found = {hit.item_id: hit for hit in all_hits(world, query)}
        dense = [hit.item_id for hit in all_hits(world, Query(query.parts))]
        words = [hit.item_id for hit in all_hits(world, Query(query.parts, "lexical"))]
        assert words == [item.pk for item in world.items[3::7]]
        for pk, hit in found.items():
            expected = 0.5 * 61 / (61 + dense.index(pk))
            if pk in words:  # a title that begins with the word has all the words
                expected += 0.5 * 61 / (61 + words.index(pk))
            assert hit.score == pytest.approx(expected)

    def test_an_identifier_is_first_by_far(self, world, query):
        part = Part(query.parts[0].vector, "text", words="ITEM-17")
        best, second = all_hits(world, Query((part,), "hybrid"))[:2]
        assert (best.item_id, best.score) == (world.items[17].pk, 1.0)
        assert second.score <= 0.5

    def test_beside_other_parts_too(self, world, query):
        named = Part(query.parts[0].vector, "text", words="ITEM-17")
        parts = (query.parts[0], named, Part(rows(6, 1)[0], "image"))
        best, second = all_hits(world, Query(parts, "hybrid"))[:2]
        assert (best.item_id, best.score) == (world.items[17].pk, 1.0)
        assert second.score < 1
        unwanted = replace(named, weight=-1.0)
        hits = all_hits(world, Query((query.parts[0], unwanted), "hybrid"))
        assert hits[0].item_id != world.items[17].pk

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    def test_before_whatever_is_first_by_vectors(self, world, query, share):
        """Of equal scores the older item would be first."""
        first = all_hits(world, Query(query.parts))[0].item_id
        name = next(item.external_id for item in reversed(world.items) if item.pk != first)
        part = replace(query.parts[0], words=name)
        hits = all_hits(world, Query((part,), "hybrid", lexical_share=share))
        assert hits[0].item_id == Item.objects.get(external_id=name).pk
        assert hits[1].score < hits[0].score == 1

    @pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
    def test_shares_as_asked_for(self, world, query, share):
        found = {hit.item_id: hit for hit in all_hits(world, replace(query, lexical_share=share))}
        dense = [hit.item_id for hit in all_hits(world, Query(query.parts))]
        words = [hit.item_id for hit in all_hits(world, Query(query.parts, "lexical"))]
        for pk, hit in found.items():
            expected = (1 - share) * 61 / (61 + dense.index(pk))
            expected += share * 61 / (61 + words.index(pk)) if pk in words else 0
            assert hit.score == pytest.approx(expected)

    def test_a_mistyped_word_counts_as_the_word(self, world, query):
        pk = world.items[5].pk
        Item.objects.filter(pk=pk).update(title="butterfly", content_version=2)
        lexical.index_items([pk])
        right, mistyped = (
            all_hits(world, Query((replace(query.parts[0], words=words),), "hybrid"))
            for words in ("butterfly", "buttrefly")
        )
        assert right == mistyped
        assert right[0].item_id == pk

    def test_words_that_nothing_has_are_a_dense_search(self, world, query):
        part = Part(query.parts[0].vector, "text", words="xylophone")
        for mode in ("hybrid", "lexical"):
            found = search.ranking(world.space, Query((part,), mode), ITEMS)
            assert found.mode == "dense"
            assert found.hits == all_hits(world, Query((part,)))

    def test_what_is_not_wanted_loses_by_its_words(self, world, query):
        unwanted = Part(query.parts[0].vector, "text", -0.5, words="thing10")
        both = Query((query.parts[0], unwanted), "lexical")
        hits = all_hits(world, both)
        assert len(hits) == len(all_hits(world, Query(query.parts, "lexical")))
        assert hits[-1].item_id == world.items[10].pk

    @pytest.mark.parametrize("mode", ["hybrid", "lexical"])
    @pytest.mark.parametrize("weights", [{"audio": 1}, {"image": 2, "audio": 0}], ids=str)
    def test_words_do_not_find_what_lacks_the_modalities_that_count(
        self, world, query, mode, weights
    ):
        counting = [name for name, weight in weights.items() if weight]
        having = [
            item.pk
            for n, item in enumerate(world.items)
            if any(world.present[name][n] for name in counting)
        ]
        found = search.ranking(world.space, Query(query.parts, mode, modalities=weights), ITEMS)
        ids = [hit.item_id for hit in found.hits]
        said = {item.pk for item in world.items[3::7]}
        assert found.mode == mode
        assert said - set(having), "a world without the case"
        if mode == "hybrid":
            assert sorted(ids) == having
            assert set(ids[:3]) <= said
        else:
            assert sorted(ids) == sorted(said & set(having))

    def test_lexical_candidates_are_counted_after_that(self, world, query):
        """One candidate: the best of those that have the modality, not nothing."""
        weights = {"audio": 1.0}
        found = search.ranking(world.space, Query(query.parts, "lexical", modalities=weights), 1)
        (best,) = found.hits
        assert found.mode == "lexical"
        assert world.present["audio"][[item.pk for item in world.items].index(best.item_id)]


def test_an_item_without_vectors_is_no_part(world):
    with pytest.raises(NotEmbedded):
        search.item_part(world.space, make_item("late", "late").pk)


def test_below_the_least_score_nothing_is_shown(world):
    query = Query((Part(rows(5, 1)[0], "text"),))
    scores = [hit.score for hit in all_hits(world, query)]
    cut = Query(query.parts, min_score=scores[9])
    ranked = search.ranking(world.space, cut, ITEMS)
    assert [hit.score for hit in ranked.hits] == scores[:10]
    assert ranked.whole


def test_diversity_keeps_the_best_and_the_items(world):
    query = Query((Part(rows(5, 1)[0], "text"),))
    plain = all_hits(world, query)
    varied = all_hits(world, Query(query.parts, diversity=0.5))
    assert varied[0] == plain[0]
    assert {hit.item_id for hit in varied} == {hit.item_id for hit in plain}
    assert varied != plain
