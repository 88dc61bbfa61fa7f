"""Retrieval in the admin: spaces, and what the item's page says about embeddings."""

from retrieval.admin.items import EmbeddedItemAdmin
from retrieval.admin.spaces import EmbeddingSpaceAdmin

__all__ = ["EmbeddedItemAdmin", "EmbeddingSpaceAdmin"]
