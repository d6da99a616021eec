"""The report's sections on what the probes found inside the models."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from analysis.records.inside import EARLY_STEPS, Inside, found_row, read_hypotheses
from analysis.records.reading import RecordError
from analysis.records.study import Study
from analysis.records.text import listing, number, rate_text, span
from analysis.tables.document import Block, Paragraph, Plot, Table

Row = Mapping[str, Any]
Cells = Mapping[str, Callable[[Row], str]]
"""Heading of a column -> what it shows of a row."""


def cells_of(*names: str) -> Cells:
    """Returns columns that show values as they are, each under its own name."""

    def shown(name: str) -> Callable[[Row], str]:
        return lambda row: str(row[name])

    return {name: shown(name) for name in names}


def rounded(heading: str, name: str, digits: int = 3) -> Cells:
    """Returns a column of numbers."""
    return {heading: lambda row: number(row[name], digits)}


def ends(digits: int = 3, over: str = "") -> Cells:
    """Returns the column of an interval."""
    return {f"95% interval{over}": lambda row: span(row["low"], row["high"], digits)}


def share_span(row: Row) -> str:
    """Returns the interval of a share, which is none beyond 0 and 1."""
    low, high = (min(max(row[end], 0.0), 1.0) for end in ("low", "high"))
    return span(low, high)


def table(inside: Inside, name: str, caption: str, cells: Cells) -> Table:
    """Returns a table of a record as one of the report."""
    rows = tuple(tuple(show(row) for show in cells.values()) for row in inside.tables[name])
    return Table(caption, tuple(cells), rows, inside.source)


def hypothesis_blocks(inside: Inside) -> list[Block]:
    """Returns the hypotheses of one probe with what was found, and how many of them held."""
    register, rows = read_hypotheses(), []
    for effect in inside.tables["effects"]:
        if effect["hypothesis"] not in register:
            raise RecordError(f"hypothesis {effect['hypothesis']} is not in analysis/probes/hypotheses.toml")
        rows.append(found_row(effect, register[effect["hypothesis"]]))
    if not rows:
        return []
    columns = ("hypothesis", "statement", "measure, expected", "found", "95% interval", "over", "verdict")
    verdicts = Counter(row[-1] for row in rows)
    decided = [f"{amount} {verdict}" for verdict in ("held", "refuted") if (amount := verdicts[verdict])]
    text = f"{listing(decided)} of {len(rows)}" if decided else "none of the measures exceeded its interval"
    caption = f"Hypotheses, registered as analysis/probes/hypotheses.toml dates them, each judged by itself: {text}"
    return [Table(caption, columns, tuple(rows), f"{inside.source}, analysis/probes/hypotheses.toml")]


def shortcut_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns whether the models infer or take shortcuts."""
    text = (
        f"{inside.examples['templates']:,} pairs from thirty templates: the hypothesis is made of the premise's words "
        "whether or not it follows. Contradiction and neutral count as one answer, so a coin has 0.5; intervals run "
        "over seeds and templates, as pairs of one template are much alike. And the test pairs with the premises of "
        "other pairs, with their sides swapped and with shuffled words, judged by the labels that they had. What is "
        "lost may be owed to what was destroyed, or to text unlike any in training; of swapped pairs only a "
        "contradiction is sure to keep its label. A model near chance has little to lose, so beside it stands the "
        "share of answers that stay. After McCoy, Pavlick and Linzen 2019 (HANS); our sentences."
    )
    accuracy = {**rounded("accuracy", "accuracy"), "95% interval, cut at 0 and 1": share_span}
    changed = {**cells_of("arm", "condition"), **accuracy, **rounded("share of answers as intact", "unchanged")}
    lead = {**cells_of("arm"), **rounded("ahead by", "lead"), **ends(), **cells_of("over")}
    ahead = "Accuracy on the test pairs, above that of a bag of words of the hypothesis from the arm's training pairs"
    return [
        Paragraph(text),
        plot,
        table(inside, "templates", "Templates", {**cells_of("arm", "shortcut", "gold"), **accuracy}),
        table(inside, "conditions", "Test pairs, changed", changed),
        table(inside, "leads", ahead, lead),
        *hypothesis_blocks(inside),
    ]


def layer_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns where in the models the task was learned."""
    text = (
        "Of the weights at the last step. Moved: distance between the weights before and after training, relative to "
        "their norm before; it grows with the learning rate, and each arm has its own. Rolled back: test accuracy, on "
        f"{inside.examples['rolled back']:,} pairs, lost when one part alone gets its initial weights back, and what "
        "accuracy is left: a model near 1/3 has little to lose. CKA: how alike two sets of vectors are up to rotation "
        f"and scale, 1 for the same; here means over a pair's tokens, of {inside.examples['compared']:,} pairs, by the "
        "estimator without bias (Nguyen, Raghu and Kornblith 2021, eq. 3), with intervals over batches of "
        f"{inside.examples['batch']} pairs."
    )
    moved = {**cells_of("arm", "seed", "part"), **rounded("moved", "moved"), **rounded("cosine", "cosine")}
    lost = {**cells_of("arm", "part"), **rounded("accuracy lost", "lost", 4), **ends(4), **cells_of("over")}
    left = rounded("accuracy left", "accuracy")
    alike = {**cells_of("what", "seed", "part"), **rounded("CKA", "cka"), **ends()}
    return [
        Paragraph(text),
        plot,
        table(inside, "movements", "How far each part moved", moved),
        table(inside, "rolled_back", "One part rolled back", {**lost, **left}),
        table(inside, "similarities", "Linear CKA", alike),
        *hypothesis_blocks(inside),
    ]


def landscape_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns what the loss looks like around the weights."""
    text = (
        f"Loss without dropout on the first {inside.examples['train']:,} training pairs.{plane_sentence(inside)} "
        "Flatness: how far one can go in a random direction, each row of it as long as the weights' own (Li et al. "
        f"2018), before the loss has risen by 0.1 nats; {inside.examples['directions']} directions, the same for all "
        "runs. Barrier: how far the loss rises above the straight line between two ends (Entezari et al. 2022). Seeds "
        "of pretrained start from the same encoder, those of scratch from different ones: less of a barrier between "
        "them may be owed to that alone."
    )
    flat = {**cells_of("arm"), **rounded("radius", "radius", 4), **ends(4, " over seeds and directions")}
    beyond = {"directions without a rise": lambda row: str(row["beyond"])}
    heights = {**cells_of("what", "seeds"), **rounded("barrier (nats)", "barrier")}
    barriers = [table(inside, "barriers", "Between two runs", heights)] if inside.tables["barriers"] else []
    return [
        Paragraph(text),
        plot,
        table(inside, "radii", "Flatness", {**flat, **beyond}),
        *barriers,
        *hypothesis_blocks(inside),
    ]


def plane_sentence(inside: Inside) -> str:
    """Returns what the planes are and how much of the paths they hold, where a path has one; after a space."""
    shares = {row["arm"]: row["share"] for row in inside.tables["paths"]}
    held = [f"{number(100 * share, 0)}% for {arm}" for arm, share in shares.items()]
    return (
        " The planes are those of the path's two principal directions, through its end (squared distances that they "
        f"hold: {listing(held)}); these are not normalised, or they would leave the path."
        if held
        else ""
    )


def gradient_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns how the gradient of each layer goes along training."""
    text = (
        "A run that stays on the ln 3 plateau can have gradients that fade on their way down (Mosbach, Andriushchenko "
        "and Klakow 2021); here is each part's gradient, as the runs recorded it, those that never left the plateau "
        "apart from the others."
    )
    cells = {**cells_of("arm", "seed"), **rounded("ln of lowest over highest layer's norm", "fading", 2), **LEFT}
    caption = f"Fading over the first {EARLY_STEPS} steps, and the plateau on the training probe"
    runs = table(inside, "runs", caption, cells)
    return [Paragraph(text), plot, runs, *hypothesis_blocks(inside), *fading_blocks(inside)]


LEFT: Cells = {
    "plateau left at step": lambda row: number(row["left"], 0) if math.isfinite(row["left"]) else "never",
}


def fading_blocks(inside: Inside) -> list[Block]:
    """Returns the gradient's fading step by step: a mean over early steps hides where its sign turns."""
    norms = {(row["arm"], row["step"], row["part"]): row["norm"] for row in inside.tables["norms"]}
    steps = sorted({step for _, step, _ in norms if step <= EARLY_STEPS})
    layers = sorted({part for *_, part in norms if part.startswith("layer ")}, key=lambda part: int(part.split()[1]))
    if not layers or not {"scratch", "pretrained"} <= {arm for arm, *_ in norms}:
        return []

    def fading(arm: str, step: int) -> float:
        low, high = (norms.get((arm, step, part), math.nan) for part in (layers[0], layers[-1]))
        return math.log(low / high) if low and high else math.nan

    told = [f"{number(fading('pretrained', step) - fading('scratch', step), 2)} at {step}" for step in steps]
    text = f"The same ln, pretrained minus scratch, step by step, mean over runs that left it: {listing(told)}."
    return [Paragraph(f"{text} Within these steps the pretrained arm may leave the plateau, and scratch not.")]


def phase_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns which scratch encoders come alive."""
    text = (
        "A run is alive once two evaluations of its training probe in a row lie below ln 3 - 0.05. The map is of "
        "train/studies/phase-map.toml."
    )
    setting = {
        **cells_of("layers"),
        "peak rate": lambda row: rate_text(row["rate"]),
        "warm-up": lambda row: f"{row['warmup']:g}",
        **cells_of("seed"),
    }
    cells = {**setting, **LEFT, **rounded("last training probe loss", "loss")}
    return [Paragraph(text), plot, table(inside, "runs", "Alive or dead", cells), *hypothesis_blocks(inside)]


def view_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns two looks at the models for a reader."""
    shares = {(row["arm"], row["when"]): row["share"] for row in inside.tables["points"]}
    held = [f"{number(100 * share, 0)}% for {arm} {when} training" for (arm, when), share in shares.items()]
    text = (
        "Above, how much of its attention the classification token gives to every token of one pair of ours, layer by "
        "layer, a mean over heads. Attention is not an explanation; it shows where vectors are mixed. Below, the "
        f"pooled vectors of {inside.examples['test']:,} test pairs in the plane in which they spread most (variance "
        f"that it holds: {listing(held)})."
    )
    return [Paragraph(text), plot]


SECTIONS: dict[str, tuple[str, Callable[[Inside, Plot], list[Block]]]] = {
    "shortcut": ("Inference or shortcut?", shortcut_blocks),
    "layers": ("Where was the task learned?", layer_blocks),
    "landscape": ("What does the loss look like around the weights?", landscape_blocks),
    "views": ("A look inside", view_blocks),
    "gradients": ("Where do gradients fade?", gradient_blocks),
    "phases": ("Which scratch encoders come alive?", phase_blocks),
}
"""Probe -> heading and blocks of its section; the probe's figure has its name."""


def origin(inside: Inside) -> list[Block]:
    """Returns whose runs were looked into, where they are not the report's own."""
    return [Paragraph(f"Looked into: the runs of results/{inside.study}.")] if inside.study else []


def inside_sections(study: Study, plots: Mapping[str, Plot]) -> dict[str, list[Block]]:
    """Returns heading -> blocks of every probe that the study, or one beside it, has a record of."""
    return {
        heading: [*origin(study.inside[name]), *blocks(study.inside[name], plots[name])]
        for name, (heading, blocks) in SECTIONS.items()
        if name in study.inside
    }
