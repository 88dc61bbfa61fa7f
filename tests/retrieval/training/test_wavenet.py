"""Training of the WaveNet encoder on a world of tones that spell words."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders.wavenet import BANDS, WaveNetConfig, read_header
from retrieval.spoken import ClipFeatures
from retrieval.training.wavenet import (
    Alphabet,
    Split,
    SpokenTask,
    TrainingMismatch,
    WaveNetTrainingConfig,
    augmented,
    encode_clips,
    rank_texts,
    split_items,
    text_targets,
    train_wavenet,
)

LETTERS = "abcdefgh"
CONFIG = WaveNetTrainingConfig(
    network=WaveNetConfig(channels=24, skip=32, dilations=(1, 2, 4), heads=4, dropout=0.0),
    epochs=6,
    batch_size=16,
    learning_rate=5e-3,
    augment=False,
    smoothing=0.0,
)


def spell(word: str) -> np.ndarray:
    """(frames, BANDS): six frames a letter, each in bands of its own, in some noise."""
    rng = np.random.default_rng([ord(each) for each in word])
    frames = 0.2 * rng.standard_normal((6 * len(word), BANDS))
    for place, letter in enumerate(word):
        band = 8 * LETTERS.index(letter)
        frames[6 * place : 6 * place + 6, band : band + 6] += 3
    return frames.astype(np.float16)


def encode(texts: list[str]) -> np.ndarray:
    """A text's letters, counted: a vector that letters not seen together also have."""
    rows = [[text.count(letter) for letter in LETTERS] for text in texts]
    return np.array(rows, np.float32) + 0.1


def world(items: int = 120, seed: int = 0) -> SpokenTask:
    """Each item has a word of four letters, said in two languages (one backwards)."""
    rng = np.random.default_rng(seed)
    words: dict[str, None] = {}
    while len(words) < items:
        words["".join(rng.choice(list(LETTERS), 4))] = None
    rows = [
        (f"item-{n}", language, word if language == "fr" else word[::-1], word)
        for n, word in enumerate(words)
        for language in ("fr", "es")
    ]
    ids, languages, texts, english = (np.array(column) for column in zip(*rows, strict=True))
    frames = [spell(str(text)) for text in texts]
    starts = np.cumsum([0, *map(len, frames)])
    clips = ClipFeatures(
        ids, languages, texts, english, np.concatenate(frames), starts, np.zeros((len(ids), 1))
    )
    return SpokenTask.of(clips, encode)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Networks this small lose more to waiting for a second thread than it does."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def task() -> SpokenTask:
    return world()


def interrupt_after(epochs: int):
    """A progress callback that ends the process's patience after so many epochs."""

    def progress(entry: dict) -> None:
        if entry["stage"] == "batch" and entry["done"] == 1:
            progress.started += 1  # type: ignore[attr-defined]
            if progress.started > epochs:  # type: ignore[attr-defined]
                raise KeyboardInterrupt

    progress.started = 0  # type: ignore[attr-defined]
    return progress


def test_a_split_keeps_items_and_labels_together(task: SpokenTask):
    clips = replace(task.clips, texts=task.clips.texts.copy(), english=task.clips.english.copy())
    clips.english[:20] = "the same"
    split = split_items(clips, seed=3)
    sides = [set(clips.external_ids[side]) for side in split[:3]]
    assert set.union(*sides) == set(clips.external_ids)
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    alike = {
        name for name, side in zip("abc", split[:3], strict=True) if set(side) & set(range(20))
    }
    assert len(alike) == 1
    assert 0.15 * 120 <= len(sides[2]) <= 0.2 * 120
    assert [list(a) for a in split_items(clips, seed=3)[:3]] == [list(a) for a in split[:3]]
    assert set(split_items(clips, seed=4).test) != set(split.test)


def test_a_held_out_language_is_in_the_test_only(task: SpokenTask):
    split = split_items(task.clips, held_out_languages=("es",))
    languages = [set(task.clips.languages[side]) for side in split[:3]]
    assert languages == [{"fr"}, {"fr"}, {"fr", "es"}]
    assert set(split.test) == set(split_items(task.clips).test)


def test_targets_do_not_look_at_hidden_texts(task: SpokenTask):
    split = split_items(task.clips)
    seen = np.unique(np.concatenate([task.own[split.train], task.english[split.train]]))
    targets = text_targets(task, split, 1.0)
    assert np.linalg.norm(targets, axis=1) == pytest.approx(1.0, abs=1e-5)
    vectors = task.vectors.copy()
    hidden = np.setdiff1d(np.concatenate([task.own[split.test], task.english[split.test]]), seen)
    vectors[hidden] += 5
    again = text_targets(replace(task, vectors=vectors), split, 1.0)
    assert np.abs(again[seen] - targets[seen]).max() < 1e-6


def test_ranks_and_chance_by_hand():
    """Three items; two share the label, so either counts for both."""
    clips = ClipFeatures(
        np.array(["a", "b", "c"]),
        np.array(["fr"] * 3),
        np.array(["x", "x", "y"]),
        np.array(["ex", "ex", "why"]),
        np.zeros((3, BANDS), np.float16),
        np.arange(4),
        np.zeros((3, 1), np.float32),
    )
    task = SpokenTask.of(clips, lambda texts: np.eye(len(texts), dtype=np.float32))
    said = np.zeros((3, 4), np.float32)
    said[0, task.own[2]] = 1  # looks for x, sounds like y
    said[1, task.own[1]] = said[2, task.own[2]] = 1
    found = rank_texts(task, task.vectors, np.arange(3), said, english=False)
    assert found.ranks.tolist() == [2, 1, 1]
    assert found.chance.tolist() == [1, 1, 1]  # ten draws of three
    nothing = rank_texts(task, task.vectors, np.arange(3), said * 0, english=True)
    assert nothing.ranks.tolist() == [2, 2, 3]  # ties count against


def test_chance_is_that_of_a_random_order():
    from retrieval.training.wavenet import _chance

    rng = np.random.default_rng(0)
    hits = [(rng.permutation(40)[:10] < 3).any() for _ in range(20_000)]
    assert _chance(40, 3) == pytest.approx(np.mean(hits), abs=0.01)
    assert _chance(40, 1) == pytest.approx(0.25)


def test_an_alphabet_drops_accents_and_rare_characters():
    alphabet = Alphabet.of(["Été", "tète", "te te", "жt"], least=2)
    assert alphabet.characters == "et"
    assert alphabet.encode("Tête-ж") == [2, 1, 2, 1]


def test_it_learns_words_it_has_never_heard(task: SpokenTask, tmp_path: Path):
    """Held-out words: chance is about .43 of 24; the trained network finds nearly all."""
    split = split_items(task.clips)
    out = tmp_path / "tones.safetensors"
    entries: list[dict] = []
    fitted = train_wavenet(task, split, out, CONFIG, entries.append)
    from retrieval.encoders import wavenet

    network = wavenet.load(out)
    vectors = encode_clips(
        network, lambda clip: wavenet.standardised(task.clips.clip(clip)), split.test
    )
    targets = text_targets(task, split, CONFIG.whitening_ridge)
    found = rank_texts(task, targets, split.test, vectors, english=False)
    assert found.chance.mean() < 0.5
    assert (found.ranks <= 10).mean() > 0.9
    epochs = [entry for entry in entries if entry["stage"] == "wavenet"]
    assert epochs == fitted.history
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert epochs[-1]["reading_loss"] < epochs[0]["reading_loss"]
    header = read_header(out)
    assert header["epoch"] == fitted.epoch
    assert header["clips"] == {name: len(getattr(split, name)) for name in Split._fields[:3]}
    assert header["alphabet"] == LETTERS
    assert json.loads(json.dumps(header)) == header


def test_resuming_gives_what_an_uninterrupted_run_gives(task: SpokenTask, tmp_path: Path):
    split = split_items(task.clips)
    config = replace(CONFIG, epochs=4, augment=True, network=replace(CONFIG.network, dropout=0.1))
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    expected = train_wavenet(task, split, whole, config)
    with pytest.raises(KeyboardInterrupt):
        train_wavenet(task, split, parts, config, interrupt_after(2))
    assert not parts.exists()
    with pytest.raises(TrainingMismatch, match="without --resume"):
        train_wavenet(task, split, parts, replace(config, seed=1), resume=True)
    found = train_wavenet(task, split, parts, config, resume=True)
    assert found == expected
    assert parts.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [whole.name, parts.name][::-1]


def test_a_seed_gives_one_result_and_another_seed_another(task: SpokenTask, tmp_path: Path):
    split = split_items(task.clips)
    config = replace(CONFIG, epochs=1)
    files = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        path = tmp_path / name
        train_wavenet(task, split, path, replace(config, seed=seed))
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_it_stops_when_validation_no_longer_improves(task: SpokenTask, tmp_path: Path):
    """At a rate of zero nothing ever improves on the first epoch."""
    config = replace(CONFIG, epochs=30, patience=2, learning_rate=0.0)
    fitted = train_wavenet(task, split_items(task.clips), tmp_path / "x.safetensors", config)
    assert fitted.epoch == 1
    assert [entry["epoch"] for entry in fitted.history] == [1, 2, 3]


def test_augmentation_keeps_padding_silent():
    import torch

    frames = torch.randn(4, 50, BANDS, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([50, 30, 10, 1])
    frames *= torch.arange(50)[None, :, None] < lengths[:, None, None]
    torch.manual_seed(0)
    changed, longer = augmented(frames, lengths, WaveNetTrainingConfig())
    assert changed.shape == (4, int(longer.max()), BANDS)
    for row, length in enumerate(longer.tolist()):
        assert not changed[row, length:].any()
    assert changed[:2].abs().sum((1, 2)).min() > 100
    torch.manual_seed(0)
    assert torch.equal(augmented(frames, lengths, WaveNetTrainingConfig())[0], changed)
