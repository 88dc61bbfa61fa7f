"""Django's registration of this app."""

from django.apps import AppConfig


class RecommenderConfig(AppConfig):
    """The recommender app."""

    name = "recommender"
