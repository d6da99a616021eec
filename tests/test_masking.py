"""What is masked: 15% of a sentence, 80-10-10, anew in every epoch; and the loss is a mean over just that."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer
from torch.testing import assert_close

from models.build import build_masked_lm
from models.errors import CheckpointError, DataError
from models.export import export_masked_lm
from models.sources import find_checkpoint
from tests.tiny import vocabulary
from train.data.controlled import load_controlled
from train.data.sentences import unique_sentences
from train.precision import choose_precision
from train.pretrain.masking import MaskedSentences, Sentences, encode_sentences, evaluate_masked

MASK, VOCABULARY = 4, 1_000


def made_up(count: int = 3_000) -> Sentences:
    """Sentences of 3 to 40 tokens, the first and the last of them special."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 41, (count,), generator=generator)
    starts = [0, *lengths.cumsum(0).tolist()]
    special = torch.zeros(starts[-1], dtype=torch.bool)
    special[torch.tensor(starts[:-1])] = special[torch.tensor(starts[1:]) - 1] = True
    ids = torch.randint(10, VOCABULARY, (starts[-1],), generator=generator)
    return Sentences(ids_S=ids, special_S=special, starts=starts, mask_id=MASK, vocab_size=VOCABULARY)


def test_each_sentence_has_its_share_masked_and_no_special_token() -> None:
    sentences = made_up()
    masked = sentences.masked(1, 0)
    spans = list(zip(sentences.starts, sentences.starts[1:], strict=False))
    assert masked.counts == [max(1, round(0.15 * (end - start))) for start, end in spans]
    assert masked.counts == [int(masked.masked_S[start:end].sum()) for start, end in spans]
    assert not (masked.masked_S & sentences.special_S).any()
    assert masked.targets([5, 2, 5]) == 2 * masked.counts[5] + masked.counts[2]


def test_every_place_is_masked_equally_often() -> None:
    """Sentences of one length: a place is chosen with probability 2 in 12, within 5 standard errors."""
    count, length = 4_000, 14
    special = torch.zeros(count, length, dtype=torch.bool)
    special[:, [0, -1]] = True
    ids = torch.full((count * length,), 9)
    starts = list(range(0, count * length + 1, length))
    masked = Sentences(ids_S=ids, special_S=special.flatten(), starts=starts, mask_id=MASK, vocab_size=VOCABULARY)
    share = masked.masked(0, 0).masked_S.view(count, length).double().mean(0)[1:-1]
    assert (share - 2 / 12).abs().max() < 5 * (2 / 12 * 10 / 12 / count) ** 0.5


def test_eighty_ten_ten() -> None:
    sentences = made_up()
    masked = sentences.masked(1, 0)
    chosen, shown, real = masked.masked_S, masked.shown_S, sentences.ids_S
    assert torch.equal(shown[~chosen], real[~chosen])
    n = int(chosen.sum())
    hidden, kept = (shown[chosen] == MASK).double().mean(), (shown[chosen] == real[chosen]).double().mean()
    for share, expected in ((hidden, 0.8), (kept, 0.1)):  # a random token is the real one once in 1,000
        assert abs(share - expected) < 5 * (expected * (1 - expected) / n) ** 0.5 + 0.1 / VOCABULARY
    replaced = shown[chosen & (shown != MASK) & (shown != real)].double()
    standard_error = VOCABULARY / 12**0.5 / len(replaced) ** 0.5
    assert abs(replaced.mean() - VOCABULARY / 2) < 5 * standard_error
    assert replaced.min() < 10 and replaced.max() > VOCABULARY - 20


def test_masks_follow_seed_and_epoch_alone() -> None:
    sentences = made_up()
    one, same, epoch, seed = (sentences.masked(*which) for which in ((1, 3), (1, 3), (1, 4), (2, 3)))
    assert torch.equal(one.shown_S, same.shown_S) and torch.equal(one.masked_S, same.masked_S)
    for other in (epoch, seed):
        both = (one.masked_S & other.masked_S).sum() / one.masked_S.sum()
        assert 0.1 < both < 0.25, "two independent choices of 15% share about 15%"


@pytest.fixture
def tiny(tiny_checkpoint: Path) -> tuple[MaskedSentences, Path]:
    texts = unique_sentences(load_controlled()["train"][:90])
    tokenizer = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    encoded = encode_sentences(tokenizer, texts, 12, find_checkpoint(str(tiny_checkpoint)).config)
    return encoded.masked(0, 2), tiny_checkpoint


def test_loss_and_accuracy_are_transformers(tiny: tuple[MaskedSentences, Path], tmp_path: Path) -> None:
    masked, folder = tiny
    ours = build_masked_lm(find_checkpoint(str(folder)).config, 0)
    export_masked_lm(ours, tmp_path / "export", None)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "export").eval()
    loss, right, count = 0.0, 0, 0
    for i in range(len(masked)):
        span = slice(*masked.sentences.starts[i : i + 2])
        labels = masked.sentences.ids_S[span].where(masked.masked_S[span], -100)
        with torch.inference_mode():
            found = theirs(input_ids=masked.shown_S[span][None], labels=labels[None])
        asked = labels != -100
        loss += float(found.loss) * int(asked.sum())
        right += int((found.logits[0].argmax(1) == labels)[asked].sum())
        count += int(asked.sum())
    figures = evaluate_masked(ours, masked, choose_precision("float32", torch.device("cpu")))
    assert figures.examples == count > len(masked)
    assert figures.loss == pytest.approx(loss / count, abs=1e-5)
    assert figures.accuracy == pytest.approx(right / count)


def test_logits_stand_in_the_order_of_the_sentences_asked_for(tiny: tuple[MaskedSentences, Path]) -> None:
    masked, folder = tiny
    model = build_masked_lm(find_checkpoint(str(folder)).config, 0).double().eval()
    cpu = torch.device("cpu")
    together, targets = masked.logits(model, [7, 0, 3], cpu)
    alone = [masked.logits(model, [i], cpu) for i in (7, 0, 3)]
    assert_close(together, torch.cat([logits for logits, _ in alone]), rtol=0, atol=1e-12)
    assert torch.equal(targets, torch.cat([ids for _, ids in alone]))


def test_sentences_are_encoded_by_themselves_and_cut(tiny_checkpoint: Path) -> None:
    checkpoint = find_checkpoint(str(tiny_checkpoint))
    tokenizer = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    word = next(word for word in vocabulary() if word.isalpha())
    found = encode_sentences(tokenizer, [f"{word} .", "\u200b", " ".join([word] * 30)], 8, checkpoint.config)
    assert found.lengths == [4, 8], "the second has no token of its own"
    unknown = vocabulary()[word]
    assert found.ids_S[:4].tolist() == [2, unknown, vocabulary()["."], 3]
    assert found.special_S[:4].tolist() == [True, False, False, True]


def test_a_tokenizer_without_a_mask_and_text_without_tokens_are_refused(tiny_checkpoint: Path) -> None:
    config = find_checkpoint(str(tiny_checkpoint)).config
    tokenizer = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    with pytest.raises(DataError, match="none of 1 sentences"):
        encode_sentences(tokenizer, ["\u200b"], 8, config)
    text = tokenizer.to_str().replace("[MASK]", "[OTHER]")
    with pytest.raises(CheckpointError, match=r"no \[MASK\]"):
        encode_sentences(Tokenizer.from_str(text), ["a"], 8, config)
