"""The spoken descriptions, read from a package's tar stream and kept as features."""

import io
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np

from retrieval.spoken import ClipFeatures, label_groups, read_labels, read_recordings

FILES = {
    "animals/cat.txt": "A cat.\nfr.utf8=Un chat.\nzh_CN.utf8=猫。\npt_BR.utf8=Um gato.\nes.utf8=\n",
    "animals/cat_desc.ogg": "english",
    "animals/cat_desc_fr.ogg": "french",
    "animals/cat_desc_pt_BR.wav": "brazilian",
    "animals/cat_desc_es.ogg": "no label in Spanish",
    "animals/cat_desc_da.ogg.ogg": "a name of its own kind",
    "animals/cat.ogg": "miaow",
    "animals/dog_desc_fr.ogg": "no labels at all",
    "plants/oak (old).txt": "An oak!",
    "plants/oak (old)_desc.ogg": "oak",
    "plants/empty.txt": "",
}


def tar(files: dict[str, str], root: str = "./usr/share/tuxpaint/stamps") -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{root}/{name}")
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    stream.seek(0)
    return stream


def test_labels_by_language():
    labels = read_labels(tar(FILES))
    assert labels[PurePosixPath("animals/cat")] == {
        "en": "A cat",
        "fr": "Un chat",
        "zh_CN": "猫",
        "pt_BR": "Um gato",
    }
    assert labels[PurePosixPath("plants/empty")] == {}
    assert read_labels(tar(FILES, root="./usr/share/doc")) == {}


def test_recordings_are_the_spoken_labels_only():
    found = [tuple(each) for each in read_recordings(tar(FILES), read_labels(tar(FILES)))]
    assert found == [
        ("stamp:animals.cat", "en", "A cat", "A cat", b"english"),
        ("stamp:animals.cat", "fr", "Un chat", "A cat", b"french"),
        ("stamp:animals.cat", "pt", "Um gato", "A cat", b"brazilian"),
        ("stamp:plants.oak--old-", "en", "An oak!", "An oak!", b"oak"),
    ]


def test_rows_with_a_text_in_common_are_one_group():
    names = ["a", "a", "b", "c", "d"]
    texts = [["un", "one"], ["eins"], ["deux", "ONE"], ["trois"], ["Eins"]]
    groups = label_groups(names, texts)
    assert groups[0] == groups[1] == groups[2] == groups[4]
    assert groups[3] != groups[0]


def test_features_survive_the_disk(tmp_path: Path):
    clips = ClipFeatures(
        external_ids=np.array(["a", "b"]),
        languages=np.array(["fr", "bg"]),
        texts=np.array(["chat", "котка"]),
        english=np.array(["cat", "cat"]),
        frames=np.arange(10, dtype=np.float16).reshape(5, 2),
        starts=np.array([0, 3, 5]),
        statistics=np.ones((2, 4), np.float32),
    )
    path = tmp_path / "clips.npz"
    clips.save(path)
    again = ClipFeatures.load(path)
    assert [path.name for path in tmp_path.iterdir()] == ["clips.npz"]
    for name in ClipFeatures.__slots__:
        assert np.array_equal(getattr(again, name), getattr(clips, name))
    assert again.clip(1).tolist() == [[6, 7], [8, 9]]
    assert again.clip(1).dtype == np.float32
    assert len(again) == 2
