"""Django's registration of this app."""

from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    """The recommender app."""

    name = "recommender"

    def ready(self) -> None:
        """Registers the checks of the settings."""
        from recommender import checks  # noqa: F401
