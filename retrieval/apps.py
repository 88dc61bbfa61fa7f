"""Django's registration of this app."""

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """The retrieval app."""

    name = "retrieval"

    def ready(self) -> None:
        """Registers the checks of the settings."""
        from retrieval import checks  # noqa: F401
