"""A video is one media file that an item is seen and heard by."""

import io

import numpy as np
import pytest

from catalog.models import Media
from catalog.services import media_add
from catalog.uploads import check_upload
from retrieval import encoders, outputs, services
from retrieval.models import Embedding, EncoderOutput
from retrieval.preprocess import Decoder
from tests.catalog.factories import BLUE, GREEN, RED, video_bytes
from tests.retrieval.conftest import make_item, png, wav

pytestmark = pytest.mark.django_db


def film(**options) -> io.BytesIO:
    return io.BytesIO(video_bytes(**options))


def embedded(space, item) -> Embedding:
    services.embed_items(space.id, [item.pk])
    return Embedding.objects.get(space_id=space.id, item=item)


def test_a_video_gives_a_picture_vector_and_a_sound_vector(space):
    item = make_item("film", "a film", media=[film()])
    row = embedded(space, item)
    assert set(row.weights) == {"text", "image", "audio"}
    assert EncoderOutput.objects.count() == 3
    (medium,) = item.media.all()
    assert (medium.modality, medium.status) == ("video", "ready")


def test_its_picture_vector_is_the_unit_mean_of_its_key_frames(space):
    item = make_item("film", "a film", media=[film(colours=[RED, BLUE])])
    (medium,) = item.media.all()
    piece = outputs.Piece(
        "image", medium.sha256, media_id=medium.pk, file=medium.file.name, is_video=True
    )
    found = outputs.encoder_outputs(space.profile, [piece])
    decoder = Decoder()
    frames = decoder.decode_frames(video_bytes(colours=[RED, BLUE]))
    decoder.close()
    assert len(frames) == 2
    mean = encoders.encoder_for("image", space.profile).encode("image", list(frames)).mean(0)
    expected = mean / np.linalg.norm(mean)
    assert np.abs(found.vectors[piece.key] - expected).max() < 1e-3
    again = outputs.encoder_outputs(space.profile, [piece])
    assert np.array_equal(again.vectors[piece.key], found.vectors[piece.key])


def test_a_video_looks_like_the_picture_it_shows_and_sounds_like_its_tone(space):
    red, green = (make_item(name, "x", media=[film(colours=[colour] * 2, hertz=hertz)])
                  for name, colour, hertz in (("red", RED, 300), ("green", GREEN, 3_000)))  # fmt: skip
    still = make_item("still", "x", media=[png(GREEN), wav(3_000)])
    rows = {item.external_id: embedded(space, item) for item in (red, green, still)}
    for name in ("image", "audio"):
        vectors = {key: np.array(getattr(row, name)) for key, row in rows.items()}
        assert vectors["still"] @ vectors["green"] > vectors["still"] @ vectors["red"]


def test_a_silent_film_is_seen_only(space):
    item = make_item("silent", "a film", media=[film(hertz=None)])
    assert set(embedded(space, item).weights) == {"text", "image"}
    assert item.media.get().status == "ready"


def test_a_video_without_readable_frames_is_still_heard(space):
    """Its pictures, and nothing else of it, became noise that no codec reads."""
    content = video_bytes("matroska", colours=[RED], size=(128, 128))
    broken = content.replace(b"V_MPEG4/ISO/ASP", b"V_UNKNOWN/CODEC")
    assert broken != content
    item = make_item("heard", "a film", media=[io.BytesIO(broken)])
    assert set(embedded(space, item).weights) == {"text", "audio"}
    assert item.media.get().status == "ready"


def test_a_video_that_cannot_be_read_at_all_is_failed(space):
    content = video_bytes("mp4", hertz=None)
    at = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    item = make_item("broken", "a film")
    media_add(item, check_upload(io.BytesIO(content[:at] + bytes(end - at) + content[end:])))
    assert set(embedded(space, item).weights) == {"text"}
    medium = item.media.get()
    assert (medium.status, medium.error_code) == ("failed", "undecodable")


def test_the_catalogs_limits_are_the_decoders(space, settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_IMAGE_PIXELS": 100}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "HEARD_S": 1}
    outputs._decoder.cache_clear()
    try:
        with pytest.raises(Exception, match="16 x 16 is over 100 pixels"):
            outputs.decoded("image", png(RED).getvalue())
        sound = outputs.decoded("audio", wav(440, seconds=2).getvalue())
        assert len(sound.samples) == sound.rate
    finally:
        outputs._decoder.cache_clear()


def test_media_of_every_modality_have_their_pieces():
    assert outputs.MODALITIES_OF.keys() == set(Media.Modality)
