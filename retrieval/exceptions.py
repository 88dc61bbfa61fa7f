"""What can go wrong in retrieval; ``code`` is stable and reaches the API and the admin."""


class RetrievalError(Exception):
    """Base of all errors of this app."""

    code = "retrieval_error"


class DecodeFailed(RetrievalError):
    """A media file could not be decoded; the item goes on with its other modalities."""

    code = "undecodable"

    def __init__(self, detail: str, code: str = "undecodable") -> None:
        super().__init__(detail)
        self.code = code


class EncoderFailed(RetrievalError):
    """An encoder gave a vector that is not finite or has the wrong shape."""

    code = "encoder_failed"


class EncoderUnavailable(RetrievalError):
    """An encoder's package or weights are missing; the message says what to install."""

    code = "encoder_unavailable"


class NoActiveSpace(RetrievalError):
    """No embedding space is active yet."""

    code = "no_active_space"

    def __init__(self) -> None:
        super().__init__("No embedding space is active yet: run `manage.py embed`.")


class SpaceConflict(RetrievalError):
    """The space's state or name does not allow what was asked."""

    code = "space_conflict"


class NotEmbedded(RetrievalError):
    """The item has no embedding in the active space yet (or its embedding failed)."""

    code = "not_embedded"


class QuerySaturated(RetrievalError):
    """No worker encoded the query's media in time."""

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
