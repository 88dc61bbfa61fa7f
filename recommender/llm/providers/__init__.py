"""Where answers come from, by ``LLM["PROVIDER"]``: nowhere, an HTTP endpoint, a worker."""

from django.conf import settings

from recommender.llm.providers.local import LocalProvider
from recommender.llm.providers.types import Provider


def provider() -> Provider | None:
    """The configured one; None for ``none``."""
    name = settings.LLM["PROVIDER"]
    if name == "openai":
        from recommender.llm.providers.openai import OpenAIProvider

        return OpenAIProvider.shared()
    if name == "local":
        return LocalProvider()
    return None


__all__ = ["provider"]
