"""A checkpoint's tokenizer.json: opened with checks, and written beside an exported model."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

from models.config import EncoderConfig
from models.errors import CheckpointError
from models.weights_file import printable

_BERT_TOKENS = {
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}
_ROBERTA_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
SPECIAL_TOKENS = {"bert": _BERT_TOKENS, "distilbert": _BERT_TOKENS, "roberta": _ROBERTA_TOKENS}


def open_tokenizer(path: Path, config: EncoderConfig) -> Tokenizer:
    """The tokenizer without the truncation and padding that some files bake in.

    Raises:
        CheckpointError: the file cannot be read or has components this version of `tokenizers` does not know, or an
            id it can produce has no row in the word table.
    """
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))  # from_file takes paths for UTF-8
    except Exception as error:  # the library raises nothing more special
        raise CheckpointError(f"{path}: not a usable tokenizer.json ({printable(str(error))})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = (*tokenizer.get_vocab(with_added_tokens=True).values(), *tokenizer.encode("", "").ids)
    if max(ids, default=0) >= config.vocab_size:
        raise CheckpointError(
            f"{path}: gives ids up to {max(ids)}, but config.json's vocab_size is {config.vocab_size}"
        )
    return tokenizer


def export_tokenizer(path: Path, folder: Path, config: EncoderConfig) -> None:
    """Write tokenizer.json and tokenizer_config.json into `folder`, for transformers' AutoTokenizer.

    Raises:
        CheckpointError: as `open_tokenizer`.
    """
    tokenizer = open_tokenizer(path, config)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.max_tokens,
        "model_input_names": inputs if config.family == "bert" else [inputs[0], inputs[2]],
        # a token that is not in the vocabulary would be added to it
        **{
            role: token
            for role, token in SPECIAL_TOKENS[config.family].items()
            if tokenizer.token_to_id(token) is not None
        },
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
