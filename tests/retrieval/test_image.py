"""Pictures as tensors and as crops, on pictures whose right answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as vision

from retrieval.preprocess.image import ImageTransform, content_box, to_tensor, views

BLACK, GREY, WHITE = 0, 128, 255


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain(height: int, width: int, colour: int = WHITE) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def drawing() -> np.ndarray:
    """A black bar, 40 x 20 at (30, 50), on white."""
    pixels = plain(100, 120)
    pixels[30:70, 50:70] = BLACK
    return pixels


def test_a_side_means_the_whole_picture_on_white():
    """What EfficientNet has been given from the start."""
    pixels = picture(20, 40)
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    square = vision.resize(vision.pad(image, [0, 10, 0, 10], fill=255), [32, 32], antialias=True)
    assert torch.allclose(to_tensor(pixels, 32), square.float() / 255 * 2 - 1, atol=1e-6)
    assert torch.equal(to_tensor(pixels, 32), to_tensor(pixels, ImageTransform(32)))


def test_padding_has_the_colour_asked_for():
    tensor = to_tensor(plain(10, 30, GREY), ImageTransform(30, fill=BLACK))
    assert (tensor[:, :10] == -1).all()
    assert (tensor[:, 20:] == -1).all()
    assert torch.allclose(tensor[:, 11:19], torch.tensor(GREY / 127.5 - 1), atol=1e-6)


def test_a_crop_keeps_the_middle():
    pixels = np.concatenate([plain(30, 30, BLACK), plain(30, 30, GREY), plain(30, 30)], axis=1)
    tensor = to_tensor(pixels, ImageTransform(30, "crop"))
    assert torch.allclose(tensor, torch.tensor(GREY / 127.5 - 1), atol=1e-6)


def test_a_crop_share_leaves_the_edges_out():
    pixels = np.pad(plain(28, 28), ((2, 2), (2, 2), (0, 0)))
    assert (to_tensor(pixels, ImageTransform(28, "crop", crop_share=0.875)) == 1).all()
    assert (to_tensor(pixels, ImageTransform(32, "crop"))[:, 0] == -1).all()


def test_squashing_ignores_proportions():
    pixels = np.concatenate([plain(40, 10, BLACK), plain(40, 10)], axis=1)
    tensor = to_tensor(pixels, ImageTransform(20, "squash", interpolation="nearest"))
    assert (tensor[:, :, :10] == -1).all()
    assert (tensor[:, :, 10:] == 1).all()


def test_normalised_by_channel():
    transform = ImageTransform(8, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 0.25))
    assert to_tensor(plain(8, 8), transform)[:, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_interpolations_differ_at_an_edge():
    pixels = np.concatenate([plain(9, 3, BLACK), plain(9, 6)], axis=1)
    nearest, bilinear, bicubic = (
        to_tensor(pixels, ImageTransform(27, interpolation=kind))
        for kind in ("nearest", "bilinear", "bicubic")
    )
    assert nearest.unique().tolist() == [-1, 1]
    assert not torch.equal(bilinear, bicubic)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    side=st.integers(2, 40),
    resize=st.sampled_from(["pad", "crop", "squash"]),
)
def test_any_picture_becomes_a_square(height, width, side, resize):
    tensor = to_tensor(picture(height, width), ImageTransform(side, resize, crop_share=0.9))
    assert (tensor.shape, tensor.dtype) == ((3, side, side), torch.float32)
    assert tensor.abs().max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 8, "resize": "stretch"}, "resize is pad, crop or squash, not 'stretch'"),
        ({"side": 1}, "1 pixels and a share of 1.0 give no picture"),
        ({"side": 8, "crop_share": 1.5}, "8 pixels and a share of 1.5 give no picture"),
    ],
)
def test_a_transform_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageTransform(**options)


def test_views_come_in_the_order_asked():
    pixels = picture(16, 32)
    mirrored, whole, centre = views(pixels, ["mirrored", "whole", "centre"])
    assert np.array_equal(mirrored, pixels[:, ::-1])
    assert np.array_equal(whole, pixels)
    assert np.array_equal(centre, pixels[1:15, 2:30])
    assert all(view.flags.c_contiguous for view in (mirrored, whole, centre))


def test_five_crops_are_the_corners_and_the_centre():
    pixels = picture(16, 32)
    expected = [pixels[:14, :28], pixels[:14, 4:], pixels[2:, :28], pixels[2:, 4:]]
    expected.append(pixels[1:15, 2:30])
    found = views(pixels, ["five"])
    assert len(found) == 5
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_an_unknown_crop_is_refused():
    with pytest.raises(ValueError, match="not 'ten'"):
        views(picture(4, 4), ["ten"])  # type: ignore[list-item]


def test_the_content_is_what_is_not_background():
    assert content_box(drawing()) == (28, 48, 72, 72)  # 4 % of 40 are 2 pixels
    (view,) = views(drawing(), ["content"])
    assert view.shape == (44, 24, 3)


@pytest.mark.parametrize("colour", [BLACK, GREY, WHITE])
def test_a_plain_picture_has_no_content_to_cut_out(colour):
    assert content_box(plain(50, 70, colour)) == (0, 0, 50, 70)


def test_specks_and_photos_are_left_whole():
    speck = plain(50, 70)
    speck[20:25, 30:35] = BLACK
    assert content_box(speck) == (0, 0, 50, 70)
    assert content_box(picture(50, 70)) == (0, 0, 50, 70)


def test_the_noise_of_jpeg_is_background():
    noisy = drawing().astype(int) + np.random.default_rng(0).integers(-12, 13, (100, 120, 3))
    assert content_box(noisy.clip(0, 255).astype(np.uint8)) == content_box(drawing())


@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_crops_of_tiny_pictures_hold_something(height, width):
    found = views(picture(height, width), ["whole", "mirrored", "centre", "content", "five"])
    assert len(found) == 9
    assert all(view.size and view.dtype == np.uint8 for view in found)
