"""The WaveNet encoder: the contract on a tiny checkpoint, causality, its receptive field."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import wavenet
from retrieval.encoders.wavenet import WaveNetConfig, WaveNetEncoder, log_mel_frames
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Encoder, Waveform
from tests.retrieval.encoder_contract import EncoderContract

TINY = WaveNetConfig(channels=8, skip=8, dilations=(1, 2, 4), heads=2, dim=12, symbols=5)
RATE = 22_050


def network(config: WaveNetConfig = TINY, seed: int = 0):
    """Random weights, the same for a seed, without the biases that would make all sounds alike."""
    import torch

    from retrieval.encoders.wavenet_network import WaveNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = WaveNet(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(0.0 if name.endswith("bias") else 2.0)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wavenet") / "tiny.safetensors"
    wavenet.save(path, network(), {"epoch": 3})
    return path


def sounds() -> list[Waveform]:
    """A tone, a rising one, noise, bursts, a click, and noise of another length."""
    time = np.arange(RATE) / RATE
    noise = np.random.default_rng(0).standard_normal(RATE) * 0.1
    samples = [
        np.sin(2 * np.pi * 440 * time),
        np.sin(2 * np.pi * 440 * time * (1 + time)),
        noise,
        noise * (np.sin(2 * np.pi * 3 * time) > 0),
        noise[:50],
        noise[: RATE // 3],
    ]
    return [Waveform(each.astype(np.float32), RATE) for each in samples]


@pytest.mark.encoders
class TestWaveNet(EncoderContract):
    modality = "audio"
    path: Path

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls, weights: Path) -> None:
        cls.path = weights
        cls.encoder = cls.make_with(weights)

    @classmethod
    def make_with(cls, path: Path) -> Encoder:
        return WaveNetEncoder(weights=path)

    def make(self) -> Encoder:  # type: ignore[override]
        return WaveNetEncoder(weights=self.path)

    @staticmethod
    def samples() -> list:
        return sounds()

    def test_loudness_does_not_matter(self):
        sound = self.samples()[1]
        quiet = Waveform(sound.samples * np.float32(0.05), sound.rate)
        loud, soft = self.encoder.encode("audio", [sound, quiet])
        assert np.abs(loud - soft).max() < 1e-3

    def test_a_forked_process_loads_its_own(self, tmp_path: Path):
        expected = self.encoder.encode("audio", self.samples()[:2])
        found = tmp_path / "child.npy"
        script = [sys.executable, "-c", IN_A_CHILD, str(self.path), str(found)]
        assert subprocess.run(script, timeout=120).returncode == 0
        assert np.abs(np.load(found) - expected).max() < 1e-5

    def test_a_long_sound_is_read_in_pieces(self):
        noise = np.random.default_rng(1).standard_normal(RATE * 45).astype(np.float32) * 0.1
        frames = log_mel_frames(Waveform(noise, RATE))
        assert wavenet.MAX_FRAMES < len(frames) < 2 * wavenet.MAX_FRAMES
        import torch

        standard = torch.from_numpy(wavenet.standardised(frames))
        pieces = standard.split(wavenet.MAX_FRAMES)
        vectors = [network().embed(part[None], torch.tensor([len(part)])) for part in pieces]
        total = sum(len(part) * vector for part, vector in zip(pieces, vectors, strict=True))
        expected = (total / total.norm()).detach().numpy()
        (found,) = self.encoder.encode("audio", [Waveform(noise, RATE)])
        assert np.abs(found - expected[0]).max() < 1e-4


# One thread: OpenMP's others would not survive the fork in the parent that has used them.
IN_A_CHILD = """
import os, sys, numpy as np, torch
torch.set_num_threads(1)
from retrieval.encoders.wavenet import WaveNetEncoder
from tests.retrieval.test_wavenet import sounds
encoder = WaveNetEncoder(weights=sys.argv[1])
encoder.encode("audio", sounds()[:2])
pid = os.fork()
if pid == 0:
    np.save(sys.argv[2], encoder.encode("audio", sounds()[:2]))
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_the_future_does_not_reach_the_past():
    import torch

    model = network()
    rng = torch.Generator().manual_seed(0)
    frames = torch.randn(1, 40, TINY.bands, generator=rng)
    changed = frames.clone()
    changed[:, 20:] += torch.randn(1, 20, TINY.bands, generator=rng)
    before, after = model.skips(frames), model.skips(changed)
    step = 20 // TINY.stride
    assert torch.equal(before[..., :step], after[..., :step])
    assert not torch.allclose(before[..., step], after[..., step])


def test_the_receptive_field_is_the_computed_one():
    """The gradient of the last step reaches back exactly that far."""
    import torch

    assert TINY.receptive_field == 1 + 2 * (1 + 2 + 4) == 15
    model = network()
    frames = torch.randn(1, 60, TINY.bands, generator=torch.Generator().manual_seed(0))
    frames.requires_grad_(True)
    model.skips(frames)[..., -1].sum().backward()
    reached = np.flatnonzero(frames.grad.abs().sum((0, 2)).numpy())
    assert reached[0] == 60 - TINY.receptive_field * TINY.stride
    assert reached[-1] == 59


def test_padding_is_left_out_exactly():
    import torch

    model = network()
    rng = torch.Generator().manual_seed(0)
    for length in (1, 2, 7, 30):
        frames = torch.randn(1, length, TINY.bands, generator=rng)
        padded = torch.nn.functional.pad(frames, (0, 0, 0, 51 - length))
        alone = model.embed(frames, torch.tensor([length]))
        framed = model.embed(padded, torch.tensor([length]))
        assert (alone - framed).abs().max() < 1e-5


def test_the_file_says_how_it_was_made(weights: Path):
    header = wavenet.read_header(weights)
    assert header["epoch"] == 3
    assert wavenet.read_config(weights) == TINY


def test_the_fingerprint_follows_the_weights(weights: Path, tmp_path: Path):
    other, copy = tmp_path / "other.safetensors", tmp_path / "copy.safetensors"
    wavenet.save(other, network(seed=1), {"epoch": 3})
    copy.write_bytes(weights.read_bytes())
    first, second, third = (
        WaveNetEncoder(weights=path).fingerprint for path in (weights, other, copy)
    )
    assert first != second
    assert first == third


def test_a_missing_file_names_the_command(tmp_path: Path):
    encoder = WaveNetEncoder(weights=tmp_path / "none.safetensors")
    for use in (
        lambda: encoder.encode("audio", sounds()),
        lambda: encoder.fingerprint,
        lambda: encoder.dim,
    ):
        with pytest.raises(
            EncoderUnavailable, match=r"none\.safetensors.*manage\.py train_wavenet"
        ):
            use()


def test_a_file_of_something_else_is_refused(tmp_path: Path):
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(EncoderUnavailable, match="train_wavenet"):
        WaveNetEncoder(weights=path).encode("audio", sounds())
    save_file({"a": np.zeros(2, np.float32)}, path)
    with pytest.raises(EncoderUnavailable, match="train_wavenet"):
        WaveNetEncoder(weights=path).encode("audio", sounds())
