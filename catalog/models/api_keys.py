"""Keys that programs use to reach the API."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager


class Scope(models.TextChoices):
    """What a key may do."""

    READ = "read", "read: items, search, recommendations"
    EVENTS = "events", "events: send what visitors did"
    CATALOG = "catalog", "catalog: write items and media"
    OPS = "ops", "ops: status, spaces, training"


class ApiKey(AbstractAPIKey):
    """A hashed, revocable key with scopes; the key itself is shown once, when it is made."""

    objects: ClassVar[APIKeyManager] = APIKeyManager()

    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), default=list)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
