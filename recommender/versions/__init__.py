"""The life of model versions.

- ``building``: ``version_create``, ``version_ask`` (and wake a worker), ``version_claim``,
  ``version_lease``, ``version_fail``
- ``switching``: ``active_version``, ``version_named``, ``version_activate``, ``version_rollback``,
  ``version_stale`` (why to train again)
- ``ending``: ``version_retire``, ``versions_thin``, ``versions_sweep``, ``items_place``
"""

from recommender.versions.building import (
    KIND_OF,
    mine,
    version_ask,
    version_claim,
    version_create,
    version_fail,
    version_lease,
    version_send,
)
from recommender.versions.ending import (
    items_place,
    version_retire,
    versions_sweep,
    versions_thin,
)
from recommender.versions.switching import (
    active_id,
    active_version,
    version_activate,
    version_named,
    version_rollback,
    version_stale,
)

__all__ = [
    "KIND_OF",
    "active_id",
    "active_version",
    "items_place",
    "mine",
    "version_activate",
    "version_ask",
    "version_claim",
    "version_create",
    "version_fail",
    "version_lease",
    "version_named",
    "version_retire",
    "version_rollback",
    "version_send",
    "version_stale",
    "versions_sweep",
    "versions_thin",
]
