"""The profiles of config/triad.py: what each is made of, and what it says when it lacks something."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from retrieval import claims, encoders, services, spaces
from retrieval.exceptions import EncoderUnavailable
from retrieval.models import Embedding, EmbeddingSpace
from tests.retrieval.conftest import make_item
from tests.retrieval.encoders.endpoint import DIM, Endpoint

PROFILES = settings.RETRIEVAL["PROFILES"]


def test_the_standard_profile_shares_one_encoder_of_words_and_pictures():
    text, image, audio = (
        encoders.encoder_for(name, "standard") for name in ("text", "image", "audio")
    )
    assert text is image
    assert text.joint is audio.joint is True
    assert [text.weights.name, audio.weights.name] == [
        "google/siglip2-base-patch16-224 at 75de2d55ec2d",
        "laion/clap-htsat-unfused at 79b58ed25fc0",
    ]
    assert all(re.fullmatch(r"\w+/1\[[^]]+\][0-9a-f]{8}", e.fingerprint) for e in (text, audio))


@pytest.mark.parametrize("modality", ["text", "audio"])
def test_without_its_weights_the_standard_profile_names_the_command(modality):
    encoder = encoders.encoder_for(modality, "standard")
    with pytest.raises(
        EncoderUnavailable, match=r"run `manage\.py fetch_weights --profile standard`\."
    ):
        encoder.encode(modality, ["x"])


def test_the_remote_profile_says_what_to_set():
    with pytest.raises(EncoderUnavailable, match="set EMBEDDINGS_URL"):
        encoders.encoder_for("text", "remote")
    with pytest.raises(CommandError, match="set EMBEDDINGS_URL"):
        call_command("fetch_weights", "--profile", "remote")
    starter = PROFILES["starter"]
    assert PROFILES["remote"]["image"] == starter["image"]
    assert PROFILES["remote"]["audio"] == starter["audio"]


REMOTE = (
    "api_key, base_url, batch_size, dim, document_prefix, model, query_prefix, query_timeout_s, "
    "retries, timeout_s"
)
TAKES = {
    "audio_statistics.AudioStatisticsEncoder": "batch_size, cleaning",
    "backbone.TorchvisionEncoder": "batch_size, crops, device, name, weights",
    "clip.ClipEncoder": "batch_size, crops, device, model, precision, revision",
    "clip.SiglipEncoder": "batch_size, crops, device, model, precision, revision",
    "e5.E5Encoder": "batch_size, query_prompt, threads",
    "efficientnet.EfficientNetEncoder": "batch_size",
    "ensemble.EnsembleEncoder": "members",
    "remote.OpenAIEmbeddings": REMOTE.replace("retries", "retries, send_dimensions"),
    "remote.TextEmbeddingsInference": REMOTE,
    "sentence.SentenceEncoder": (
        "batch_size, device, document_prefix, max_length, model, pooling, precision, query_prefix, "
        "revision"
    ),
    "sound.AudioTransformerEncoder": (
        "batch_size, cleaning, device, hop_s, model, precision, revision, window_s"
    ),
    "sound.ClapEncoder": (
        "batch_size, cleaning, device, hop_s, model, precision, revision, window_s"
    ),
    "use.UseEncoder": "batch_size, threads",
    "wavenet.WaveNetEncoder": "batch_size, weights",
    "word_vectors.StaticWordVectors": "limit, path",
}


@pytest.mark.parametrize("name", TAKES)
def test_a_misspelt_option_is_named_with_those_there_are(name):
    backend = f"retrieval.encoders.{name}"
    with pytest.raises(EncoderUnavailable) as refused:
        encoders.make({"BACKEND": backend, "model": "x", "sise": 3, "a": 1})
    wrong = "'a', 'sise'" if "model" in TAKES[name] else "'a', 'model', 'sise'"
    assert f"BACKEND '{backend}' takes no option {wrong}, only {TAKES[name]}." in str(refused.value)


def test_every_encoder_is_among_them():
    folder = Path(encoders.__file__).parent
    found = {
        f"{path.stem}.{name}"
        for path in folder.glob("*.py")
        for name in re.findall(r"^class (\w+)\b", path.read_text(), re.MULTILINE)
        if name.endswith(("Encoder", "Embeddings", "Inference", "WordVectors"))
    }
    bases = {"base.LocalEncoder", "hub.HubEncoder", "sound.AudioEncoder", "remote.RemoteEncoder"}
    assert found - bases == set(TAKES)


def test_a_misspelt_option_of_a_member_is_named_when_the_ensemble_is_made():
    member = {"BACKEND": "retrieval.encoders.use.UseEncoder", "thread": 2}
    with pytest.raises(EncoderUnavailable, match="takes no option 'thread', only batch_size"):
        encoders.make(
            {
                "BACKEND": "retrieval.encoders.ensemble.EnsembleEncoder",
                "members": [member, member],
            }
        )


def test_a_lacking_option_is_named():
    with pytest.raises(EncoderUnavailable, match="required keyword-only argument: 'path'"):
        encoders.make({"BACKEND": "retrieval.encoders.word_vectors.StaticWordVectors"})


def test_a_batch_of_none_is_refused():
    with pytest.raises(EncoderUnavailable, match="batch_size=0 of E5Encoder: take 1 or more"):
        encoders.make({"BACKEND": "retrieval.encoders.e5.E5Encoder", "batch_size": 0})


def test_the_starter_profile_needs_no_downloads(capsys):
    call_command("fetch_weights", "--profile", "starter")
    assert capsys.readouterr().out == "The profile starter needs no downloads.\n"


def test_importing_them_all_leaves_torch_out():
    configs = [config for profile in PROFILES.values() for config in profile.values()]
    paths = {one["BACKEND"] for config in configs for one in [config, *config.get("members", [])]}
    modules = {path.rpartition(".")[0] for path in paths} | {
        f"retrieval.encoders.{name}" for name in ("backbone", "sentence", "word_vectors")
    }
    code = (
        f"import sys, {', '.join(sorted(modules))}; "
        "print([name for name in ('torch', 'transformers', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.django_db
def test_an_endpoint_that_is_down_costs_no_attempt_and_no_space(settings):
    with Endpoint() as endpoint:
        text = {
            "BACKEND": "retrieval.encoders.remote.OpenAIEmbeddings",
            "base_url": endpoint.url,
            "model": "small",
            "dim": DIM,
            "retries": 0,
        }
        profiles = {**settings.RETRIEVAL["PROFILES"], "far": {"text": text}}
        settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
        spaces.ensure_active_space("fake", 64)
        far = spaces.space_create_untrained(
            "far", profile="far", fusion="weighted", metric="cosine"
        )
        item = make_item("frog", "a frog")

        endpoint.faults.append((503, {}))
        with pytest.raises(EncoderUnavailable, match="HTTP 503"):
            services.embed_items(far.pk, [item.pk])

        assert EmbeddingSpace.objects.get(pk=far.pk).state == "building"
        row = Embedding.objects.get(space_id=far.pk, item=item)
        assert (row.status, row.attempts, row.leased_until) == ("pending", 0, None)
        assert claims.due(far.pk, limit=1) == [item.pk]

        assert services.embed_items(far.pk, [item.pk]).embedded == 1
        assert Embedding.objects.get(space_id=far.pk, item=item).status == "ready"


def test_the_page_about_encoders_lists_every_one():
    root = Path(__file__).resolve().parents[3]
    page = (root / "docs" / "howto" / "choose-encoders.md").read_text()
    listed = set(re.findall(r"`([a-z0-9_]+\.[A-Z]\w+)`", page))
    written = {
        f"{file.stem}.{name}"
        for file in (root / "retrieval" / "encoders").glob("*.py")
        for name in re.findall(
            r"^class (\w+Encoder|\w+Embeddings|\w+Inference|\w+Vectors)\(",
            file.read_text(),
            re.MULTILINE,
        )
    }
    bases = {"base.LocalEncoder", "hub.HubEncoder", "sound.AudioEncoder", "remote.RemoteEncoder"}
    assert listed == {name for name in written - bases if "._" not in name} | {
        "ensemble.EnsembleEncoder"
    }
