"""Django's registration of this app."""

from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    """The recommender app."""

    name = "recommender"

    def ready(self) -> None:
        """Registers the checks of the settings, and what moves when two items are merged."""
        from recommender import checks  # noqa: F401
        from recommender.merging import EventMover, RuleMover
        from retrieval.duplicates import mover_register

        mover_register(EventMover())
        mover_register(RuleMover())
