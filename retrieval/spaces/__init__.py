"""Embedding spaces: loaded, made, filled, activated, rolled back, retired.

- ``loading``: ``active_space() -> Space``, ``read(row)``, ``space(id)``, ``live_spaces() -> ids``, ``space_named``
- ``creation``: ``check_name``, ``check_new``, ``weights_checked``, ``space_create(name, head, ...)``,
  ``space_create_untrained``, ``space_create_from``, ``space_resume``, ``ensure_active_space``
- ``switching``: ``space_ready``, ``space_missing``, ``space_activate``, ``space_rollback``, ``space_fail``
- ``retirement``: ``retirement(id) -> what would go``, ``space_retire(id)``
"""

from retrieval.spaces.creation import (
    MAX_NAME,
    check_name,
    check_new,
    ensure_active_space,
    space_create,
    space_create_failed,
    space_create_from,
    space_create_untrained,
    space_resume,
    weights_checked,
)
from retrieval.spaces.loading import (
    ACTIVE_STATE,
    COLUMNS,
    Space,
    active_id,
    active_space,
    check_encoders,
    encoder_facts,
    is_live,
    live_spaces,
    partition_of,
    read,
    space,
    space_named,
)
from retrieval.spaces.retirement import Retirement, retirement, space_retire
from retrieval.spaces.switching import (
    space_activate,
    space_fail,
    space_missing,
    space_ready,
    space_rollback,
    space_worked,
    spaces_ready,
)

__all__ = [
    "ACTIVE_STATE",
    "COLUMNS",
    "MAX_NAME",
    "Retirement",
    "Space",
    "active_id",
    "active_space",
    "check_encoders",
    "check_name",
    "check_new",
    "encoder_facts",
    "ensure_active_space",
    "is_live",
    "live_spaces",
    "partition_of",
    "read",
    "retirement",
    "space",
    "space_activate",
    "space_create",
    "space_create_failed",
    "space_create_from",
    "space_create_untrained",
    "space_fail",
    "space_missing",
    "space_named",
    "space_ready",
    "space_resume",
    "space_retire",
    "space_rollback",
    "space_worked",
    "spaces_ready",
    "weights_checked",
]
