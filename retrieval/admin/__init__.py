"""Retrieval in the admin: spaces, audits, reviews, and what the item's page says about embeddings."""

from retrieval.admin.audit import AuditFindingAdmin
from retrieval.admin.cases import CaseAdmin
from retrieval.admin.duplicates import DuplicatePairAdmin
from retrieval.admin.items import EmbeddedItemAdmin
from retrieval.admin.policies import PolicyAdmin
from retrieval.admin.spaces import EmbeddingSpaceAdmin

__all__ = [
    "AuditFindingAdmin",
    "CaseAdmin",
    "DuplicatePairAdmin",
    "EmbeddedItemAdmin",
    "EmbeddingSpaceAdmin",
    "PolicyAdmin",
]
