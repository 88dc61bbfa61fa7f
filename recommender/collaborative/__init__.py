"""What visitors' events teach about items: models that learn together from everybody.

- ``interactions``: who did what with which item, as a sparse matrix; read from the events
- ``Ease``, ``ItemKnn``, ``MatrixFactorization``: from events alone; each gives ``neighbours``
- ``TwoTower``: reads what an item is as well, so that it places items nobody has touched

Each has ``fit(...)``, ``scores(history) -> (b, n_items)``, ``save(path)`` and ``load(path)``. The
models know neither Django nor the database; torch is imported while a ``TwoTower`` learns only.
"""

from recommender.collaborative.ease import Ease
from recommender.collaborative.factorization import MatrixFactorization
from recommender.collaborative.interactions import Interactions
from recommender.collaborative.item_knn import ItemKnn
from recommender.collaborative.two_tower import TwoTower

__all__ = ["Ease", "Interactions", "ItemKnn", "MatrixFactorization", "TwoTower"]
