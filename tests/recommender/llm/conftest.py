"""An endpoint that speaks OpenAI's protocol, configured as the provider."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from recommender.llm.providers.openai import OpenAIProvider
from tests.recommender.llm.endpoint import Endpoint, running


@pytest.fixture
def endpoint(settings) -> Iterator[Endpoint]:
    """A server on the loopback; Redis is empty, so nothing is spent, paused or counted yet."""
    cache._cache.get_client().flushdb()
    with running() as server:
        settings.LLM = settings.LLM | {
            "PROVIDER": "openai",
            "BASE_URL": server.url,
            "MODEL": "m",
            "API_KEY": "k-secret",
        }
        yield server
        kept = OpenAIProvider._shared
        if kept is not None:
            kept.close()
            OpenAIProvider._shared = None
