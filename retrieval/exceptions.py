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
