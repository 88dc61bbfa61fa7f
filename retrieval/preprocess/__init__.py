"""From untrusted bytes and raw strings to what encoders read. Pure: no Django.

- ``Decoder().decode_image(bytes | Path) -> uint8 (h, w, 3)``
- ``Decoder().decode_audio(bytes | Path) -> Waveform``
- ``normalise(text) -> str`` and ``document_texts(title, description, tags) -> list[str]``
- ``detect(text) -> "en"`` and ``words(text, language) -> list[str]``, for the lexical index
- ``audio.clean(sound, AudioCleaning()) -> Waveform`` and ``audio.windows(sound, window_s, hop_s)``
- ``image.to_tensor(pixels, ImageTransform(side))`` and ``image.views(pixels, crops)``
"""

from retrieval.preprocess.decoder import Decoder
from retrieval.preprocess.languages import detect
from retrieval.preprocess.segmentation import words
from retrieval.preprocess.text import document_texts, normalise

__all__ = ["Decoder", "detect", "document_texts", "normalise", "words"]
