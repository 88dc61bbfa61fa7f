"""Retrieval in the admin: spaces, audits, and what the item's page says about embeddings."""

from retrieval.admin.audit import AuditFindingAdmin
from retrieval.admin.items import EmbeddedItemAdmin
from retrieval.admin.spaces import EmbeddingSpaceAdmin

__all__ = ["AuditFindingAdmin", "EmbeddedItemAdmin", "EmbeddingSpaceAdmin"]
