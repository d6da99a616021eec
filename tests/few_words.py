"""Tokenizers of the kinds that checkpoints have, with a dozen words each."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers import models as token_models


def word_pieces() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "on", "mat", ".", "not"]
    tokenizer = Tokenizer(token_models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(words[:5])
    return tokenizer


def byte_pairs() -> Tokenizer:
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"catsonhem.Ġ", "at", "cat", "Ġthe", "Ġt", "he"]
    vocabulary = {word: i for i, word in enumerate(words)}
    merges = [("a", "t"), ("c", "at")]
    tokenizer = Tokenizer(token_models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens(words[:5])
    return tokenizer
