"""Maps which runs leave the ln 3 plateau by depth, rate and warm-up, and writes probes/phases.json into their study.

From records alone; the runs are those of train/studies/phase-map.toml.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from analysis.probes.command import Subjects, look, open_subjects, parser, plateau_left, test_hash
from analysis.records.runs import Run
from analysis.records.text import count
from analysis.statistics.exact import exact_share
from models.errors import UserError
from train.guard import guard


def row_of(run: Run) -> dict[str, Any]:
    """Returns where on the map a run stands, when it left the plateau (None: never), and its last loss."""
    curve, left = run.evaluations.get("probe_train"), plateau_left(run)
    return {
        "layers": int(run.config["encoder"]["num_hidden_layers"]),
        "rate": run.learning_rate,
        "warmup": float(run.config["optim"]["warmup"]),
        "seed": run.seed,
        "steps": int(run.config["plan"]["steps"]),
        "left": left if math.isfinite(left) else None,
        "loss": float(curve["loss"][-1]) if curve else None,
    }


def effects(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns whether the deepest encoders die more often, by the settings in which they and the shallowest differ."""
    alive: dict[int, dict[tuple[Any, ...], bool]] = {}
    for row in rows:
        alive.setdefault(row["layers"], {})[row["rate"], row["warmup"], row["seed"]] = row["left"] is not None
    deep, shallow = alive[max(alive)], alive[min(alive)]
    both = sorted(deep.keys() & shallow.keys())
    if len(alive) < 2 or not both:
        return []
    differing = [deep[setting] for setting in both if deep[setting] != shallow[setting]]
    if not differing:
        return []
    low, high = exact_share(sum(differing), len(differing))
    found = {"difference": fmean(differing) - 0.5, "low": low - 0.5, "high": high - 0.5}
    seeds, over = len({seed for *_, seed in both}), count(len(differing), "setting")
    return [{"hypothesis": "P1", **found, "seeds": seeds, "over": over}]


def measure(subjects: Subjects) -> dict[str, Any]:
    """Returns the record.

    Raises:
        UserError: a run is not of the scratch arm.
    """
    if others := sorted({run.init for run in subjects.paths} - {"scratch"}):
        raise UserError(f"the map is of scratch encoders, and of these runs some are {', '.join(others)}")
    rows = sorted((row_of(run) for run in subjects.paths), key=lambda row: tuple(map(float, list(row.values())[:4])))
    return {"data_sha256": {"test": test_hash(subjects)}, "examples": {}, "runs": rows, "effects": effects(rows)}


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes probes/phases.json."""
    asked = parser("phases", __doc__).parse_args(arguments)
    look(asked, "phases", lambda: measure(open_subjects(asked.runs, lambda _: True, "records", every_run=True)))


if __name__ == "__main__":
    sys.exit(main())
