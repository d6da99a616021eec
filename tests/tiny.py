"""A checkpoint small enough to train in a second, made here: random weights, words of the built-in corpus."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.export import export_checkpoint
from models.initialise import initialise_, random_stream
from train.data.controlled import load_controlled
from train.data.pairs import LABELS

SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.3,
}
"""Weights this large let so small a model move away from ln 3 within a dozen steps."""


@cache
def vocabulary() -> dict[str, int]:
    """The special tokens and every word of the built-in corpus."""
    examples = [example for split in load_controlled().values() for example in split]
    words = {w for e in examples for w in f"{e.premise} {e.hypothesis}".lower().replace(".", " .").split()}
    return {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(words)])}


def save_tokenizer(path: Path) -> Path:
    """A WordPiece tokenizer.json of whole words, with padding baked in as MiniLM's has it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(vocabulary(), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(path))
    return path


def save_tiny_checkpoint(folder: Path, **changes: int | float) -> Path:
    """A folder that `--checkpoint` takes; returns it."""
    config = EncoderConfig(vocab_size=len(vocabulary()), max_position_embeddings=64, **(SHAPE | changes))  # type: ignore[arg-type]
    model = SequenceClassifier(config)
    initialise_(model, random_stream(1, "tiny checkpoint"), config.initializer_range)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = save_tokenizer(folder.parent / f"{folder.name}-tokenizer.json")
    export_checkpoint(model, folder, LABELS, tokenizer)
    return folder
