"""What every encoder promises; a test class per encoder inherits it."""

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from retrieval.exceptions import EncoderFailed
from retrieval.types import Encoder, Modality, Waveform


class EncoderContract:
    """Subclasses give ``make``, ``modality`` and at least five different ``samples``.

    ``near`` makes a sample that means the same; the default writes, paints or plays it a little
    differently.
    """

    modality: ClassVar[Modality]
    encoder: Encoder
    tolerance: ClassVar[float] = 1e-4
    """Of one number of a row, whatever the others in the batch."""

    @staticmethod
    def make() -> Encoder:
        raise NotImplementedError

    @staticmethod
    def samples() -> Sequence[Any]:
        raise NotImplementedError

    @classmethod
    def near(cls, sample: Any) -> Any:
        if cls.modality == "text":
            return f"{sample}!"
        noise = np.random.default_rng(1)
        if cls.modality == "image":
            return np.clip(sample + noise.integers(-2, 3, sample.shape), 0, 255).astype(np.uint8)
        grain = noise.normal(0, 1e-4, len(sample.samples)).astype(np.float32)
        return Waveform(np.float32(0.7) * sample.samples + grain, sample.rate)

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls) -> None:
        cls.encoder = cls.make()

    def test_protocol(self):
        assert isinstance(self.encoder, Encoder)
        assert self.modality in self.encoder.modalities

    def test_rows_are_unit_and_finite(self):
        vectors = self.encoder.encode(self.modality, self.samples())
        assert vectors.shape == (len(self.samples()), self.encoder.dim)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_an_empty_batch(self):
        assert self.encoder.encode(self.modality, []).shape == (0, self.encoder.dim)

    def test_a_row_does_not_depend_on_its_neighbours(self):
        samples = self.samples()
        together = self.encoder.encode(self.modality, samples)
        alone = np.concatenate([self.encoder.encode(self.modality, [one]) for one in samples])
        assert np.abs(together - alone).max() < self.tolerance
        backwards = self.encoder.encode(self.modality, samples[::-1])[::-1]
        assert np.abs(together - backwards).max() < self.tolerance

    def test_deterministic(self):
        first, second = (self.encoder.encode(self.modality, self.samples()) for _ in range(2))
        assert np.array_equal(first, second)

    def test_content_matters(self):
        vectors = self.encoder.encode(self.modality, self.samples())
        cosines = vectors @ vectors.T
        assert (cosines[~np.eye(len(cosines), dtype=bool)] < 0.9999).all()

    def test_near_inputs_are_nearer_than_far_ones(self):
        samples = self.samples()
        originals = self.encoder.encode(self.modality, samples)
        variants = self.encoder.encode(self.modality, [self.near(one) for one in samples])
        assert (variants @ originals.T).argmax(1).tolist() == list(range(len(samples)))

    def test_threads_share_one_model(self):
        fresh = self.make()
        results: list[Any] = []

        def work() -> None:
            results.append(fresh.encode(self.modality, self.samples()))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 3
        expected = self.encoder.encode(self.modality, self.samples())
        assert all(np.abs(result - expected).max() < 1e-4 for result in results)

    def test_the_fingerprint_is_stable(self):
        assert self.make().fingerprint == self.encoder.fingerprint
        assert type(self.encoder).__name__ in self.encoder.fingerprint

    def test_another_modality_is_refused(self):
        other = next(n for n in ("text", "image", "audio") if n not in self.encoder.modalities)
        with pytest.raises(EncoderFailed):
            self.encoder.encode(other, self.samples())
