"""Tiny random checkpoints in the hub's own file layout, and small things to encode."""

import string
from pathlib import Path

import numpy as np

from retrieval.types import Waveform

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXTS = ["a dog", "a red car", "ein Haus am See", "zebra", "a longer sentence about nothing much"]
WIDE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def pictures() -> list[np.ndarray]:
    """Noise of several shapes."""
    rng = np.random.default_rng(0)
    shapes = [(64, 64, 3), (300, 100, 3), (40, 40, 3), (50, 90, 3), (224, 224, 3)]
    return [rng.integers(0, 255, shape, dtype=np.uint8) for shape in shapes]


def sounds() -> list[Waveform]:
    """A tone, a rising tone, noise, noise in bursts, and two seconds of a chord."""
    rate = 16_000
    time = np.arange(rate) / rate
    noise = np.random.default_rng(0).standard_normal(rate) * 0.1
    chord = sum(np.sin(2 * np.pi * f * np.arange(2 * rate) / rate) for f in (220, 277, 330))
    made = [
        np.sin(2 * np.pi * 440 * time),
        np.sin(2 * np.pi * 440 * time * (1 + time)),
        noise,
        noise * (np.sin(2 * np.pi * 3 * time) > 0),
        chord / 3,
    ]
    return [Waveform(sound.astype(np.float32), rate) for sound in made]


def in_hub_layout(cache: Path, model: str) -> Path:
    """A snapshot's empty folder, where the hub's client looks for ``model`` at COMMIT."""
    root = cache / f"models--{model.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    folder = root / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    return folder


def save_tokenizer(folder: Path, *, length: int, start: str = "[CLS]", end: str = "[SEP]") -> int:
    """One token a character; returns the size of the vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", start, end, *string.ascii_lowercase, *string.digits, *"!?.,:"]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 2), (end, 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token=start,
        sep_token=end,
        model_max_length=length,
    ).save_pretrained(folder)
    return len(words)


def save_bert(folder: Path) -> None:
    """A sentence encoder of 32 dimensions."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    size = save_tokenizer(folder, length=64)
    # at the usual .02 every [CLS] is alike
    config = BertConfig(vocab_size=size, max_position_embeddings=64, initializer_range=0.08, **WIDE)
    BertModel(config).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """CLIP of 24 dimensions that sees 32 x 32 pixels."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(0)
    size = save_tokenizer(folder, length=32)
    text = {"vocab_size": size, "max_position_embeddings": 32, "bos_token_id": 2, "eos_token_id": 3}
    vision = {"image_size": 32, "patch_size": 8}
    CLIPModel(
        CLIPConfig(text_config=text | WIDE, vision_config=vision | WIDE, projection_dim=24)
    ).save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    """SigLIP of 32 dimensions that sees 32 x 32 pixels."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(0)
    size = save_tokenizer(folder, length=64)
    text = {"vocab_size": size, "max_position_embeddings": 64, "pad_token_id": 0}
    vision = {"image_size": 32, "patch_size": 8}
    SiglipModel(SiglipConfig(text_config=text | WIDE, vision_config=vision | WIDE)).save_pretrained(
        folder
    )
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_clap(folder: Path) -> None:
    """CLAP of 24 dimensions that hears one second at 16 kHz."""
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    size = save_tokenizer(folder, length=64)
    audio = {
        "spec_size": 64, "num_mel_bins": 16, "window_size": 2, "patch_size": 4, "patch_stride": [4, 4],
        "hidden_size": 16, "patch_embeds_hidden_size": 8, "depths": [2, 2], "num_attention_heads": [2, 2],
        "num_classes": 8,
    }  # fmt: skip
    text = {"vocab_size": size, "max_position_embeddings": 66, "pad_token_id": 0}
    config = ClapConfig(text_config=text | WIDE, audio_config=audio, projection_dim=24)
    network = ClapModel(config)
    norm = network.audio_model.audio_encoder.batch_norm
    norm.running_mean.fill_(-40.0)  # decibels; without, sounds differ too little
    norm.running_var.fill_(900.0)
    network.save_pretrained(folder)
    ClapFeatureExtractor(
        feature_size=16, sampling_rate=16_000, hop_length=160, max_length_s=1, fft_window_size=512,
        frequency_max=8_000, truncation="rand_trunc",
    ).save_pretrained(folder)  # fmt: skip


def save_wav2vec2(folder: Path) -> None:
    """A speech network of 32 dimensions at 16 kHz."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        conv_dim=(16, 16, 16), conv_kernel=(10, 3, 3), conv_stride=(5, 4, 4), num_feat_extract_layers=3,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, **WIDE,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)


def save_ast(folder: Path) -> None:
    """An audio spectrogram transformer of 32 dimensions over one second."""
    import torch
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    torch.manual_seed(0)
    ASTModel(ASTConfig(max_length=100, num_mel_bins=32, **WIDE)).save_pretrained(folder)
    ASTFeatureExtractor(max_length=100, num_mel_bins=32).save_pretrained(folder)
