"""EASE, item-kNN and ALS: known worlds, and the slow, obvious computation of the same."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.collaborative import Ease, Interactions, ItemKnn, MatrixFactorization, item_knn
from recommender.collaborative import ease as ease_module
from recommender.exceptions import NothingToLearn, TooManyItems
from tests.recommender.collaborative.worlds import checkerboard, scattered

MODELS = [
    Ease(regularization=10.0),
    ItemKnn(k=20, shrinkage=1.0),
    MatrixFactorization(factors=8, regularization=1.0),
]


def fresh(model):
    return type(model)(**{name: getattr(model, name) for name in _settings(model)})


def _settings(model) -> list[str]:
    return [name for name, field in model.__dataclass_fields__.items() if field.init]


@pytest.fixture(params=MODELS, ids=lambda model: type(model).__name__)
def model(request):
    """Not fitted."""
    return fresh(request.param)


class TestEveryModel:
    def test_the_missing_square_of_the_checkerboard_is_the_best_of_the_unused(self, model):
        world = checkerboard()
        scores = model.fit(world).scores(world.visitors)
        scores[world.visitors.nonzero()] = -np.inf
        assert scores.argmax(axis=1).tolist() == list(range(40))

    def test_its_neighbours_say_the_same(self, model):
        world = checkerboard()
        found = model.fit(world).neighbours(19)
        assert found.shape == (40, 40)
        assert found.diagonal().tolist() == [0] * 40
        scores = (world.visitors @ found).toarray()
        scores[world.visitors.nonzero()] = -np.inf
        assert scores.argmax(axis=1).tolist() == list(range(40))

    def test_neighbours_are_the_strongest(self, model):
        model.fit(scattered())
        every, few = model.neighbours(30).toarray(), model.neighbours(4).toarray()
        kept = few != 0
        assert kept.sum(axis=1).max() == 4
        assert np.array_equal(few[kept], every[kept])
        left = np.where(kept, 0, np.abs(every)).max(axis=1)
        least = np.where(kept, np.abs(few), np.inf).min(axis=1)
        assert (least >= left).all()

    def test_a_saved_model_is_the_same_after_loading(self, model, tmp_path):
        world = scattered()
        model.fit(world).save(tmp_path / "model")
        loaded = type(model).load(tmp_path / "model")
        assert _settings(loaded) == _settings(model)
        assert loaded.item_ids.tolist() == world.item_ids.tolist()
        assert np.array_equal(loaded.scores(world.visitors), model.scores(world.visitors))

    def test_another_models_file_is_refused(self, model, tmp_path):
        other = MODELS[0] if isinstance(model, ItemKnn) else MODELS[1]
        fresh(other).fit(scattered()).save(tmp_path / "model")
        with pytest.raises(ValueError, match="is no"):
            type(model).load(tmp_path / "model")
        (tmp_path / "model").write_bytes(b"not a model")
        with pytest.raises(ValueError, match="not a stored model"):
            type(model).load(tmp_path / "model")

    def test_it_learns_the_same_twice(self, model):
        world = scattered()
        first = model.fit(world).scores(world.visitors)
        assert np.array_equal(fresh(model).fit(world).scores(world.visitors), first)

    def test_nothing_to_learn_from_is_said(self, model):
        with pytest.raises(NothingToLearn, match="import_events"):
            model.fit(Interactions(csr_matrix((3, 2), dtype=np.float32), np.arange(2)))

    def test_what_speaks_against_is_refused(self, model):
        x = csr_matrix(np.array([[1, -1]], np.float32))
        with pytest.raises(ValueError, match="above 0"):
            model.fit(Interactions(x, np.arange(2)))

    def test_an_item_nobody_touched_is_scored_like_nothing(self, model):
        scores = model.fit(scattered()).scores(scattered().visitors)
        assert np.isfinite(scores).all()
        assert scores[:, 7] == pytest.approx(0, abs=1e-6)


class TestEase:
    def test_weights_are_those_of_the_naive_closed_form(self):
        world = scattered()
        x = world.visitors.toarray().astype(np.float64)
        inverse = np.linalg.inv(x.T @ x + 5 * np.eye(30))
        naive = np.eye(30) - inverse / np.diag(inverse)
        np.fill_diagonal(naive, 0)
        assert Ease(regularization=5.0).fit(world).weights == pytest.approx(naive, abs=1e-6)

    def test_single_precision_and_small_blocks_give_the_same(self, monkeypatch):
        exact = Ease(regularization=5.0).fit(scattered()).weights
        monkeypatch.setattr(ease_module, "DOUBLE_UP_TO", 10)
        monkeypatch.setattr(ease_module, "BLOCK", 7)
        model = Ease(regularization=5.0).fit(scattered())
        assert model.weights.dtype == np.float32
        assert model.weights == pytest.approx(exact, abs=1e-5)
        assert model.neighbours(30).toarray() == pytest.approx(model.weights)

    def test_too_many_items_are_refused_with_what_to_do(self):
        with pytest.raises(TooManyItems, match=r"30 items .* takes 20: use `item-knn`"):
            Ease(max_items=20).fit(scattered())


class TestItemKnn:
    def brute_force(self, world: Interactions, k: int, shrinkage: float) -> np.ndarray:
        x = world.visitors.toarray()
        lengths = np.linalg.norm(x, axis=0)
        found = np.zeros((x.shape[1], x.shape[1]))
        for i in range(x.shape[1]):
            likeness = {
                j: x[:, i] @ x[:, j] / (lengths[i] * lengths[j] + shrinkage)
                for j in range(x.shape[1])
                if j != i and x[:, i] @ x[:, j] > 0
            }
            for j in sorted(likeness, key=lambda j: -likeness[j])[:k]:
                found[i, j] = likeness[j]
        return found

    @pytest.mark.parametrize("cost", [1, 300, 10**9])
    def test_similarities_are_those_of_brute_force_whatever_the_blocks(self, monkeypatch, cost):
        monkeypatch.setattr(item_knn, "BLOCK_COST", cost)
        world = scattered()
        model = ItemKnn(k=5, shrinkage=2.0).fit(world)
        expected = self.brute_force(world, 5, 2.0)
        assert model.similarities.toarray() == pytest.approx(expected, abs=1e-6)
        assert model.scores(world.visitors) == pytest.approx(
            world.visitors.toarray() @ expected, abs=1e-5
        )


class TestMatrixFactorization:
    def test_a_visitor_is_the_solution_of_the_normal_equations(self):
        world = scattered()
        model = MatrixFactorization(factors=4, regularization=2.0, confidence=3.0).fit(world)
        y, row = model.items.astype(np.float64), world.visitors[5].toarray()[0]
        certain = np.diag(1 + 3 * row)
        expected = np.linalg.solve(
            y.T @ certain @ y + 2 * np.eye(4), y.T @ certain @ (row > 0).astype(float)
        )
        assert model.visitors(world.visitors[5])[0] == pytest.approx(expected, abs=1e-4)

    def test_alternation_lowers_the_loss(self):
        world = scattered()
        x = world.visitors.toarray()

        def loss(iterations: int) -> float:
            model = MatrixFactorization(4, 0.1, 3.0, iterations=iterations).fit(world)
            visitors = model.visitors(world.visitors)
            errors = (1 + 3 * x) * ((x > 0) - visitors @ model.items.T) ** 2
            return float(errors.sum() + 0.1 * ((visitors**2).sum() + (model.items**2).sum()))

        losses = [loss(n) for n in (1, 2, 4, 8)]
        assert losses == sorted(losses, reverse=True)

    def test_somebody_who_came_later_is_scored_without_training(self):
        model = MatrixFactorization(factors=8, regularization=1.0).fit(checkerboard())
        history = csr_matrix(([1.0, 1.0], ([0, 0], [1, 3])), shape=(1, 40))
        scores = model.scores(history)[0]
        assert scores[1::2].min() > scores[::2].max()
        assert model.visitors(csr_matrix((1, 40))).tolist() == [[0.0] * 8]
