"""Metrics and similarities against slow, obvious references over every item."""

import json
import math

import numpy as np
import pytest

from catalog.models import Item
from retrieval import claims, index, scoring, search, spaces
from retrieval.exceptions import EncoderFailed
from retrieval.fusion import unit
from retrieval.index import EmbeddedItem
from retrieval.models import Embedding, EmbeddingSpace
from retrieval.scoring import Part
from retrieval.types import MODALITIES

pytestmark = pytest.mark.django_db

DIM = 16
ITEMS = 150
METRICS = EmbeddingSpace.Metric.values
FUSIONS = EmbeddingSpace.Fusion.values


def random_rows(seed: int, count: int, dim: int = DIM) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dim)))


def halves(vector: np.ndarray) -> np.ndarray:
    return vector.astype(np.float16).astype(np.float64)


class World:
    """Items with random vectors in a space of its own; a third of them lack each other modality."""

    def __init__(self, many_items, fusion: str, metric: str) -> None:
        row = spaces.space_create_untrained(
            "world", profile="fake", dim=DIM, fusion=fusion, metric=metric
        )
        self.space = spaces.space(row.pk)
        self.items = many_items(ITEMS)
        vectors = {name: random_rows(n, ITEMS) for n, name in enumerate(MODALITIES)}
        numbers = np.arange(ITEMS)
        present = {"text": numbers % 3 != 1, "image": numbers % 3 != 2, "audio": numbers % 2 == 0}
        present["text"] |= ~(present["image"] | present["audio"])
        self.fused, _ = self.space.head.fuse(vectors, present, normalised=metric == "cosine")
        self.vectors, self.present = vectors, present
        claims.claim(self.space.id, [item.pk for item in self.items])
        index.store(
            self.space.partition,
            [
                EmbeddedItem(
                    item_id=item.pk,
                    content_version=item.content_version,
                    content_hash=str(n),
                    modalities={m: vectors[m][n] for m in MODALITIES if present[m][n]},
                    fused=self.fused[n],
                    weights={},
                )
                for n, item in enumerate(self.items)
            ],
        )

    def score(self, query: np.ndarray, n: int) -> float:
        """By the definition of the metric, in double precision, of what half precision keeps."""
        query, fused = halves(query), halves(self.fused[n])
        if self.space.partition.metric == "euclidean":
            return 1 - np.sum((query - fused) ** 2) / 2
        product = float(query @ fused)
        if self.space.partition.metric == "cosine":
            product /= np.linalg.norm(query) * np.linalg.norm(fused)
        return product

    def normalised(self, query: np.ndarray, own: dict[str, np.ndarray], n: int) -> float:
        """The article's formula; the odd continuation where its root is undefined."""
        numerator = float(halves(query) @ halves(self.fused[n]))
        total = sum(
            float(halves(own[m]) @ halves(self.vectors[m][n]))
            for m in MODALITIES
            if self.present[m][n]
        )
        if total > scoring.NORMALISED_FLOOR:
            return numerator / math.sqrt(total)
        return numerator / math.sqrt(max(-total, scoring.NORMALISED_FLOOR))

    def best(self, scores: list[float], limit: int) -> list[tuple[int, float]]:
        order = sorted(range(ITEMS), key=lambda n: (-scores[n], self.items[n].pk))[:limit]
        return [(self.items[n].pk, scores[n]) for n in order]


@pytest.fixture
def world(many_items, request) -> World:
    return World(many_items, *request.param)


def check(found: list[search.Hit], expected: list[tuple[int, float]]) -> None:
    assert [hit.score for hit in found] == pytest.approx([s for _, s in expected], abs=3e-3)
    # half precision may swap neighbours whose scores differ by less
    scores = dict(expected)
    assert len({hit.item_id for hit in found} & scores.keys()) >= len(found) - 1


@pytest.mark.parametrize(
    "world",
    [(f, m) for f in FUSIONS for m in METRICS],
    indirect=True,
    ids="-".join,
)
class TestMetrics:
    def test_a_query_finds_what_the_definition_says(self, world: World):
        for query in random_rows(10, 5):
            asked = world.space.head.fused_query(query[None])[0]
            expected = world.best([world.score(asked, n) for n in range(ITEMS)], 10)
            check(search.search(world.space, [Part(query, "text")], 10), expected)

    def test_scores_lie_between_minus_one_and_one(self, world: World):
        found = search.search(world.space, [Part(random_rows(11, 1)[0], "text")], ITEMS)
        assert len(found) == ITEMS
        assert all(-1 <= hit.score <= 1 for hit in found)

    def test_similar_items_are_those_nearest_to_its_fused_vector(self, world: World):
        item = world.items[7]
        scores = [world.score(world.fused[7], n) for n in range(ITEMS)]
        scores[7] = -math.inf
        check(search.similar(world.space, item.pk, 10), world.best(scores, 10))

    def test_several_parts_count_by_their_weights(self, world: World):
        queries, weights = random_rows(12, 3), (1.0, 2.0, -0.5)
        asked = world.space.head.fused_query(queries)
        scores = [
            sum(w * world.score(q, n) for w, q in zip(weights, asked, strict=True)) / 3.5
            for n in range(ITEMS)
        ]
        parts = [Part(q, "text", w) for q, w in zip(queries, weights, strict=True)]
        check(search.search(world.space, parts, 10), world.best(scores, 10))

    def test_normalised_similarity_is_the_articles(self, world: World):
        for query in random_rows(13, 5):
            asked = world.space.head.fused_query(query[None])[0]
            own = dict.fromkeys(MODALITIES, query)
            scores = [world.normalised(asked, own, n) for n in range(ITEMS)]
            parts = [Part(query, "text")]
            found = search.search(world.space, parts, ITEMS, similarity="normalised")
            assert len(found) == ITEMS
            by_item = {item.pk: score for item, score in zip(world.items, scores, strict=True)}
            for hit in found:
                # near a sum of 0 the root magnifies what half precision rounds away
                assert hit.score == pytest.approx(by_item[hit.item_id], abs=2e-2)
            ranked = [hit.score for hit in found]
            assert ranked == sorted(ranked, reverse=True)

    def test_an_item_compares_modality_with_modality(self, world: World):
        fused = halves(world.fused[4]).astype(np.float32)
        blocks = fused.reshape(-1, DIM)
        own = dict(zip(MODALITIES, blocks if len(blocks) == 3 else [fused] * 3, strict=True))
        scores = {item.pk: world.normalised(fused, own, n) for n, item in enumerate(world.items)}
        found = search.search(world.space, [Part(fused)], ITEMS, similarity="normalised")
        for hit in found:
            assert hit.score == pytest.approx(scores[hit.item_id], abs=2e-2)


class TestNormalised:
    """(q·x_fused, sum of q·x_m) → score."""

    @pytest.mark.parametrize(
        ("fused", "modalities", "expected"),
        [
            (0.5, 1.0, 0.5),
            (0.5, 0.25, 1.0),
            (0.6, 2.25, 0.4),
            (0.5, 0.01, 5.0),  # the floor
            (0.5, 0.0, 5.0),
            (0.0, 0.0, 0.0),
            (-0.5, -0.25, -1.0),  # undefined in the article: the odd continuation
            (-0.1, -0.0025, -1.0),
            (0.1, -0.25, 0.2),  # signs that disagree, by unequal weights: the fused vector's counts
            (-0.1, 0.25, -0.2),
        ],
    )
    def test_known_answers(self, fused, modalities, expected):
        assert scoring.normalised_similarity(fused, modalities) == pytest.approx(expected)

    def test_is_odd(self):
        for fused, total in np.random.default_rng(0).uniform(-1, 1, (100, 2)):
            there = scoring.normalised_similarity(fused, total)
            assert scoring.normalised_similarity(-fused, -total) == pytest.approx(-there)

    def test_is_continuous_through_the_undefined_region(self):
        sums = np.linspace(-0.1, 0.1, 20_001)
        scores = [scoring.normalised_similarity(0.3, float(total)) for total in sums]
        assert max(abs(np.diff(scores))) < 0.002
        assert max(np.abs(scores)) == pytest.approx(0.3 / math.sqrt(scoring.NORMALISED_FLOOR))

    def test_what_points_away_ranks_below_what_points_towards(self):
        totals = np.random.default_rng(1).uniform(-3, 3, 500)
        scores = [scoring.normalised_similarity(total / 3, total) for total in totals]
        away = [s for s, total in zip(scores, totals, strict=True) if total < 0]
        towards = [s for s, total in zip(scores, totals, strict=True) if total > 0]
        assert max(away) < 0 < min(towards)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["fused", "image"])
def test_what_is_not_finite_is_never_stored(space, many_items, bad, where):
    items = many_items(2)
    claims.claim(space.id, [item.pk for item in items])
    rows = []
    for n, item in enumerate(items):
        vectors = {"image": np.ones(64, np.float32), "fused": np.ones(64, np.float32)}
        if n == 1:
            vectors[where][5] = bad
        rows.append(EmbeddedItem(item.pk, 1, "", {"image": vectors["image"]}, vectors["fused"], {}))
    with pytest.raises(EncoderFailed, match=f"'{where}' of item {items[1].pk} is not finite"):
        index.store(space.partition, rows)
    assert not Embedding.objects.filter(status="ready").exists()


def test_an_item_with_nothing_to_read_is_found_by_nothing(space, many_items):
    """Its fused vector would be zero, whose cosine with anything is no number."""
    items = many_items(3)
    claims.claim(space.id, [item.pk for item in items])
    rows = [
        EmbeddedItem(item.pk, 1, "", {}, random_rows(n, 1, 64)[0] if n else None, {})
        for n, item in enumerate(items)
    ]
    index.store(space.partition, rows)
    for similarity in scoring.SIMILARITIES:
        parts = [Part(random_rows(9, 1, 64)[0], "text")]
        found = search.search(space, parts, 10, similarity=similarity)
        assert {hit.item_id for hit in found} == {item.pk for item in items[1:]}
        assert all(math.isfinite(hit.score) for hit in found)


class TestApi:
    PATH = "/api/v1/search/"

    @pytest.fixture
    def frogs(self, space) -> list[Item]:
        from retrieval import services
        from tests.retrieval.conftest import make_item

        items = [make_item(name, f"{name} frog") for name in ("green", "brown", "old")]
        services.embed_items(space.id, [item.pk for item in items])
        return items

    def post(self, client, **body):
        query = {"query": [{"text": "green frog"}], **body}
        query |= {"mode": "dense"}
        return client.post(self.PATH, json.dumps(query), content_type="application/json")

    @pytest.mark.parametrize("value", [None, "cosine"])
    def test_the_metric_of_the_space_is_the_default(self, client, frogs, value):
        plain = self.post(client).json()["hits"]
        assert plain == self.post(client, similarity=value).json()["hits"]

    def test_normalised_is_the_root_of_one_modality(self, client, frogs):
        """Of items with words only, q·x / sqrt(q·x) is sqrt(q·x)."""
        plain = self.post(client).json()["hits"]
        rescored = self.post(client, similarity="normalised").json()["hits"]
        assert [hit["item"] for hit in rescored] == [hit["item"] for hit in plain]
        for hit, was in zip(rescored, plain, strict=True):
            assert hit["score"] == pytest.approx(math.sqrt(was["score"]), abs=5e-3)

    @pytest.mark.parametrize("value", ["fused", "", 1, ["cosine"], {"a": 1}])
    def test_anything_else_is_refused_by_name(self, client, frogs, value):
        answer = self.post(client, similarity=value)
        assert answer.status_code == 400, answer.content
        assert list(answer.json()["errors"]) == ["similarity"]

    def test_the_schema_lists_them(self, client, db):
        schema = client.get("/api/schema/", {"format": "json"}).json()
        body = schema["paths"]["/api/v1/search/"]["post"]["requestBody"]["content"]
        asked = body["application/json"]["schema"]["$ref"].rpartition("/")[2]
        field = schema["components"]["schemas"][asked]["properties"]["similarity"]
        if "oneOf" in field:
            field = field["oneOf"][0]
        while "$ref" in json.dumps(field):
            name = (field.get("$ref") or field["allOf"][0]["$ref"]).rpartition("/")[2]
            field = schema["components"]["schemas"][name]
        assert field["enum"] == ["cosine", "ip", "l2", "normalised"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "weights", [(0.1, 0.2, -0.3), (1.1, 2.2, -3.3), (1.0, -0.999_999_9), (1e-320, 1e-320)]
)
def test_weights_that_cancel_each_other_are_answered(many_items, metric, weights):
    """0.1 + 0.2 - 0.3 is 5.6e-17: nothing may be divided by it."""
    space = World(many_items, "weighted", metric).space
    parts = [
        Part(row, "text", weight)
        for row, weight in zip(random_rows(7, len(weights)), weights, strict=True)
    ]
    hits = search.search(space, parts, 10)
    assert len(hits) == 10
    assert all(math.isfinite(hit.score) for hit in hits)


def test_each_part_alone_in_one_statement(many_items, django_assert_num_queries):
    world = World(many_items, "weighted", "cosine")
    parts = [Part(row) for row in random_rows(7, 3)]
    ids = [item.pk for item in world.items]
    weights = {"text": 2.0, "audio": 1.0}
    with django_assert_num_queries(1):
        found = scoring.Scorer(world.space, parts, modalities=weights).each_part(ids)
    for number, part in enumerate(parts):
        alone = scoring.Scorer(world.space, [part], modalities=weights).scores(ids)
        assert {item_id: scores[number] for item_id, scores in found.items()} == alone
