"""One record of every probe, of numbers that are easy to find in a report."""

from typing import Any

SPREAD = {"low": 0.1234, "high": 0.2345, "seeds": 2, "over": "seeds and items"}
PARTS = ("embeddings", "layer 1", "layer 2", "pooler", "head")
ARMS = ("scratch", "pretrained")
RECORDS: dict[str, dict[str, Any]] = {
    "shortcut": {
        "examples": {"test": 2_000, "templates": 3_000},
        "templates": [
            {"arm": arm, "shortcut": shortcut, "gold": gold, "accuracy": 0.1789, **SPREAD}
            for arm in ARMS
            for shortcut in ("lexical overlap", "subsequence", "constituent")
            for gold in ("entailed", "not entailed")
        ],
        "conditions": [
            {"arm": arm, "condition": condition, "accuracy": 0.1987, "unchanged": 0.4321, **SPREAD}
            for arm in ARMS
            for condition in ("intact", "sides swapped")
        ],
        "leads": [{"arm": arm, "lead": 0.0871, **SPREAD} for arm in ARMS],
        "effects": [
            {"hypothesis": "S1", "difference": 0.17, **SPREAD},
            {"hypothesis": "S2", "difference": 0.17, **SPREAD},
            {"hypothesis": "S3", "difference": 0.17, **SPREAD, "low": -0.1},
        ],
    },
    "layers": {
        "examples": {"rolled back": 2_000, "compared": 1_000, "batch": 100},
        "movements": [
            {"arm": arm, "seed": seed, "part": part, "moved": 0.3579, "cosine": None}
            for arm in ARMS
            for seed in (0, 1)
            for part in (*PARTS, "encoder")
        ],
        "rolled_back": [
            {"arm": arm, "part": part, "lost": 0.0246, "accuracy": 0.5791, **SPREAD} for arm in ARMS for part in PARTS
        ],
        "similarities": [
            {"what": what, "seed": seed, "part": part, "cka": 0.8642, **SPREAD}
            for what in ("pretrained, before and after", "pretrained and scratch, after")
            for seed in (0, 1)
            for part in PARTS[:3]
        ],
        "effects": [{"hypothesis": "L1", "difference": -0.2, **SPREAD, "low": None, "high": None}],
    },
    "landscape": {
        "examples": {"train": 512, "directions": 5},
        "lines": [
            {"arm": arm, "seed": seed, "at": at, "loss": 1.1 - at}
            for arm in ARMS
            for seed in (0, 1)
            for at in (0.0, 0.5, 1.0)
        ],
        "planes": [
            {"arm": arm, "seed": 0, "x": x, "y": y, "loss": None if x == 2.0 == 2 * y else 0.1 * x + y * y}
            for arm in ARMS
            for x in (-1.0, 0.0, 2.0)
            for y in (-1.0, 0.0, 1.0)
        ],
        "paths": [{"arm": arm, "seed": 0, "x": x, "y": 0.0, "share": 0.9753} for arm in ARMS for x in (1.5, 0.5, 0.0)],
        "radii": [{"arm": arm, "radius": 0.2013, "beyond": 7, **SPREAD} for arm in ARMS],
        "between": [{"what": "scratch, seeds", "seeds": "0 and 1", "at": at, "loss": 0.5} for at in (0.0, 0.5, 1.0)],
        "barriers": [{"what": "scratch, seeds", "seeds": "0 and 1", "barrier": 0.7531}],
        "effects": [{"hypothesis": "F1", "difference": 0.2, **SPREAD}],
    },
    "views": {
        "examples": {"test": 3},
        "attention": [
            {"arm": arm, "layer": layer, "place": place, "token": token, "share": 0.5}
            for arm in ARMS
            for layer in (1, 2)
            for place, token in enumerate(("[CLS]", "<b>", "$x_"))
        ],
        "points": [
            {"arm": arm, "when": when, "label": label, "x": 0.5, "y": 0.1, "share": 0.8765}
            for arm in ARMS
            for when in ("before", "after")
            for label in ("entailment", "contradiction", "neutral")
        ],
        "effects": [],
    },
    "gradients": {
        "examples": {},
        "norms": [
            {"arm": arm, "step": step, "part": part, "norm": 0.1 + step}
            for arm in ARMS
            for step in (20, 40)
            for part in PARTS
        ],
        "runs": [{"arm": arm, "seed": 0, "fading": -0.6123, "left": None} for arm in ARMS],
        "effects": [{"hypothesis": "G1", "difference": 0.2, **SPREAD}],
    },
    "phases": {
        "examples": {},
        "runs": [
            {"layers": layers, "rate": rate, "warmup": 0.1, "seed": 0, "steps": 504, "left": left, "loss": 1.0471}
            for layers in (2, 12)
            for rate, left in ((1e-4, None), (3e-4, 321))
        ],
        "effects": [{"hypothesis": "P1", "difference": 0.2, **SPREAD}],
    },
}
