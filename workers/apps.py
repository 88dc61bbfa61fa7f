"""Django's registration of this app."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """The workers app."""

    name = "workers"
