"""Django's registration of this app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete


class RetrievalConfig(AppConfig):
    """The retrieval app."""

    name = "retrieval"

    def ready(self) -> None:
        """Registers the checks of the settings. Examples of policies take their files with them."""
        from retrieval import checks  # noqa: F401
        from retrieval.models import PolicyExample
        from retrieval.moderation import file_release

        post_delete.connect(file_release, sender=PolicyExample)
