"""How good recommendations are, against what everybody could do: ``manage.py evaluate_recommender``.

- ``datasets``: MovieLens 100K, Debian's dependencies; ``own``: this installation's events
- ``protocols``: what is held out, and what may be learned from
- ``scorers``: the baselines; ``pipeline``: Triad's default configuration, from the code that serves
- ``run``: fits, ranks everything, measures; ``report``: what is shown of it
- ``logged``: what another policy would have earned, from logged propensities

The measures themselves are in ``recommender.metrics``.
"""
