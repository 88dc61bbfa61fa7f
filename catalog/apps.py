"""Django's registration of this app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete


class CatalogConfig(AppConfig):
    """The catalog app."""

    name = "catalog"

    def ready(self) -> None:
        """Media rows take their files with them, by whatever way they are deleted."""
        from catalog.files import release_after_delete
        from catalog.models import Media

        post_delete.connect(release_after_delete, sender=Media)
