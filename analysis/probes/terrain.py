"""The loss on some pairs at any weights; what was asked is kept in a folder, so that an interruption loses little."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.nn.functional import cross_entropy

from analysis.probes.surface import Tensors
from analysis.probes.weights import Reader
from analysis.statistics.paired import Array
from models.files import replaced_file
from train.certificate import tensors_hash
from train.config import NUMERICS_VERSION
from train.data.pairs import Example, content_hash
from train.evaluate import evaluate
from train.progress import EVERY, duration, say


class Terrain:
    """A model of the runs' shape, asked for its loss on the same pairs with whatever weights."""

    def __init__(self, reader: Reader, pairs: Sequence[Example], folder: Path, expected: int) -> None:
        """Opens, or makes, the folder of what was asked.

        Args:
            folder: holds what was asked of these pairs and of others.
            expected: about how often it will be asked, for the time left.

        Raises:
            OSError: the folder cannot be made.
        """
        self.reader, self.encoded = reader, reader.encode(pairs)
        read_as = (content_hash(pairs), reader.max_tokens, reader.hide, reader.precision.name, NUMERICS_VERSION)
        self.folder = folder / hashlib.sha256(repr(read_as).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.expected, self.asked, self.computed = expected, 0, 0
        self.began = self.said = time.monotonic()

    def losses(self, weights: Tensors) -> Array:
        """Returns the cross entropy of each pair in nats, `(I,)`."""
        path = self.folder / f"{tensors_hash(weights)}.npy"
        self.asked += 1
        if not path.exists():
            found = evaluate(self.reader.fill(weights).model, self.encoded, self.reader.precision)
            each = cross_entropy(found.logits_NC.double(), self.encoded.labels_N, reduction="none")
            with replaced_file(path) as fresh:
                np.save(fresh, each.numpy(), allow_pickle=False)
            self.computed += 1
            self.tell()
        kept: Array = np.load(path, allow_pickle=False)
        return kept

    def loss(self, weights: Tensors) -> float:
        """Returns the mean cross entropy in nats."""
        return float(self.losses(weights).mean())

    def tell(self) -> None:
        """Says every 30 seconds how far it is."""
        now = time.monotonic()
        if now - self.said >= EVERY:
            self.said = now
            left = max(0, self.expected - self.asked) * (now - self.began) / self.computed
            say(f"landscape: {self.asked} of about {self.expected} losses, about {duration(left)} left")
