"""Decoding of untrusted media in a child process that can be killed.

A ``subprocess`` and not ``multiprocessing``: Celery's prefork children are daemonic and may not
start the latter. The child itself is ``retrieval.preprocess.decoding``.
"""

import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.exceptions import DecodeFailed
from retrieval.types import Waveform

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 20.0
"""A 500 kB progressive JPEG can burn 90 s; an honest 24-Mpx photo takes under 1 s."""
MAX_SIDE = 512
MAX_PIXELS = 50_000_000
AUDIO_RATE = 22_050
MAX_AUDIO_S = 60.0
VIDEO_FRAMES = 4
"""Key frames a video is seen by."""
MEMORY_BYTES = 2 * 1024**3

_LENGTH = struct.Struct(">II")


class Decoder:
    """One persistent child, started at the first use, restarted after a kill.

    Thread-safe (one request at a time) and fork-safe: in a forked process it starts a child of
    its own. ``DecodeFailed.code`` is one of ``undecodable``, ``unsupported_format``,
    ``too_many_pixels``, ``no_audio_stream``, ``no_video_stream``, ``blank_audio``, ``decode_timeout``,
    ``decoder_died`` (memory or CPU limit).
    """

    def __init__(
        self,
        *,
        timeout_s: float = TIMEOUT_S,
        max_side: int = MAX_SIDE,
        max_pixels: int = MAX_PIXELS,
        audio_rate: int = AUDIO_RATE,
        max_audio_s: float = MAX_AUDIO_S,
        video_frames: int = VIDEO_FRAMES,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._timeout_s = timeout_s
        self._image_options = {"max_side": max_side, "max_pixels": max_pixels}
        self._audio_options = {"rate": audio_rate, "max_s": max_audio_s}
        self._video_options = {**self._image_options, "count": video_frames}
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._child: subprocess.Popen[bytes] | None = None

    def decode_image(self, source: bytes | Path) -> NDArray[np.uint8]:
        """RGB pixels, uint8 (height, width, 3): upright, sRGB, on white, at most ``max_side`` wide
        and high. Raises ``DecodeFailed``.
        """
        header, body = self._request({"kind": "image", **self._image_options}, source)
        return np.frombuffer(body, dtype=np.uint8).reshape(header["shape"]).copy()

    def decode_audio(self, source: bytes | Path) -> Waveform:
        """Mono sound at ``audio_rate``, the first ``max_audio_s`` seconds; of a video its sound track.

        Raises ``DecodeFailed``.
        """
        header, body = self._request({"kind": "audio", **self._audio_options}, source)
        return Waveform(np.frombuffer(body, dtype="<f4").astype(np.float32), header["rate"])

    def decode_frames(self, source: bytes | Path) -> NDArray[np.uint8]:
        """Key frames of a video spread over its length, fewer if it has fewer: uint8 (frames, height,
        width, 3), upright, at most ``max_side`` wide and high. Raises ``DecodeFailed``.
        """
        header, body = self._request({"kind": "frames", **self._video_options}, source)
        return np.frombuffer(body, dtype=np.uint8).reshape(header["shape"]).copy()

    def close(self) -> None:
        """Ends the child. The decoder stays usable: the next request starts another."""
        with self._lock:
            self._stop()

    def _request(
        self, header: dict[str, Any], source: bytes | Path
    ) -> tuple[dict[str, Any], bytes]:
        if isinstance(source, Path):
            header, payload = {**header, "path": str(source.resolve())}, b""
        else:
            payload = source
        header["cpu_s"] = self._timeout_s
        with self._own_lock():
            child = self._running_child()
            reply, body = self._exchange(child, header, payload)
        if "error" in reply:
            raise DecodeFailed(reply["error"], code=reply["code"])
        return reply, body

    def _own_lock(self) -> threading.Lock:
        """After a fork the lock may be held by a thread that does not exist here: take a new one."""
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.Lock()
            if self._child is not None:
                _close_pipes(self._child)  # the parent's child: leave it alone
                self._child = None
        return self._lock

    def _exchange(
        self, child: subprocess.Popen[bytes], header: dict[str, Any], payload: bytes
    ) -> tuple[dict[str, Any], bytes]:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            child.kill()

        timer = threading.Timer(self._timeout_s, expire)
        timer.start()
        try:
            write_frame(child.stdin, header, payload)  # type: ignore[arg-type]
            frame = read_frame(child.stdout)  # type: ignore[arg-type]
        except OSError:
            frame = None
        finally:
            timer.cancel()
        if frame is not None and not expired.is_set():
            return frame
        self._stop()
        if expired.is_set():
            raise DecodeFailed(f"Not decoded within {self._timeout_s} s.", code="decode_timeout")
        raise DecodeFailed("The decoder ran out of memory or CPU time.", code="decoder_died")

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._stop()
        # Nothing of our environment: it holds passwords, and the child reads hostile files.
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-m", "retrieval.preprocess.decoding", str(self._memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
        )
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        _close_pipes(child)

    def __del__(self) -> None:
        if getattr(self, "_pid", None) == os.getpid():
            self._stop()


def write_frame(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """One message: the lengths of both parts (8 bytes), a JSON header, raw bytes. Never pickle."""
    encoded = json.dumps(header).encode()
    stream.write(_LENGTH.pack(len(encoded), len(body)) + encoded)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None at the end of the stream."""
    lengths = stream.read(_LENGTH.size)
    if len(lengths) < _LENGTH.size:
        return None
    header_size, body_size = _LENGTH.unpack(lengths)
    header, body = stream.read(header_size), stream.read(body_size)
    if len(header) < header_size or len(body) < body_size:
        return None
    return json.loads(header), body


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # unflushed bytes for a child that is gone
                continue
