"""What can go wrong in retrieval; ``code`` is stable and reaches the API and the admin."""

from collections.abc import Mapping
from typing import Any


class RetrievalError(Exception):
    """Base of all errors of this app."""

    code = "retrieval_error"
    errors: Mapping[str, Any] = {}
    """What is wrong by the place in the request, where it is known."""


class DecodeFailed(RetrievalError):
    """A media file could not be decoded; the item goes on with its other modalities."""

    code = "undecodable"

    def __init__(self, detail: str, code: str = "undecodable") -> None:
        super().__init__(detail)
        self.code = code


class EncoderFailed(RetrievalError):
    """An encoder cannot take some content, or gave something else than unit rows for it.

    Codes: ``encoder_not_finite``, ``encoder_zero_vector``, ``encoder_not_unit``,
    ``encoder_wrong_dim``, ``encoder_wrong_count``, ``encoder_rejected`` (a remote endpoint refused
    the content), else ``encoder_failed``.
    """

    code = "encoder_failed"

    def __init__(self, detail: str, code: str = "encoder_failed") -> None:
        super().__init__(detail)
        self.code = code


class EncoderUnavailable(RetrievalError):
    """An encoder's package, weights or endpoint are missing; the message says what to do.

    ``transient``: nothing need be done, it may work in a minute (a remote endpoint is overloaded).
    """

    code = "encoder_unavailable"

    def __init__(self, detail: str, *, transient: bool = False) -> None:
        super().__init__(detail)
        self.transient = transient


class NoActiveSpace(RetrievalError):
    """No embedding space is active yet."""

    code = "no_active_space"

    def __init__(self) -> None:
        super().__init__("No embedding space is active yet: run `manage.py embed`.")


class SpaceConflict(RetrievalError):
    """The space's state or name does not allow what was asked."""

    code = "space_conflict"


class SpaceGone(RetrievalError):
    """The space was retired while it was being used: whoever asks again gets the active one."""

    code = "space_gone"

    def __init__(self, space_id: int) -> None:
        super().__init__(f"The embedding space {space_id} was retired meanwhile: ask again.")
        self.space_id = space_id


class SpaceBroken(RetrievalError):
    """The stored head cannot be read."""

    code = "space_broken"


class NotEmbedded(RetrievalError):
    """The item has no embedding in the active space yet (or its embedding failed)."""

    code = "not_embedded"


class QuerySaturated(RetrievalError):
    """No worker encoded the query's media in time, or too many wait for that already."""

    code = "workers_busy"


class InvalidQuery(RetrievalError):
    """A query that cannot be answered; ``errors`` maps a path in it to what is wrong there."""

    code = "invalid"

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in errors.items()))
        self.errors = errors


class TooFewItems(RetrievalError):
    """Not enough embedded items to train on."""

    code = "too_few_items"


class AuditRunning(RetrievalError):
    """An audit goes on already; ``run_id`` says which."""

    code = "audit_running"

    def __init__(self, run_id: int) -> None:
        super().__init__("An audit goes on already: wait for its end.")
        self.run_id = run_id


class IndexingRunning(RetrievalError):
    """Another process makes the indexes of the filters."""

    code = "indexing_running"

    def __init__(self) -> None:
        super().__init__("Another process makes these indexes: wait for its end.")


class ReviewConflict(RetrievalError):
    """A decision that somebody else has made, or that what it is about does not allow any more."""

    code = "review_conflict"


class ReviewRunning(RetrievalError):
    """A run of this kind goes on already; ``run_id`` says which."""

    code = "review_running"

    def __init__(self, run_id: int) -> None:
        super().__init__("Such a run goes on already: wait for its end.")
        self.run_id = run_id
