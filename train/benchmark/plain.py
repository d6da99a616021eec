"""`train.run` with the plain path in the place of the fast one, for `train.benchmark --agreement`.

The plain path is what a textbook would write: the library's dropout, all rows of the last layer, padded attention in
plain operations, batches never split. There is no second copy of the model.
"""

from __future__ import annotations

import math
import sys
from unittest.mock import patch

from torch import Tensor
from torch.nn import functional as F

from models.batch import Group, TokenBatch
from models.dropout import Dropout
from models.encoder import Encoder, SelfAttention
from train.run import main


def textbook_attention(module: SelfAttention, x_TD: Tensor, batch: TokenBatch, first_only: bool = False) -> Tensor:
    """`SelfAttention.forward` for all tokens, line by line as in Vaswani et al. 2017, eq. 1: one product a map."""
    assert not first_only, "the plain path asks for all rows of the last layer"
    (group,) = batch.groups
    query_BHLK, key_BHLK, value_BHLK = (
        lay_out(each(x_TD), group, module.heads) for each in (module.query, module.key, module.value)
    )
    scores_BHLL = query_BHLK @ key_BHLK.transpose(-1, -2) / query_BHLK.shape[-1] ** 0.5
    weights_BHLL = scores_BHLL.masked_fill(~group.real_BL[:, None, None], float("-inf")).softmax(-1)
    mixed_BLD = (module.dropout(weights_BHLL) @ value_BHLK).transpose(1, 2).flatten(2)
    return module.output(mixed_BLD.flatten(0, 1).index_select(0, group.slots_T))


def lay_out(x_TD: Tensor, group: Group, heads: int) -> Tensor:
    """Packed rows as (B, H, L, K), with zeros in the pads."""
    B, L = group.real_BL.shape
    padded = x_TD.new_zeros(B * L, x_TD.shape[1]).index_copy(0, group.slots_T, x_TD)
    return padded.view(B, L, heads, -1).transpose(1, 2)


def library_dropout(module: Dropout, x: Tensor) -> Tensor:
    """One Bernoulli draw for each entry, from torch's global stream."""
    return F.dropout(x, module.p, module.training)


def all_rows(module: Encoder, batch: TokenBatch) -> Tensor:
    """Every row of the last layer, of which the first of each sequence is then taken."""
    return module(batch).index_select(0, batch.first_B)


PLAIN: dict[str, object] = {
    "models.batch.LIKE": math.inf,
    "models.encoder.SelfAttention.forward": textbook_attention,
    "models.dropout.Dropout.forward": library_dropout,
    "models.encoder.Encoder.classification_vectors": all_rows,
    "train.loop.CPU_TOKENS": sys.maxsize,
}
"""What the plain path puts in the place of what."""


def make_plain() -> None:
    """From here on this process takes the plain path."""
    for name, plain in PLAIN.items():
        patch(name, plain).start()


if __name__ == "__main__":
    make_plain()
    sys.exit(main())
