"""Django's registration of this app."""

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """The retrieval app."""

    name = "retrieval"
