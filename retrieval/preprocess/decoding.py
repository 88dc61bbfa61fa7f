"""The decoder's child: reads requests on stdin, decodes, answers on stdout, ends at EOF.

Run by ``retrieval.preprocess.decoder`` only. Whitelists keep hostile input small: Pillow and
FFmpeg know dozens of formats, among them playlists that fetch what they name.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.exceptions import DecodeFailed
from retrieval.preprocess.decoder import read_frame, write_frame

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
VIDEO_FORMATS = "mov,mp4,m4a,matroska,webm"
AUDIO_FORMATS = f"wav,flac,ogg,mp3,{VIDEO_FORMATS}"
BLANK_PEAK = 1e-4
"""-80 dBFS: below the dither of 16-bit sound, nothing was recorded."""


def decode_image(source: IO[bytes], *, max_side: int, max_pixels: int) -> NDArray[np.uint8]:
    """uint8 (height, width, 3). Raises ``DecodeFailed``."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # ours is checked below, with a code of its own
    try:
        with Image.open(source, formats=IMAGE_FORMATS) as opened:
            if opened.width * opened.height > max_pixels:
                detail = f"{opened.width} x {opened.height} is over {max_pixels} pixels."
                raise DecodeFailed(detail, code="too_many_pixels")
            opened.draft(
                "RGB", (2 * max_side, 2 * max_side)
            )  # JPEG only: decodes 2-8 times smaller
            image: Any = opened
            profile = image.info.get("icc_profile")
            if image.mode == "CMYK":  # its profile speaks of inks: before anything becomes RGB
                image, profile = _in_srgb(ImageOps.exif_transpose(image), profile), None
            upright = ImageOps.exif_transpose(_in_full_colour(image))
        upright.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        return np.asarray(_on_white(_in_srgb(upright, profile)), dtype=np.uint8)
    except UnidentifiedImageError as err:
        allowed = ", ".join(IMAGE_FORMATS)
        raise DecodeFailed(f"Not one of {allowed}.", code="unsupported_format") from err
    except (OSError, ValueError, SyntaxError, IndexError, TypeError, ArithmeticError) as err:
        raise DecodeFailed(f"Broken image: {err}") from err


def decode_frames(
    source: IO[bytes], *, count: int, max_side: int, max_pixels: int
) -> NDArray[np.uint8]:
    """uint8 (at most ``count``, height, width, 3). A file cut short gives what it still holds.

    Raises ``DecodeFailed``.
    """
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": VIDEO_FORMATS, "protocol_whitelist": "none"}
    try:
        with av.open(source, mode="r", options=options) as container:
            if not container.streams.video:
                raise DecodeFailed("No moving pictures in this file.", code="no_video_stream")
            frames = [
                _frame_pixels(frame, max_side, max_pixels)
                for frame in _key_frames(container, count)
            ]
    except (av.error.FFmpegError, ValueError) as err:
        raise DecodeFailed(f"Broken or unsupported video: {err}") from err
    if not frames:
        raise DecodeFailed("No frame could be read.")
    return np.stack([frame for frame in frames if frame.shape == frames[0].shape])


def _key_frames(container: Any, count: int) -> Iterator[Any]:
    """The key frames before the middles of ``count`` equal parts, each once; of a stream that does not
    know its length the first ones.
    """
    import av

    stream = container.streams.video[0]
    stream.codec_context.skip_frame = "NONKEY"
    length = container.duration
    if not length or length < 0:
        with suppress(av.error.FFmpegError):
            yield from islice(container.decode(stream), count)
        return
    seen: set[int | None] = set()
    for part in range(count):
        with suppress(av.error.FFmpegError):  # cut short: the earlier ones are there
            container.seek((container.start_time or 0) + length * (2 * part + 1) // (2 * count))
            frame = next(container.decode(stream), None)
            if frame is not None and frame.pts not in seen:
                seen.add(frame.pts)
                yield frame


def _frame_pixels(frame: Any, max_side: int, max_pixels: int) -> NDArray[np.uint8]:
    """RGB, scaled down, turned as the camera was."""
    if frame.width * frame.height > max_pixels:
        detail = f"{frame.width} x {frame.height} is over {max_pixels} pixels."
        raise DecodeFailed(detail, code="too_many_pixels")
    scale = min(1.0, max_side / max(frame.width, frame.height))
    width, height = (max(1, round(length * scale)) for length in (frame.width, frame.height))
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    return np.rot90(pixels, round(frame.rotation / 90))


def decode_audio(source: IO[bytes], *, rate: int, max_s: float) -> NDArray[np.float32]:
    """float32 (n,), mono. A file cut short gives what it still holds. Raises ``DecodeFailed``."""
    import av

    av.logging.set_level(av.logging.PANIC)
    # "none" names no protocol: whatever a container mentions, nothing else is opened.
    options = {"format_whitelist": AUDIO_FORMATS, "protocol_whitelist": "none"}
    try:
        with av.open(source, mode="r", options=options) as container:
            if not container.streams.audio:
                raise DecodeFailed("No sound in this file.", code="no_audio_stream")
            samples = _mono(container, rate, int(max_s * rate))
    except av.error.FFmpegError as err:
        raise DecodeFailed(f"Broken or unsupported sound: {err}") from err
    if not samples.size:
        raise DecodeFailed("No sound could be read.")
    if np.abs(samples).max() < BLANK_PEAK:
        raise DecodeFailed("Nothing but silence.", code="blank_audio")
    return samples


def _in_full_colour(image: Any) -> Any:
    """RGB or RGBA, 8 bits a channel, from any of Pillow's modes."""
    if image.mode.startswith("I;16") or image.mode == "I":  # 16-bit grey: convert() would clip
        grey = np.asarray(image, dtype=np.float64) / 65_535 * 255
        from PIL import Image

        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    transparent = "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "La", "RGBa"}
    return image.convert("RGBA" if transparent else "RGB")


def _in_srgb(image: Any, profile: bytes | None) -> Any:
    if not profile:
        return image
    from PIL import ImageCms

    with suppress(
        ImageCms.PyCMSError, OSError, TypeError, ValueError
    ):  # a broken profile is common
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode=mode)
        return converted or image
    return image


def _on_white(image: Any) -> Any:
    if image.mode == "RGB":
        return image
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _mono(container: Any, rate: int, limit: int) -> NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    blocks: list[NDArray[np.float32]] = []
    count = 0
    with suppress(av.error.FFmpegError):  # cut short: keep what came before
        for frame in container.decode(audio=0):
            for block in resampler.resample(frame):
                blocks.append(_flat(block))
                count += blocks[-1].size
            if count >= limit:
                break
        blocks += [_flat(block) for block in resampler.resample(None)]
    joined = np.concatenate(blocks)[:limit] if blocks else np.zeros(0, np.float32)
    return np.nan_to_num(joined, posinf=0.0, neginf=0.0).astype(np.float32)


def _flat(block: Any) -> NDArray[np.float32]:
    return np.asarray(block.to_ndarray(), dtype=np.float32).reshape(-1)


def _answer(request: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    path = request.pop("path", None)
    kind = request.pop("kind")
    try:
        with Path(path).open("rb") if path else io.BytesIO(body) as source:
            if kind == "audio":
                samples = decode_audio(source, **request)
                return {"rate": request["rate"]}, samples.astype("<f4").tobytes()
            decode = decode_image if kind == "image" else decode_frames
            pixels = decode(source, **request)
            return {"shape": pixels.shape}, pixels.tobytes()
    except DecodeFailed as err:
        return {"error": str(err), "code": err.code}, b""
    except MemoryError:
        return {"error": "Too large to decode.", "code": "decoder_died"}, b""
    except OSError as err:
        return {"error": f"Cannot be read: {err.strerror}", "code": "undecodable"}, b""


def _limit_memory(limit: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has none, macOS refuses
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(extra_s: float) -> None:
    """A limit from here on: a request outliving its parent ends by itself."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime + extra_s) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def main() -> None:
    """Serves until stdin closes."""
    _limit_memory(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the protocol
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        request, body = frame
        _limit_cpu(request.pop("cpu_s"))
        write_frame(answers, *_answer(request, body))


if __name__ == "__main__":
    main()
