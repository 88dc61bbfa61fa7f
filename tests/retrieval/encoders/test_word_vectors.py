"""Static word vectors from small files in the formats they come in."""

import gzip

import numpy as np
import pytest

from retrieval.encoders.word_vectors import StaticWordVectors
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Encoder
from tests.retrieval.encoder_contract import EncoderContract

GLOVE = """\
dog 1.0 0.1 0.0 0.0
puppy 0.9 0.2 0.0 0.0
car 0.0 0.0 1.0 0.0
Paris 0.0 1.0 0.0 0.5
狗 0.95 0.1 0.05 0.0
飞机 0.0 0.1 0.0 1.0
. . . 0.5 0.5 0.5 0.5
null 0.0 0.0 0.0 0.0
"""


def file(tmp_path, content: str = GLOVE, name: str = "vectors.txt") -> str:
    path = tmp_path / name
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


class TestStaticWordVectors(EncoderContract):
    modality = "text"
    samples = staticmethod(lambda: ["dog", "car", "a dog in a car", "飞机", "words it never saw"])
    path = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls, tmp_path_factory) -> None:
        cls.path = file(tmp_path_factory.mktemp("words"))
        cls.encoder = cls.make()

    @classmethod
    def make(cls) -> Encoder:
        return StaticWordVectors(path=cls.path)

    def test_a_text_is_the_mean_of_its_words(self):
        dog, car, both = self.encoder.encode("text", ["dog", "car", "the Dog, the CAR"])
        assert self.encoder.dim == 4
        assert dog == pytest.approx(np.array([1, 0.1, 0, 0]) / np.hypot(1, 0.1), abs=1e-6)
        assert both == pytest.approx((dog + car) / np.linalg.norm(dog + car), abs=1e-6)

    def test_chinese_is_cut_into_words(self):
        both, plane, dog = self.encoder.encode("text", ["飞机狗", "飞机", "狗"])
        assert both == pytest.approx((plane + dog) / np.linalg.norm(plane + dog), abs=1e-6)

    def test_files_that_keep_the_case(self):
        found = self.encoder.encode("text", ["paris", "PARIS"])
        expected = np.array([0, 1, 0, 0.5]) / np.hypot(1, 0.5)
        assert found == pytest.approx(np.stack([expected] * 2), abs=1e-6)

    def test_unknown_words_meet_only_themselves(self):
        one, same, other = self.encoder.encode("text", ["Zorbulon", "zorbulon", "quexi"])
        assert np.array_equal(one, same)
        assert one @ other < 0.99
        assert not np.isnan(self.encoder.encode("text", ["", "\ud800", "null"])).any()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (GLOVE, "v.txt"),
        (GLOVE, "v.txt.gz"),
        (f"8 4\n{GLOVE}", "v.vec"),
        (f"8 4\n{GLOVE}", "v.vec.gz"),
    ],
)
def test_formats(tmp_path, content, name):
    encoder = StaticWordVectors(path=file(tmp_path, content, name))
    assert encoder.dim == 4
    dog, puppy, car = encoder.encode("text", ["dog", "puppy", "car"])
    assert dog @ puppy > 0.98
    assert dog @ car == 0


def test_only_the_first_words_are_read(tmp_path):
    path = file(tmp_path)
    first, all_of_it = StaticWordVectors(path=path, limit=2), StaticWordVectors(path=path)
    assert np.array_equal(first.encode("text", ["dog"]), all_of_it.encode("text", ["dog"]))
    assert not np.array_equal(first.encode("text", ["car"]), all_of_it.encode("text", ["car"]))
    assert first.fingerprint != all_of_it.fingerprint


def test_the_file_is_part_of_the_fingerprint(tmp_path):
    one, same = (StaticWordVectors(path=file(tmp_path, name=name)) for name in ("a", "b"))
    changed = StaticWordVectors(path=file(tmp_path, GLOVE.replace("0.9", "0.8"), "c"))
    assert one.fingerprint == same.fingerprint != changed.fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("dog 1 2\ncar 1\n", r"line 2 holds no word with 2 numbers"),
        ("dog 1 2\ncar 1 x\n", "could not convert"),
        ("dog 1 2\ncar 1 nan\n", "line 2 holds no word"),
        ("8 4\n", "holds no word vectors"),
        ("", "holds no word vectors"),
    ],
)
def test_broken_files_say_so(tmp_path, content, message):
    with pytest.raises(EncoderUnavailable, match=message):
        StaticWordVectors(path=file(tmp_path, content)).encode("text", ["x"])


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(EncoderUnavailable, match=r"There is no file .*set path="):
        StaticWordVectors(path=tmp_path / "none.txt").encode("text", ["x"])
