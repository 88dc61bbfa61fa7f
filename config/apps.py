"""Start-up of the project."""

from django.apps import AppConfig
from django.conf import settings

from config import embedded


class ConfigConfig(AppConfig):
    """Makes the embedded servers run where no URL names others."""

    name = "config"
    verbose_name = "Project"

    def ready(self) -> None:
        """Called in every process that uses Django: web, workers, commands, tests."""
        if settings.EMBEDDED_SERVERS:
            embedded.use(settings.VAR, settings.EMBEDDED_SERVERS)
