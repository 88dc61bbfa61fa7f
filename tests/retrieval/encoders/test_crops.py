"""Test-time crops: whichever encoder sees them, the mean of the views' unit vectors."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from retrieval.encoders.backbone import TorchvisionEncoder
from retrieval.encoders.clip import ClipEncoder, SiglipEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.image import views
from retrieval.types import Encoder
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import COMMIT, TEXTS, pictures

CROPS = ("whole", "mirrored", "five")


@pytest.fixture(scope="session")
def network(tmp_path_factory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("torchvision") / "shufflenet_v2_x0_5.safetensors"
    save_file(get_model("shufflenet_v2_x0_5").state_dict(), path)
    return str(path)


class _Cropped(EncoderContract):
    modality = "image"
    samples = staticmethod(pictures)
    build: ClassVar[Callable[..., Encoder]]

    @classmethod
    def make(cls) -> Encoder:
        return cls.build(crops=CROPS, batch_size=3)

    def test_it_is_the_mean_of_the_views(self):
        plain = self.build()
        rows = [plain.encode("image", views(each, CROPS)).mean(0) for each in pictures()]
        expected = np.stack([row / np.linalg.norm(row) for row in rows])
        assert np.abs(self.encoder.encode("image", pictures()) - expected).max() < 1e-5
        assert np.abs(plain.encode("image", pictures()) - expected).max() > 1e-3

    def test_a_mirrored_picture_is_the_same_to_both_views(self):
        both = self.build(crops=["whole", "mirrored"])
        picture = pictures()[0]
        plain, mirrored = both.encode("image", [picture, picture[:, ::-1]])
        assert np.abs(plain - mirrored).max() < 1e-4

    def test_other_crops_have_another_fingerprint(self):
        found = [
            self.build(crops=crops).fingerprint
            for crops in (["whole"], ["whole", "mirrored"], ["centre"], ["five"])
        ]
        assert len(set(found)) == 4
        assert found[0] == self.build().fingerprint

    @pytest.mark.parametrize("crops", [(), "five", ("whole", "middle")])
    def test_a_wrong_crop_lists_the_right_ones(self, crops):
        known = "whole, mirrored, centre, content, five"
        with pytest.raises(EncoderUnavailable, match=f"one or more of {known}"):
            self.build(crops=crops)

    def test_pictures_of_one_pixel(self):
        pixel = np.full((1, 1, 3), 200, np.uint8)
        assert np.isfinite(self.build(crops=["content", "five"]).encode("image", [pixel])).all()


class TestTorchvision(_Cropped):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls, network) -> None:
        cls.build = staticmethod(
            lambda **options: TorchvisionEncoder(
                name="shufflenet_v2_x0_5", weights=network, device="cpu", **options
            )
        )
        cls.encoder = cls.make()


class TestClip(_Cropped):
    build = staticmethod(
        lambda **options: ClipEncoder(model="tiny/clip", revision=COMMIT, device="cpu", **options)
    )

    def test_words_are_not_cropped(self):
        found = self.encoder.encode("text", TEXTS)
        assert np.array_equal(found, self.build(batch_size=3).encode("text", TEXTS))


class TestSiglip(_Cropped):
    build = staticmethod(
        lambda **options: SiglipEncoder(
            model="tiny/siglip", revision=COMMIT, device="cpu", **options
        )
    )
