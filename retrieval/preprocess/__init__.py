"""From untrusted bytes and raw strings to what encoders read. Pure: no Django.

- ``Decoder().decode_image(bytes | Path) -> uint8 (h, w, 3)``
- ``Decoder().decode_audio(bytes | Path) -> Waveform``
- ``normalise(text) -> str`` and ``document_texts(title, description, tags) -> list[str]``
"""

from retrieval.preprocess.decoder import Decoder
from retrieval.preprocess.text import document_texts, normalise

__all__ = ["Decoder", "document_texts", "normalise"]
