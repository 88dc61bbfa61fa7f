"""Encoders, chosen by dotted path in the settings and made once per process.

``settings.RETRIEVAL = {"PROFILE": "starter", "PROFILES": {"starter": {"text": {"BACKEND":
"retrieval.encoders.e5.E5Encoder", **options}, "image": {...}, "audio": {...}}}}``

- ``encoder_for(modality, profile=None) -> Encoder``
- ``make(config) -> Encoder``
- ``modalities(profile=None) -> tuple[Modality, ...]``
- ``anchors_for(profile=None) -> {modality: (features, texts)}``, for ``retrieval.training``
"""

import inspect
import json
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from retrieval.encoders.base import options_of
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import MODALITIES, Content, Encoder, Modality, Vectors, Waveform

_encoders: dict[str, Encoder] = {}
_lock = threading.Lock()


def encoder_for(modality: Modality, profile: str | None = None) -> Encoder:
    """The profile's encoder of a modality; equal settings share one instance.

    Raises ``EncoderUnavailable`` if the profile, its modality or the class does not exist.
    """
    config = _profile(profile)
    if modality not in config:
        raise EncoderUnavailable(f"The profile has no {modality!r} encoder: it has {list(config)}.")
    key = json.dumps(config[modality], sort_keys=True)
    with _lock:
        if key not in _encoders:
            _encoders[key] = make(config[modality])
        return _encoders[key]


def modalities(profile: str | None = None) -> tuple[Modality, ...]:
    """The modalities the profile has an encoder for, in the order of ``MODALITIES``."""
    config = _profile(profile)
    return tuple(modality for modality in MODALITIES if modality in config)


def joint_modalities(profile: str | None = None) -> tuple[Modality, ...]:
    """Those that one encoder puts into one space together with text (CLIP, SigLIP), or none."""
    if "text" not in modalities(profile):
        return ()
    shared = encoder_for("text", profile)
    if not getattr(shared, "joint", False):
        return ()
    return tuple(name for name in modalities(profile) if encoder_for(name, profile) is shared)


def anchors_for(profile: str | None = None) -> dict[Modality, tuple[Vectors, Vectors]]:
    """For each encoder that can name concepts: features (n, dim) and texts (n, text dim).

    Encodes the names: about 15 s for ImageNet's thousand on two cores.
    """
    anchors: dict[Modality, tuple[Vectors, Vectors]] = {}
    for modality in modalities(profile):
        concepts = getattr(encoder_for(modality, profile), "concepts", None)
        if concepts is not None and "text" in _profile(profile):
            names, features = concepts()
            anchors[modality] = features, encoder_for("text", profile).encode("text", names)
    return anchors


def _profile(name: str | None) -> Mapping[Modality, Mapping[str, Any]]:
    from django.conf import settings

    name = name or settings.RETRIEVAL["PROFILE"]
    profiles = settings.RETRIEVAL["PROFILES"]
    if name not in profiles:
        raise EncoderUnavailable(f"No profile {name!r} in RETRIEVAL['PROFILES']: {list(profiles)}.")
    return profiles[name]


def make(config: Mapping[str, Any]) -> Encoder:
    """The encoder that settings describe: ``BACKEND`` and its options. Raises EncoderUnavailable."""
    options = {key: value for key, value in config.items() if key != "BACKEND"}
    path = config["BACKEND"]
    module_name, _, class_name = path.rpartition(".")
    try:
        backend = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as err:
        raise EncoderUnavailable(f"BACKEND {path!r} cannot be imported: {err}") from err
    known = options_of(backend) if inspect.isclass(backend) else None
    unknown = sorted(options.keys() - set(options if known is None else known))
    if unknown:
        raise EncoderUnavailable(
            f"BACKEND {path!r} takes no option {', '.join(map(repr, unknown))}, only "
            f"{', '.join(known or [])}. Repair the profile in RETRIEVAL['PROFILES']."
        )
    try:
        return backend(**options)
    except TypeError as err:  # it names the option that lacks
        raise EncoderUnavailable(
            f"BACKEND {path!r} cannot be made with the options {sorted(options)}: {err}. Repair the "
            "profile in RETRIEVAL['PROFILES']."
        ) from err


def warm_up(profile: str | None = None) -> None:
    """Load every encoder of the profile in this process, by encoding something small."""
    tone = np.sin(np.linspace(0, 880 * np.pi, 22_050, dtype=np.float32))
    samples: dict[Modality, Content] = {
        "text": "a frog",
        "image": np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8),
        "audio": Waveform(tone, 22_050),
    }
    for modality in modalities(profile):
        encoder_for(modality, profile).encode(modality, [samples[modality]])
