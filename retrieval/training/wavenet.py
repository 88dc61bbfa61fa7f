"""Training of ``retrieval.encoders.wavenet``: a spoken description is to find the text it reads.

The clip's vector is compared to fixed vectors of texts, its own and the English one, by a softmax
over all texts of the training items in that language (InfoNCE with every negative there is); a
second output reads the characters of the label (CTC, Graves et al. 2006), which teaches sounds where
900 labels a language teach few words.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.wavenet import WaveNetConfig, save, standardised
from retrieval.exceptions import RetrievalError
from retrieval.preprocess.decoder import Decoder
from retrieval.spoken import ClipFeatures, clip_features, label_groups
from retrieval.types import Encoder, Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn

Progress = Callable[[dict[str, Any]], None]
Rows = Callable[[int], NDArray[np.float32]]
Indices = NDArray[np.int64]

ENGLISH = "en"
FEATURES_REVISION = 1
"""Raised when ``log_mel_frames`` or the statistics change: kept features are made anew."""


@dataclass(frozen=True, slots=True)
class WaveNetTrainingConfig:
    """Chosen on the validation items of split 0 for what two cores train in ten minutes."""

    network: WaveNetConfig = field(default_factory=WaveNetConfig)
    epochs: int = 30
    patience: int = 10
    """Epochs without a better validation before it stops."""
    batch_size: int = 32
    learning_rate: float = 3e-3
    warm_up: float = 0.05
    weight_decay: float = 0.05
    seed: int = 0
    reading_weight: float = 1.0
    """Of the CTC loss a character against the two losses of finding the text."""
    smoothing: float = 0.1
    inverse_temperature: float = 10.0
    augment: bool = True
    speed: float = 0.12
    warp: float = 0.1
    """Vocal tract length perturbation (Jaitly & Hinton 2013): a language has one speaker."""
    noise: float = 0.2
    time_mask: int = 24
    band_mask: int = 12
    max_frames: int = 480
    """6 s of a clip; longer ones are cut while training."""
    whitening_ridge: float = 1.0
    bf16: bool = False
    """Half the time where the processor multiplies bfloat16."""


class Split(NamedTuple):
    """Clips by number. No item and no label is on two sides."""

    train: Indices
    validation: Indices
    test: Indices
    held_out_languages: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class SpokenTask:
    """Clips and the vectors of what they say."""

    clips: ClipFeatures
    texts: tuple[tuple[str, str], ...]
    """(language, text), each once."""
    vectors: Vectors
    """(len(texts), d), as the text encoder gives them."""
    own: Indices
    """(clips,) the text each clip reads."""
    english: Indices
    """(clips,) the same item's English text."""

    @classmethod
    def of(cls, clips: ClipFeatures, encode: Callable[[list[str]], Vectors]) -> "SpokenTask":
        """``encode`` is the text encoder."""
        own = [(str(a), str(b)) for a, b in zip(clips.languages, clips.texts, strict=True)]
        english = [(ENGLISH, str(text)) for text in clips.english]
        texts = tuple(sorted({*own, *english}))
        rows = {text: row for row, text in enumerate(texts)}
        vectors = encode([text for _, text in texts])
        return cls(
            clips,
            texts,
            vectors,
            np.array([rows[text] for text in own]),
            np.array([rows[text] for text in english]),
        )

    @property
    def languages(self) -> NDArray[np.str_]:
        """(texts,)"""
        return np.array([language for language, _ in self.texts])


def split_items(
    clips: ClipFeatures,
    seed: int = 0,
    held_out_languages: Sequence[str] = (),
    *,
    test_share: float = 0.2,
    validation_share: float = 0.1,
) -> Split:
    """By item, items with an equal label together; a held-out language is only in the test."""
    texts = [
        (f"{language} {text}", f"{ENGLISH} {english}")
        for language, text, english in zip(clips.languages, clips.texts, clips.english, strict=True)
    ]
    groups = label_groups([str(name) for name in clips.external_ids], texts)
    items = {group: len(set(clips.external_ids[groups == group])) for group in np.unique(groups)}
    order = np.random.default_rng(seed).permutation(sorted(items))
    share = np.cumsum([items[group] for group in order]) / sum(items.values())
    test = np.isin(groups, order[share <= test_share])
    judged = np.isin(groups, order[(share > test_share) & (share <= test_share + validation_share)])
    known = ~np.isin(clips.languages, held_out_languages)
    train = known & ~test & ~judged
    return Split(
        np.flatnonzero(train),
        np.flatnonzero(judged & known),
        np.flatnonzero(test),
        tuple(held_out_languages),
        seed,
    )


def text_targets(task: SpokenTask, split: Split, ridge: float) -> Vectors:
    """(texts, d), unit rows: each language around its own mean, whitened; both learned without the
    texts of validation and test items.
    """
    hidden = {*task.own[split.validation], *task.own[split.test]}
    hidden |= {*task.english[split.validation], *task.english[split.test]}
    known = np.array([row not in hidden for row in range(len(task.texts))])
    centred = task.vectors.astype(np.float64)
    for language in np.unique(task.languages):
        rows = task.languages == language
        seen = rows & known
        centred[rows] -= centred[seen if seen.any() else rows].mean(0)
    values, vectors = np.linalg.eigh(np.cov(centred[known].T))
    scale = 1 / np.sqrt(np.maximum(values, 0) + ridge * values.mean())
    white = centred @ ((vectors * scale) @ vectors.T)
    norms = np.linalg.norm(white, axis=1, keepdims=True)
    return (white / np.maximum(norms, 1e-9)).astype(np.float32)


class Alphabet(NamedTuple):
    """Characters without accents; number 0 is CTC's blank."""

    characters: str

    @classmethod
    def of(cls, texts: Sequence[str], least: int = 5) -> "Alphabet":
        """Those that at least so many texts have."""
        found: dict[str, int] = {}
        for text in texts:
            for character in set(_plain(text)):
                found[character] = found.get(character, 0) + 1
        return cls("".join(sorted(each for each, count in found.items() if count >= least)))

    def encode(self, text: str) -> list[int]:
        """What is not in the alphabet is left out."""
        numbers = (self.characters.find(character) + 1 for character in _plain(text))
        return [number for number in numbers if number > 0]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if each.isalpha() or each == " ").strip()


class Ranking(NamedTuple):
    """Of clips looking for the text of their item."""

    clips: Indices
    ranks: Indices
    """Of the first relevant candidate, from 1; ties count against."""
    chance: NDArray[np.float64]
    """R@10 of a random order, for each clip."""


def rank_texts(
    task: SpokenTask, targets: Vectors, clips: Indices, vectors: Vectors, *, english: bool
) -> Ranking:
    """Candidates: the texts, one an item, of all items among ``clips``, in the clip's language or
    in English. Relevant: the item's own and equal ones. ``vectors``: (len(clips), d), unit rows.
    """
    rows = (task.english if english else task.own)[clips]
    spoken = task.clips.languages[clips]
    pools = np.full(len(clips), ENGLISH) if english else spoken
    ranks = np.zeros(len(clips), np.int64)
    chance = np.zeros(len(clips))
    for language in np.unique(pools):
        asking = np.flatnonzero(pools == language)
        _, first = np.unique(task.clips.external_ids[clips[asking]], return_index=True)
        candidates = rows[asking[first]]
        scores = vectors[asking] @ targets[candidates].T
        relevant = rows[asking][:, None] == candidates[None]
        best = np.where(relevant, scores, -np.inf).max(1, keepdims=True)
        ranks[asking] = 1 + ((scores >= best) & ~relevant).sum(1)
        chance[asking] = [_chance(len(candidates), int(count)) for count in relevant.sum(1)]
    return Ranking(clips, ranks, chance)


def _chance(candidates: int, relevant: int, k: int = 10) -> float:
    """That k drawn without replacement hold a relevant one."""
    missed = 1.0
    for drawn in range(min(k, candidates)):
        missed *= max(candidates - relevant - drawn, 0) / (candidates - drawn)
    return 1 - missed


class Fitted(NamedTuple):
    """What ``fit`` found; the network it was given holds the best epoch's weights."""

    epoch: int
    """The best, from 1."""
    validation: float
    history: list[dict[str, Any]]


def fit(
    network: "nn.Module",
    rows: Rows,
    task: SpokenTask,
    split: Split,
    config: WaveNetTrainingConfig,
    progress: Progress = lambda entry: None,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains until ``config.epochs`` or until validation stops getting better.

    ``network(frames, lengths)`` gives unit rows and, for reading, log-probabilities or None;
    ``rows(clip)`` its input (frames, bands). ``checkpoint`` is written after each epoch and, if it
    is there, continued from: the result is that of an uninterrupted run. ``progress`` gets
    {"stage": "wavenet", "epoch", "of", "loss", "reading_loss", "r@10"} after each epoch and
    {"stage": "batch", "epoch", "epochs", "done", "of"} in between.
    """
    run = _Run(network, rows, task, split, config)
    if checkpoint is not None and checkpoint.exists():
        run.restore(checkpoint)
    while not run.finished:
        run.epoch_run(progress)
        progress(run.history[-1])
        if checkpoint is not None:
            run.store(checkpoint)
    network.load_state_dict(run.best_state)
    return Fitted(run.best_epoch, run.best, run.history)


def train_wavenet(
    task: SpokenTask,
    split: Split,
    out: Path,
    config: WaveNetTrainingConfig | None = None,
    progress: Progress = lambda entry: None,
    *,
    resume: bool = False,
) -> Fitted:
    """Trains and writes ``out``; an interrupted run leaves ``out`` with ``.resume`` to go on from."""
    import torch

    from retrieval.encoders.wavenet_network import WaveNet

    config = config or WaveNetTrainingConfig()
    alphabet = Alphabet.of([task.texts[row][1] for row in task.own[split.train]])
    symbols = len(alphabet.characters) + 1 if config.reading_weight else 0
    shape = replace(config.network, symbols=symbols, dim=task.vectors.shape[1])
    config = replace(config, network=shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = WaveNet(shape)
    checkpoint = out.with_name(f"{out.name}.resume")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    fitted = fit(
        network,
        lambda clip: standardised(task.clips.clip(clip)),
        task,
        split,
        config,
        progress,
        checkpoint,
    )
    facts = {
        "training": asdict(config),
        "alphabet": alphabet.characters,
        "split": split.seed,
        "held_out_languages": list(split.held_out_languages),
        "clips": {name: len(getattr(split, name)) for name in ("train", "validation", "test")},
        "epoch": fitted.epoch,
        "validation_r@10": fitted.validation,
        "history": fitted.history,
    }
    save(out, network, facts)
    checkpoint.unlink(missing_ok=True)
    return fitted


def encode_clips(network: "nn.Module", rows: Rows, clips: Indices, batch_size: int = 64) -> Vectors:
    """float32 (len(clips), d), unit rows, in the order of ``clips``."""
    import torch

    order = np.argsort([len(rows(clip)) for clip in clips], kind="stable")
    parts = []
    training = network.training
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            frames, lengths = _padded(
                [rows(clip) for clip in clips[order[start : start + batch_size]]]
            )
            parts.append(network(frames, lengths)[0].float().numpy())
    network.train(training)
    vectors = np.concatenate(parts)
    found = np.empty_like(vectors)
    found[order] = vectors
    return found


class _Run:
    """The state of a training; everything random follows from the seed and the epoch."""

    def __init__(
        self,
        network: "nn.Module",
        rows: Rows,
        task: SpokenTask,
        split: Split,
        config: WaveNetTrainingConfig,
    ) -> None:
        import torch

        self.network, self.rows, self.task, self.split = network, rows, task, split
        self.config = config
        self.targets = text_targets(task, split, config.whitening_ridge)
        self.pools = _Pools.of(task, split, self.targets)
        texts = [task.texts[row][1] for row in task.own[split.train]]
        alphabet = Alphabet.of(texts)
        self.labels = {
            clip: alphabet.encode(text) for clip, text in zip(split.train, texts, strict=True)
        }
        self.log_scale = torch.nn.Parameter(torch.tensor(float(np.log(config.inverse_temperature))))
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(network.parameters()), "weight_decay": config.weight_decay},
                {"params": [self.log_scale], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )
        self.epoch = 0
        self.best, self.best_epoch = -1.0, 0
        self.best_state: dict[str, Tensor] = {}
        self.history: list[dict[str, Any]] = []

    @property
    def finished(self) -> bool:
        stalled = self.epoch - self.best_epoch >= self.config.patience
        return self.epoch >= self.config.epochs or stalled

    def epoch_run(self, progress: Progress) -> None:
        """One pass over the training clips and one look at the validation items."""
        import torch

        batches = self._batches()
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed * 100_003 + self.epoch)
            self.network.train()
            for number, clips in enumerate(batches):
                self._set_rate((self.epoch + number / len(batches)) / self.config.epochs)
                losses.append(self._step(clips))
                progress(
                    {
                        "stage": "batch",
                        "epoch": self.epoch,
                        "epochs": self.config.epochs,
                        "done": number + 1,
                        "of": len(batches),
                    }
                )
        self.epoch += 1
        judged = self.validation()
        if judged > self.best:
            self.best, self.best_epoch = judged, self.epoch
            state = self.network.state_dict()
            self.best_state = {name: tensor.clone() for name, tensor in state.items()}
        found, read = (float(np.mean(part)) for part in zip(*losses, strict=True))
        self.history.append(
            {
                "stage": "wavenet",
                "epoch": self.epoch,
                "of": self.config.epochs,
                "loss": round(found, 4),
                "reading_loss": round(read, 4),
                "r@10": round(judged, 4),
            }
        )

    def validation(self) -> float:
        """Mean R@10 in the clip's language and in English."""
        clips = self.split.validation
        vectors = encode_clips(self.network, self.rows, clips)
        rankings = [
            rank_texts(self.task, self.targets, clips, vectors, english=english)
            for english in (False, True)
        ]
        return float(np.mean([(ranking.ranks <= 10).mean() for ranking in rankings]))

    def store(self, path: Path) -> None:
        import torch

        state = {
            "config": _json(self.config),
            "epoch": self.epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "history": self.history,
            "network": self.network.state_dict(),
            "best_state": self.best_state,
            "log_scale": self.log_scale.detach(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = path.with_name(f"{path.name}.part")
        torch.save(state, part)
        part.replace(path)

    def restore(self, path: Path) -> None:
        import torch

        state = torch.load(path, weights_only=True)
        if state["config"] != _json(self.config):
            raise TrainingMismatch(path)
        self.epoch, self.best, self.best_epoch = (
            state[name] for name in ("epoch", "best", "best_epoch")
        )
        self.history, self.best_state = state["history"], state["best_state"]
        self.network.load_state_dict(state["network"])
        self.log_scale.data.copy_(state["log_scale"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _batches(self) -> list[Indices]:
        """Clips of about equal length together, which saves padding."""
        rng = np.random.default_rng([self.config.seed, self.epoch])
        clips = rng.permutation(self.split.train)
        starts = self.task.clips.starts
        lengths = starts[clips + 1] - starts[clips]
        size = self.config.batch_size
        batches = []
        for start in range(0, len(clips), size * 16):
            chunk = slice(start, start + size * 16)
            ordered = clips[chunk][np.argsort(lengths[chunk], kind="stable")]
            batches += [ordered[at : at + size] for at in range(0, len(ordered), size)]
        return [batches[at] for at in rng.permutation(len(batches))]

    def _set_rate(self, done: float) -> None:
        """A short rise, then half a cosine."""
        rise = self.config.warm_up
        factor = (
            done / rise if done < rise else 0.5 * (1 + np.cos(np.pi * (done - rise) / (1 - rise)))
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * max(float(factor), 1e-3)

    def _step(self, clips: Indices) -> tuple[float, float]:
        import torch

        frames, lengths = _padded([self.rows(clip)[: self.config.max_frames] for clip in clips])
        if self.config.augment:
            frames, lengths = augmented(frames, lengths, self.config)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            vectors, read = self.network(frames, lengths)
        found = self.pools.loss(
            vectors.float(), clips, self.log_scale.exp().clamp(1, 100), self.config.smoothing
        )
        reading = self._reading_loss(read, lengths, clips)
        self.optimizer.zero_grad()
        (found + self.config.reading_weight * reading).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return float(found.detach()), float(reading.detach())

    def _reading_loss(self, read: "Tensor | None", lengths: "Tensor", clips: Indices) -> "Tensor":
        import torch

        if read is None:
            return torch.zeros(())
        labels = [self.labels[clip] for clip in clips]
        return torch.nn.functional.ctc_loss(
            read,
            torch.tensor([number for label in labels for number in label], dtype=torch.long),
            self.network.steps(lengths),  # type: ignore[operator]
            torch.tensor([len(label) for label in labels]),
            zero_infinity=True,
        )


class _Pools(NamedTuple):
    """The training texts as columns: a clip is compared to those of its language and to English."""

    columns: "Tensor"
    languages: "Tensor"
    own: dict[int, int]
    english: dict[int, int]

    @classmethod
    def of(cls, task: SpokenTask, split: Split, targets: Vectors) -> "_Pools":
        import torch

        kept = np.unique(np.concatenate([task.own[split.train], task.english[split.train]]))
        column = {row: at for at, row in enumerate(kept.tolist())}
        _, languages = np.unique(task.languages, return_inverse=True)
        own, english = (
            {
                clip: column[row]
                for clip, row in zip(split.train.tolist(), rows[split.train].tolist(), strict=True)
            }
            for rows in (task.own, task.english)
        )
        return cls(torch.from_numpy(targets[kept]), torch.from_numpy(languages[kept]), own, english)

    def loss(
        self, vectors: "Tensor", clips: Indices, scale: "Tensor", smoothing: float
    ) -> "Tensor":
        """Mean cross-entropy of the two searches."""
        import torch

        scores = scale * vectors @ self.columns.T
        total = torch.zeros(())
        for side in (self.own, self.english):
            wanted = torch.tensor([side[clip] for clip in clips.tolist()])
            pool = self.languages[None] == self.languages[wanted][:, None]
            masked = scores.masked_fill(~pool, -torch.inf)
            chances = masked.log_softmax(1)
            hit = chances[torch.arange(len(wanted)), wanted]
            spread = chances.masked_fill(~pool, 0).sum(1) / pool.sum(1)
            total = total - ((1 - smoothing) * hit + smoothing * spread).mean() / 2
        return total


def augmented(
    frames: "Tensor", lengths: "Tensor", config: WaveNetTrainingConfig
) -> tuple["Tensor", "Tensor"]:
    """Another tempo, voice, microphone and moment; then SpecAugment (Park et al. 2019).

    (batch, frames, bands) and lengths in, the same out; padding is zero again.
    """
    import torch
    from torch.nn import functional
    from torchaudio.transforms import FrequencyMasking, TimeMasking

    count, time, bands = frames.shape
    tempo = 1 + config.speed * (2 * torch.rand(count) - 1)
    voice = 1 + config.warp * (2 * torch.rand(count) - 1)
    late = torch.randint(0, 9, (count,))
    stretched = (lengths / tempo).floor().long().clamp(min=1)
    lengths_new = stretched + late
    at = torch.arange(int(lengths_new.max()))[None] - late[:, None]
    rows = at * tempo[:, None] / max(time - 1, 1) * 2 - 1
    columns = (torch.arange(bands)[None] * voice[:, None]).clamp(max=bands - 1) / (
        bands - 1
    ) * 2 - 1
    grid = torch.stack(
        [
            columns[:, None].expand(-1, rows.shape[1], -1),
            rows[:, :, None].expand(-1, -1, bands),
        ],
        -1,
    )
    warped = functional.grid_sample(frames[:, None], grid, align_corners=True)[:, 0]
    slope = torch.linspace(-1, 1, bands)
    tilt = 0.3 * torch.randn(count, 1, 1) * slope + 0.3 * torch.randn(count, 1, 1) * slope.square()
    warped = warped + tilt + config.noise * torch.rand(count, 1, 1) * torch.randn_like(warped)
    spectrogram = warped.transpose(1, 2)[:, None]
    for _ in range(2):
        spectrogram = FrequencyMasking(config.band_mask, iid_masks=True)(spectrogram)
        spectrogram = TimeMasking(config.time_mask, iid_masks=True, p=0.3)(spectrogram)
    present = torch.arange(spectrogram.shape[3])[None] < lengths_new[:, None]
    return spectrogram[:, 0].transpose(1, 2) * present[:, :, None], lengths_new


def prepared_task(
    package: Path,
    folder: Path,
    encoder: Encoder,
    progress: Progress = lambda entry: None,
) -> SpokenTask:
    """The task with features and text vectors kept in ``folder``: some minutes the first time.

    ``progress`` gets {"stage": "decode" | "texts", "done"}. Raises ``FetchError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    features = folder / f"clips-r{FEATURES_REVISION}.npz"
    if features.exists():
        clips = ClipFeatures.load(features)
    else:
        decoder = Decoder()
        try:
            clips = clip_features(
                package, decoder, lambda done: progress({"stage": "decode", "done": done})
            )
        finally:
            decoder.close()
        clips.save(features)

    def kept_vectors(texts: list[str]) -> Vectors:
        key = "\n".join([encoder.fingerprint, *texts])
        kept = folder / f"texts-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if kept.exists():
            found: Vectors = np.load(kept)
            return found
        parts = []
        for start in range(0, len(texts), 64):
            parts.append(encoder.encode("text", texts[start : start + 64]))
            progress({"stage": "texts", "done": start + len(parts[-1])})
        vectors = np.concatenate(parts)
        part = kept.with_name(f"{kept.name}.part")
        with part.open("wb") as file:
            np.save(file, vectors)
        part.replace(kept)
        return vectors

    return SpokenTask.of(clips, kept_vectors)


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class TrainingMismatch(RetrievalError):
    """A checkpoint belongs to a training with another configuration."""

    code = "training_mismatch"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was left by a training with another configuration: give the same options, or "
            "start anew without --resume."
        )


def _padded(rows: Sequence[NDArray[np.float32]]) -> tuple["Tensor", "Tensor"]:
    import torch

    tensors = [torch.from_numpy(np.ascontiguousarray(row)) for row in rows]
    lengths = torch.tensor([len(tensor) for tensor in tensors])
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), lengths


def _json(config: WaveNetTrainingConfig) -> dict[str, Any]:
    values = asdict(config)
    values["network"]["dilations"] = list(values["network"]["dilations"])
    return values
