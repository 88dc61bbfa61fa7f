"""Spoken words: a stack of dilated causal convolutions (WaveNet, van den Oord et al. 2016), trained
from scratch by ``manage.py train_wavenet`` on the stamps' spoken descriptions.

The paper's network predicts samples; this one reads log-mel frames (37.5 ms a step), so that a
second is 27 steps instead of 16,000 and trains on two cores. What makes it a WaveNet stays: causal
dilated convolutions, gates, residual and skip connections.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.audio import resample, trim_silence
from retrieval.types import Role, Vectors, Waveform

if TYPE_CHECKING:
    from retrieval.encoders.wavenet_network import WaveNet

RATE = 16_000
HOP = 200
"""12.5 ms; the network reads three frames a step."""
WINDOW = 400
N_FFT = 512
BANDS = 64
F_MIN, F_MAX = 60.0, 7_600.0
MAX_FRAMES = 2_400
"""30 s; longer sounds are read in pieces whose vectors are averaged."""
FLOOR = 1e-6
COMMAND = "manage.py train_wavenet"
METADATA_KEY = "wavenet"


@dataclass(frozen=True, slots=True)
class WaveNetConfig:
    """The network's shape; travels in the header of the weights' file."""

    bands: int = BANDS
    stride: int = 3
    """Frames a step."""
    channels: int = 64
    skip: int = 128
    dilations: tuple[int, ...] = (1, 2, 4, 8) * 3
    kernel: int = 3
    heads: int = 8
    dim: int = 384
    symbols: int = 0
    """Classes of the auxiliary reading of characters; 0 leaves it out."""
    dropout: float = 0.1

    @property
    def receptive_field(self) -> int:
        """Steps of ``stride`` frames that one output depends on, its own included."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "WaveNetConfig":
        """From JSON."""
        return cls(**{**values, "dilations": tuple(values["dilations"])})


def log_mel_frames(sound: Waveform) -> NDArray[np.float32]:
    """(frames, BANDS), at least one frame: log power of 25 ms every 12.5 ms, silent edges cut."""
    import torch
    from torchaudio.transforms import MelSpectrogram

    samples = trim_silence(resample(sound, RATE).samples, RATE)
    signal = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    if signal.numel() < N_FFT:
        signal = torch.nn.functional.pad(signal, (0, N_FFT - signal.numel()))
    transform = MelSpectrogram(
        RATE, n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, n_mels=BANDS, f_min=F_MIN, f_max=F_MAX
    )
    power = transform(signal)
    loudest = float(power.max()) or 1.0
    log_power: NDArray[np.float32] = torch.log(power / loudest + FLOOR).T.numpy()
    return log_power


def standardised(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each band around its mean in this clip, and one variance for all: microphone and loudness go."""
    centred = frames - frames.mean(0)
    return (centred / (centred.std() + 1e-3)).astype(np.float32)


class WaveNetEncoder(LocalEncoder):
    """``weights``: the safetensors file that ``manage.py train_wavenet`` wrote."""

    modalities = frozenset({"audio"})
    packages = ("torch", "torchaudio")

    def __init__(self, *, weights: str | Path, batch_size: int = 16, **options: Any) -> None:
        super().__init__(batch_size=batch_size, **options)
        self._weights = Path(weights)

    @property
    def dim(self) -> int:
        """As trained. Raises ``EncoderUnavailable`` without the file."""
        return read_config(self._weights).dim

    def _identity(self) -> Mapping[str, Any]:
        return {**self._options, "weights": _sha256(self._weights)}

    def _load(self) -> Any:
        return load(self._weights)

    def _vectors(self, model: "WaveNet", batch: Sequence[Waveform], role: Role) -> Vectors:
        import torch

        pieces, owners = [], []
        for row, sound in enumerate(batch):
            frames = standardised(log_mel_frames(sound))
            for start in range(0, len(frames), MAX_FRAMES):
                pieces.append(torch.from_numpy(frames[start : start + MAX_FRAMES]))
                owners.append(row)
        lengths = torch.tensor([len(piece) for piece in pieces])
        with torch.inference_mode():
            padded = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
            vectors = model.embed(padded, lengths).numpy()
        weights = lengths.numpy()[:, None].astype(np.float32)
        total = np.zeros((len(batch), vectors.shape[1]), np.float32)
        np.add.at(total, owners, vectors * weights)
        return total


def save(path: Path, model: "WaveNet", facts: Mapping[str, Any]) -> None:
    """Weights, shape and ``facts`` of the training (JSON) in one file; whole or not at all."""
    from safetensors.torch import save_file

    header = {"config": asdict(model.config), **facts}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, part, metadata={METADATA_KEY: json.dumps(header)})
    part.chmod(0o644)  # safetensors writes for the owner only; a worker may be somebody else
    part.replace(path)


def load(path: Path) -> "WaveNet":
    """The network, ready to encode. Raises ``EncoderUnavailable``."""
    config = read_config(path)
    try:
        from safetensors.torch import load_file

        from retrieval.encoders.wavenet_network import WaveNet
    except ImportError as err:
        raise EncoderUnavailable(f"{err}: pip install torch torchaudio safetensors") from err
    model = WaveNet(config)
    try:
        model.load_state_dict(load_file(path))
    except (RuntimeError, ValueError, KeyError) as err:
        raise EncoderUnavailable(f"{path} does not hold its network ({err}): {_REPAIR}") from err
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def read_header(path: Path) -> dict[str, Any]:
    """``config`` and what ``save`` was given. Raises ``EncoderUnavailable``."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as err:
        raise EncoderUnavailable(f"{err}: pip install safetensors") from err
    if not path.is_file():
        raise EncoderUnavailable(f"There are no WaveNet weights at {path}: {_REPAIR}")
    try:
        with safe_open(path, "np") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})[METADATA_KEY])
            return header
    except (SafetensorError, KeyError, ValueError, OSError) as err:
        raise EncoderUnavailable(f"{path} is no file of {COMMAND} ({err!r}): {_REPAIR}") from err


def read_config(path: Path) -> WaveNetConfig:
    """The network's shape. Raises ``EncoderUnavailable``."""
    return WaveNetConfig.of(read_header(path)["config"])


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise EncoderUnavailable(f"There are no WaveNet weights at {path}: {_REPAIR}") from err


_REPAIR = f"run `{COMMAND} --out FILE` and name the file in the encoder's option `weights`."
