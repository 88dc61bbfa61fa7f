"""A hub's cache of tiny checkpoints, made once, and no way to the hub itself."""

from pathlib import Path

import pytest

from tests.retrieval.encoders import checkpoints


@pytest.fixture(scope="session")
def hub_cache(tmp_path_factory) -> Path:
    """The hub's cache with tiny/bert, tiny/clip, …, each at COMMIT."""
    cache = tmp_path_factory.mktemp("hub")
    for name in ("bert", "clip", "siglip", "clap", "wav2vec2", "ast"):
        getattr(checkpoints, f"save_{name}")(checkpoints.in_hub_layout(cache, f"tiny/{name}"))
    return cache


@pytest.fixture(scope="class", autouse=True)
def offline_hub(hub_cache: Path):
    """As with HF_HUB_OFFLINE=1 and HF_HUB_CACHE, which the client reads when it is imported."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(hub_cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield
