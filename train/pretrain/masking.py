"""Sentences as token ids, and which of their tokens a masked language model has to guess.

Shape suffixes: N sentences, S tokens of all sentences, T tokens of a batch, B sentences of a batch, M masked tokens,
V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.config import EncoderConfig
from models.errors import CheckpointError, DataError
from models.initialise import random_stream
from models.masked_lm import MaskedLanguageModel
from models.tokenizer_file import SPECIAL_TOKENS
from train.data.encode import move, pack
from train.evaluate import Figures, evaluating, run_batches
from train.precision import Precision

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MASKED_SHARE = 0.15
"""Share of a sentence's tokens, special ones counted, that are to be guessed: at least one."""
HIDDEN, REPLACED = 0.8, 0.1
"""Of those: shown as the mask token, shown as a random token; the rest is shown as it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sentences:
    """All sentences of a split as token ids, end to end."""

    ids_S: Tensor
    special_S: Tensor
    """True for [CLS], [SEP] and their like, which are never masked."""
    starts: list[int]
    """N + 1 offsets into the tokens."""
    mask_id: int
    vocab_size: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of every sentence."""
        return [end - start for start, end in pairwise(self.starts)]

    def masked(self, seed: int, epoch: int) -> MaskedSentences:
        """What the model sees in an epoch: a function of seed, epoch and each token's place, so nothing is replayed.

        Source: Devlin et al. 2018, sec. 3.1 and A.1; google-research/bert, create_pretraining_data.py,
        `create_masked_lm_predictions`, for the number in a sentence. Liu et al. 2019, sec. 4.1: anew in every epoch.
        """
        stream = random_stream(seed, f"masking {epoch}")
        size = len(self.ids_S)
        order_S, action_S = torch.rand(size, generator=stream), torch.rand(size, generator=stream)
        random_S = torch.randint(self.vocab_size, (size,), generator=stream)
        masked_S = self._choose(order_S)
        shown_S = self.ids_S.clone()
        shown_S[masked_S & (action_S < HIDDEN)] = self.mask_id
        replaced_S = masked_S & (action_S >= HIDDEN) & (action_S < HIDDEN + REPLACED)
        shown_S[replaced_S] = random_S[replaced_S]
        return MaskedSentences(sentences=self, shown_S=shown_S, masked_S=masked_S)

    def _choose(self, order_S: Tensor) -> Tensor:
        """True for the first tokens of each sentence in the given random order, as many as are to be guessed."""
        lengths_N = torch.tensor(self.lengths)
        sentence_S = torch.arange(len(self)).repeat_interleave(lengths_N)
        by_sentence = (order_S.numpy(), self.special_S.numpy(), sentence_S.numpy())  # the last one counts first
        sorted_S = torch.from_numpy(np.lexsort(by_sentence))
        rank_S = torch.empty_like(sorted_S)
        rank_S[sorted_S] = torch.arange(len(sorted_S)) - torch.tensor(self.starts[:-1])[sentence_S]
        wanted_N = (lengths_N.double() * MASKED_SHARE).round().clamp(min=1)
        return (rank_S < wanted_N[sentence_S]) & ~self.special_S


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskedSentences:
    """Sentences with the masks of one epoch."""

    sentences: Sentences
    shown_S: Tensor
    """What the model sees."""
    masked_S: Tensor
    """True where it has to say what stood there."""

    @cached_property
    def counts(self) -> list[int]:
        """Masked tokens of every sentence."""
        before_S = F.pad(self.masked_S.cumsum(0), (1, 0))
        return before_S[torch.tensor(self.sentences.starts)].diff().tolist()

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def lengths(self) -> list[int]:
        """Tokens of every sentence."""
        return self.sentences.lengths

    def targets(self, indices: list[int]) -> int:
        """Masked tokens of these sentences."""
        return sum(self.counts[index] for index in indices)

    def logits(self, model: MaskedLanguageModel, indices: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Logits (M, V) of the masked tokens of these sentences, one after the other, and what stood there (M,)."""
        starts = self.sentences.starts
        spans = [slice(starts[index], starts[index + 1]) for index in indices]
        shown = [self.shown_S[span] for span in spans]
        batch = pack(shown, [torch.zeros_like(ids) for ids in shown], device)
        rows_M = torch.cat([self.masked_S[span] for span in spans]).nonzero().squeeze(1)
        ids_T = torch.cat([self.sentences.ids_S[span] for span in spans])
        return model.predict(batch, move(rows_M, device)), move(ids_T[rows_M], device)


def encode_sentences(
    tokenizer: Tokenizer, sentences: Sequence[str], max_tokens: int, config: EncoderConfig
) -> Sentences:
    """Encode every sentence by itself, truncated to `max_tokens`; one without a token to mask is left out.

    Raises:
        CheckpointError: the tokenizer has no mask token.
        DataError: no sentence is left.
    """
    mask_token = SPECIAL_TOKENS[config.family]["mask_token"]
    mask_id = tokenizer.token_to_id(mask_token)
    if mask_id is None:
        raise CheckpointError(f"the tokenizer has no {mask_token}, without which no token can be hidden")
    tokenizer.enable_truncation(max_tokens)
    encodings = [e for e in tokenizer.encode_batch(list(sentences)) if not all(e.special_tokens_mask)]
    tokenizer.no_truncation()
    if not encodings:
        raise DataError(f"none of {len(sentences)} sentences has a token in the vocabulary")
    ids = [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]
    special = [np.asarray(encoding.special_tokens_mask, dtype=bool) for encoding in encodings]
    return Sentences(
        ids_S=torch.from_numpy(np.concatenate(ids)),
        special_S=torch.from_numpy(np.concatenate(special)),
        starts=[0, *np.cumsum([len(i) for i in ids]).tolist()],
        mask_id=mask_id,
        vocab_size=config.vocab_size,
    )


def evaluate_masked(model: MaskedLanguageModel, sentences: MaskedSentences, precision: Precision) -> Figures:
    """Loss and accuracy over all masked tokens."""

    def ask(part: list[int]) -> Tensor:
        logits_MV, targets_M = sentences.logits(model, part, precision.device)
        nll_M = F.cross_entropy(logits_MV.float(), targets_M, reduction="none")
        right_M = (logits_MV.argmax(1) == targets_M).float()
        owner_M = torch.arange(len(part)).repeat_interleave(torch.tensor([sentences.counts[i] for i in part]))
        sums_B2 = torch.zeros(len(part), 2, device=precision.device)
        return sums_B2.index_add_(0, owner_M.to(precision.device), torch.stack([nll_M, right_M], 1))

    everything = list(range(len(sentences)))
    with evaluating(model):
        loss, right = run_batches(sentences, everything, precision, ask).double().sum(0).tolist()
    targets = sentences.targets(everything)
    return Figures(loss=loss / targets, accuracy=right / targets, examples=targets)
