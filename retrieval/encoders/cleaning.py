"""The option ``cleaning`` of encoders of sounds."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.audio import AudioCleaning
from retrieval.types import Role


def cleaning_by_role(given: Mapping[str, Any]) -> dict[Role, AudioCleaning]:
    """From fields of ``AudioCleaning``. Only queries are denoised: a catalog's recordings are what
    they are, see docs/howto/media.md for what gating both costs.

    Raises EncoderUnavailable for a field or value that there is not.
    """
    known = [field.name for field in fields(AudioCleaning)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise EncoderUnavailable(
            f"cleaning has no {', '.join(map(repr, unknown))}: it takes {', '.join(known)}."
        )
    try:
        query = AudioCleaning(**given)
    except (TypeError, ValueError) as err:
        raise EncoderUnavailable(f"cleaning={dict(given)!r}: {err}") from err
    return {"query": query, "document": replace(query, denoise=0.0)}


def check_rate(cleaning: Mapping[Role, AudioCleaning], rate: int) -> None:
    """Raises EncoderUnavailable for a high-pass that leaves nothing of sounds at ``rate`` Hz."""
    cutoff_hz = cleaning["document"].high_pass_hz
    if cutoff_hz >= rate / 2:
        raise EncoderUnavailable(
            f"cleaning: high_pass_hz={cutoff_hz} leaves nothing of sound at {rate} Hz; take less "
            f"than {rate // 2}."
        )
