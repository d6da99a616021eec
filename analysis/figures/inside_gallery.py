"""The figures of what the probes found, with the words that go with them."""

import math
from collections.abc import Callable

from matplotlib.figure import Figure

from analysis.figures import inside_figures, map_figures
from analysis.figures.picture import Picture
from analysis.records.inside import Inside
from analysis.records.study import Study
from analysis.records.text import listing, number


def inside(probe: str, draw: Callable[[Inside], Figure]) -> Callable[[Study], Figure | None]:
    """Returns how a probe's figure is drawn, where the study has its record."""
    return lambda study: draw(study.inside[probe]) if probe in study.inside else None


def source(probe: str) -> Callable[[Study], str]:
    """Returns where the record of a probe lies, as seen from the report."""
    return lambda study: study.inside[probe].source


def shortcut_alt(study: Study) -> str:
    rows = study.inside["shortcut"].tables["templates"]
    parts = [f"{row['arm']}, {row['shortcut']}, {row['gold']} {number(row['accuracy'], 2)}" for row in rows]
    return f"Accuracy on overlap templates and on changed test pairs, by arm. Templates: {'; '.join(parts)}."


def layers_alt(study: Study) -> str:
    rows = study.inside["layers"].tables["rolled_back"]
    parts = [f"{row['arm']}, {row['part']} {number(row['lost'])}" for row in rows]
    return f"How far each part moved, what rolling it back costs, and linear CKA. Accuracy lost: {'; '.join(parts)}."


def landscape_alt(study: Study) -> str:
    rows = study.inside["landscape"].tables["radii"]
    parts = [f"{row['arm']} {number(row['radius'])}" for row in rows]
    return f"Training loss along lines and in planes of weights. Radius at which it rises by 0.1: {listing(parts)}."


def views_alt(study: Study) -> str:
    points = study.inside["views"].tables["points"]
    arms = listing(list(dict.fromkeys(row["arm"] for row in points)))
    return f"Attention by layer and token, and two principal components of pooled vectors by label: {arms}."


def gradients_alt(study: Study) -> str:
    arms = study.inside["gradients"].arms("norms")
    return f"Gradient norm of every part along training, one panel for each arm: {listing(arms)}."


def phases_alt(study: Study) -> str:
    rows = study.inside["phases"].tables["runs"]
    left = sum(math.isfinite(row["left"]) for row in rows)
    return f"Which runs leave the ln 3 plateau, by depth, rate and warm-up: {left} of {len(rows)} do."


INSIDE: dict[str, Picture[Study]] = {
    "shortcut": Picture(
        draw=inside("shortcut", inside_figures.shortcut),
        alt=shortcut_alt,
        source=source("shortcut"),
        caption="Diamond: mean over seeds with its 95% interval, over seeds and templates on the left, over seeds and "
        "test pairs on the right.",
    ),
    "layers": Picture(
        draw=inside("layers", inside_figures.layers),
        alt=layers_alt,
        source=source("layers"),
        caption="Thin lines are seeds, the thick line their mean. Diamond: mean over seeds with its 95% interval over "
        "seeds and test pairs. Dark: the two arms with each other, dashed before training.",
    ),
    "landscape": Picture(
        draw=inside("landscape", map_figures.landscape),
        alt=landscape_alt,
        source=source("landscape"),
        caption="One line for each seed or pair of seeds. Below, the first seed of each arm: darker is higher, axes "
        "have their own scales, and the path runs from the hollow mark, the initial weights, to the filled one.",
    ),
    "views": Picture(
        draw=inside("views", inside_figures.views),
        alt=views_alt,
        source=source("views"),
        caption="Attention: darker is more; layers from below. Dots: test pairs by gold label, axes of each panel its "
        "own.",
    ),
    "gradients": Picture(
        draw=inside("gradients", inside_figures.gradients),
        alt=gradients_alt,
        source=source("gradients"),
        caption="2-norm of the gradient of each part before clipping, every 20 steps, geometric mean over seeds. "
        "Layers run from light (the lowest) to dark (the highest); embeddings, pooler and head are dashed.",
    ),
    "phases": Picture(
        draw=inside("phases", map_figures.phases),
        alt=phases_alt,
        source=source("phases"),
        caption="One panel for each depth. In a cell the step at which the training probe left the plateau, mean over "
        "seeds that did, or that it did not; the more colour, the larger the share of seeds that did.",
    ),
}
"""By the probe's name."""
