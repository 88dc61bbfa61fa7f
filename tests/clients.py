"""API clients as tests need them, and small valid files."""

import io
import wave

from PIL import Image
from rest_framework.test import APIClient

from catalog.models import ApiKey


def anonymous() -> APIClient:
    """A client without credentials that answers 500 instead of raising."""
    return APIClient(raise_request_exception=False)


def with_scopes(*scopes: str) -> APIClient:
    """A client with an API key of its own."""
    _, key = ApiKey.objects.create_key(name="test", scopes=list(scopes))
    client = anonymous()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def png(width: int = 8, height: int = 6, colour: str = "red") -> bytes:
    """A picture."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def wav(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A sound: silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(b"\0\0" * int(seconds * rate))
    return file.getvalue()
