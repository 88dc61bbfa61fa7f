"""CLIP and SigLIP from the hub's layout."""

import numpy as np
import pytest

from retrieval.encoders.clip import ClipEncoder, SiglipEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Encoder
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import COMMIT, TEXTS, pictures


class _Clip(EncoderContract):
    @staticmethod
    def make() -> Encoder:
        return ClipEncoder(model="tiny/clip", revision=COMMIT, device="cpu")


class _Siglip(EncoderContract):
    @staticmethod
    def make() -> Encoder:
        return SiglipEncoder(model="tiny/siglip", revision=COMMIT, device="cpu")


class TestClipTexts(_Clip):
    modality = "text"
    samples = staticmethod(lambda: TEXTS)


class TestClipPictures(_Clip):
    modality = "image"
    samples = staticmethod(pictures)

    def test_pixels_are_prepared_as_the_checkpoint_says(self, hub_cache):
        import torch
        from PIL import Image
        from transformers import CLIPImageProcessor, CLIPModel

        folder = hub_cache / "models--tiny--clip" / "snapshots" / COMMIT
        inputs = CLIPImageProcessor.from_pretrained(folder)(
            [Image.fromarray(pictures()[1])], return_tensors="pt"
        )
        with torch.inference_mode():
            expected = CLIPModel.from_pretrained(folder).eval()(
                **inputs, input_ids=torch.tensor([[2, 4, 3]])
            )
        found = self.encoder.encode("image", pictures()[1:2])
        assert np.abs(found - expected.image_embeds.numpy()).max() < 1e-5


class TestSiglipTexts(_Siglip):
    modality = "text"
    samples = staticmethod(lambda: TEXTS)

    def test_case_does_not_matter_and_padding_is_full(self, hub_cache):
        import torch
        from transformers import AutoTokenizer, SiglipModel

        folder = hub_cache / "models--tiny--siglip" / "snapshots" / COMMIT
        tokens = AutoTokenizer.from_pretrained(folder)(
            "a red car", padding="max_length", max_length=64, return_tensors="pt"
        )
        assert tokens["input_ids"].shape == (1, 64)
        with torch.inference_mode():
            expected = SiglipModel.from_pretrained(folder).eval()(
                input_ids=tokens["input_ids"], pixel_values=torch.zeros(1, 3, 32, 32)
            )
        found = self.encoder.encode("text", ["A Red CAR"])
        assert np.abs(found - expected.text_embeds.numpy()).max() < 1e-5


class TestSiglipPictures(_Siglip):
    modality = "image"
    samples = staticmethod(pictures)


@pytest.mark.parametrize(("kind", "dim"), [(_Clip, 24), (_Siglip, 32)])
def test_words_and_pictures_share_a_space(kind, dim):
    encoder = kind.make()
    assert encoder.joint is True
    assert encoder.dim == dim
    texts, images = encoder.encode("text", TEXTS), encoder.encode("image", pictures())
    assert texts.shape == images.shape == (5, dim)


def test_pictures_of_one_pixel():
    for encoder in (_Clip.make(), _Siglip.make()):
        found = encoder.encode("image", [np.full((1, 1, 3), 200, np.uint8)])
        assert np.isfinite(found).all()


def test_a_checkpoint_of_another_kind_is_refused():
    encoder = SiglipEncoder(model="tiny/clip", revision=COMMIT)
    with pytest.raises(EncoderUnavailable, match="a checkpoint of clip, not siglip"):
        encoder.encode("text", ["x"])
