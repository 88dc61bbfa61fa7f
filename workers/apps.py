"""Django's registration of this app."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class WorkersConfig(AppConfig):
    """The workers app."""

    name = "workers"

    def ready(self) -> None:
        """The roles follow the last app that has tables, when the permissions of all are there."""
        from workers.roles import roles_ensure

        post_migrate.connect(roles_ensure, sender=apps.get_app_config("recommender"))
