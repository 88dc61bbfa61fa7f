"""Torchvision's classifiers with weights from files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import ResNet18_Weights, get_model

from retrieval.encoders.backbone import TorchvisionEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Encoder
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import pictures


@pytest.fixture(scope="session")
def resnet(tmp_path_factory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("torchvision") / "resnet18.safetensors"
    save_file(get_model("resnet18").state_dict(), path)
    return str(path)


class TestResNet(EncoderContract):
    modality = "image"
    samples = staticmethod(pictures)
    path = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls, resnet) -> None:
        cls.path = resnet
        cls.encoder = cls.make()

    @classmethod
    def make(cls) -> Encoder:
        return TorchvisionEncoder(name="resnet18", weights=cls.path, device="cpu")

    def test_it_is_what_the_classifier_reads(self, resnet):
        from PIL import Image
        from safetensors.torch import load_file

        network = get_model("resnet18")
        network.load_state_dict(load_file(resnet))
        transformed = ResNet18_Weights.DEFAULT.transforms()(Image.fromarray(pictures()[1]))
        with torch.inference_mode():
            classes = network.eval()(transformed[None])[0].numpy()
        found = self.encoder.encode("image", pictures()[1:2])[0]
        logits = network.fc.weight.detach().numpy() @ found
        bias = network.fc.bias.detach().numpy()
        assert np.corrcoef(logits, classes - bias)[0, 1] > 0.999
        assert self.encoder.dim == 512


def test_a_transformer(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "swin.pth"
    torch.save(get_model("swin_t").state_dict(), path)
    encoder = TorchvisionEncoder(name="swin_t", weights=str(path), device="cpu")
    found = encoder.encode("image", pictures()[:2])
    assert found.shape == (2, 768)
    assert found[0] @ found[1] < 0.9999


@pytest.mark.parametrize(
    ("name", "dim"),
    [("resnet50", 2048), ("vit_b_32", 768), ("regnet_x_400mf", 400), ("googlenet", 1024)],
)
def test_dimensions_need_no_weights(name, dim):
    assert TorchvisionEncoder(name=name).dim == dim


def test_weights_are_never_random(tmp_path, monkeypatch, settings):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    encoder = TorchvisionEncoder(name="resnet18")
    url = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert encoder.weights.url == url
    assert encoder.fingerprint  # known without weights
    with pytest.raises(EncoderUnavailable, match=f"resnet18-f37072fd.pth.* run `curl .* {url}`"):
        encoder.encode("image", pictures())
    config = {"BACKEND": "retrieval.encoders.backbone.TorchvisionEncoder", "name": "resnet18"}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": {"seen": {"image": config}}}
    with pytest.raises(EncoderUnavailable, match=r"`manage.py fetch_weights --profile seen`\."):
        encoder.encode("image", pictures())


def test_weights_in_torchs_cache_are_found(resnet, tmp_path, monkeypatch):
    from safetensors.torch import load_file

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(load_file(resnet), tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth")
    cached = TorchvisionEncoder(name="resnet18", device="cpu")
    assert cached.weights.size() == 0
    given = TorchvisionEncoder(name="resnet18", weights=resnet, device="cpu")
    assert np.array_equal(cached.encode("image", pictures()), given.encode("image", pictures()))
    assert cached.fingerprint != given.fingerprint


def test_a_pickle_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self) -> tuple:
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "evil.pth"
    torch.save({"fc.weight": Evil()}, path)
    with pytest.raises(EncoderUnavailable, match="holds more than tensors"):
        TorchvisionEncoder(name="resnet18", weights=str(path)).encode("image", pictures())
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_network_are_refused(resnet):
    encoder = TorchvisionEncoder(name="resnet34", weights=resnet)
    with pytest.raises(EncoderUnavailable, match="is not of resnet34"):
        encoder.encode("image", pictures())


@pytest.mark.parametrize("name", ["resnet17", "raft_large"])
def test_an_unknown_name_lists_others(name):
    with pytest.raises(EncoderUnavailable, match=r"use one of .*resnet50"):
        TorchvisionEncoder(name=name).fingerprint  # noqa: B018


def test_a_network_without_a_linear_classifier_is_refused():
    with pytest.raises(EncoderUnavailable, match="no linear classifier"):
        TorchvisionEncoder(name="squeezenet1_0").dim  # noqa: B018
