"""The report's sections on what the probes found inside the models."""

import math
from collections.abc import Callable, Mapping
from statistics import fmean

from analysis.records.inside import EARLY_STEPS, Inside
from analysis.records.study import Study
from analysis.records.text import listing, number, rate_text, span
from analysis.report.inside_tables import Cells, cells_of, ends, hypothesis_blocks, rounded, share_span, table
from analysis.statistics.intervals import LN3
from analysis.tables.document import Block, Paragraph, Plot


def shortcut_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns whether the models infer or take shortcuts."""
    text = (
        f"{inside.examples['templates']:,} pairs from thirty templates: the hypothesis is made of the premise's words "
        "whether or not it follows. Contradiction and neutral count as one answer, so a coin has 0.5; intervals run "
        "over seeds and templates, as pairs of one template are much alike. And the test pairs with the premises of "
        "other pairs, with their sides swapped and with shuffled words, judged by the labels that they had. What is "
        "lost may be owed to what was destroyed, or to text unlike any in training; of swapped pairs only a "
        "contradiction is sure to keep its label. A model near chance has little to lose, so beside it stands the "
        "share of answers that stay. For S1 and S3 the templates count as one sample, though they are of kinds that "
        "differ by design: their intervals are wider than need be. After McCoy, Pavlick and Linzen 2019 (HANS); our "
        "sentences."
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
        f"Loss without dropout on the first {inside.examples['train']:,} training pairs, on the way from the initial "
        "weights to the last and around it (Hao et al. 2019; Li et al. 2018)."
    )
    flat = {**cells_of("arm"), **radius_cells(inside)}
    return [
        Paragraph(text),
        plot,
        *plane_blocks(inside),
        flatness_paragraph(inside),
        table(inside, "radii", "Flatness", flat),
        *barrier_blocks(inside),
        *hypothesis_blocks(inside),
    ]


def last_losses(inside: Inside) -> dict[str, float]:
    """Returns arm -> loss at its last weights, mean over runs, in nats."""
    last = [row for row in inside.tables["lines"] if row["at"] == 1]
    return {arm: fmean(row["loss"] for row in last if row["arm"] == arm) for arm in inside.arms("lines")}


def radius_cells(inside: Inside) -> Cells:
    """Returns the columns of a radius; where a search ended without a rise, it is a least one and has no interval."""
    losses = last_losses(inside)
    interval = ends(4)["95% interval"]
    return {
        "loss at the last weights": lambda row: number(losses[row["arm"]]),
        "radius": lambda row: f"{'at least ' * bool(row['beyond'])}{number(row['radius'], 4)}",
        "95% interval": lambda row: "n/a" if row["beyond"] else interval(row),
        "searches without a rise": lambda row: str(row["beyond"]),
        "over": lambda row: row["over"].replace("items", "directions"),
    }


def flatness_paragraph(inside: Inside) -> Paragraph:
    """Returns what a radius is, and what else than flatness may make it longer."""
    return Paragraph(
        "Flatness: how far one can go from the last weights in a random direction before the loss has risen by 0.1 "
        f"nats; {inside.examples['directions']} directions, the same for all runs. A radius of 0.2 changes each row of "
        "each matrix by a fifth of its length, and biases and norms not at all (filter-normalised, Li et al. 2018). "
        "Arms differ in rate and in the loss that they end with, too, and either may change a radius; one that has "
        "learned nothing is flat."
    )


def barrier_blocks(inside: Inside) -> list[Block]:
    """Returns what a barrier is and does not show, and all that were measured."""
    heights = {**cells_of("what", "seeds"), **rounded("barrier (nats)", "barrier")}
    risen = [f"{number(LN3 - loss, 2)} nats above {arm}'s" for arm, loss in last_losses(inside).items()]
    points = len({row["at"] for row in inside.tables["between"]})
    text = (
        "Barrier: the most that the loss rises above the straight line between two ends (Entezari et al. 2022), at "
        f"{points} points from the run that is named first. Two networks may compute the same and yet lie apart, "
        "their units in another order: a barrier is no proof that they learned something else. Seeds of pretrained "
        "start from the same encoder, those of scratch from different ones: less of a barrier may be owed to that "
        f"alone. And an arm that ends lower has further to rise: ln 3 is {listing(risen)} last loss."
    )
    between = table(inside, "barriers", "Between two runs", heights)
    return [Paragraph(text), between] if inside.tables["barriers"] else []


def plane_blocks(inside: Inside) -> list[Block]:
    """Returns what the planes are and how much of the paths they hold, where a path has one."""
    shares = {row["arm"]: row["share"] for row in inside.tables["paths"]}
    held = [f"{number(100 * share, 0)}% for {arm}" for arm, share in shares.items()]
    text = (
        "The planes are those of the two principal directions of the path of an arm's first seed, through its end. "
        "They are not normalised filter by filter, or they would leave the path. Squared distances that they hold: "
        f"{listing(held)}; a random walk's plane holds most of them, too (Antognini and Sohl-Dickstein 2018). Beside "
        "its end a path lies near its plane, not in it: the loss on it may differ from that below it."
    )
    return [Paragraph(text)] if held else []


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
    "plateau left at step": lambda row: number(row["left"], 0) if math.isfinite(row["left"]) else "not in the run",
}


def fading_blocks(inside: Inside) -> list[Block]:
    """Returns the gradient's fading step by step: a mean over early steps hides where its sign turns."""
    norms = {(row["arm"], row["step"], row["part"]): row["norm"] for row in inside.tables["norms"]}
    steps = sorted({step for _, step, _ in norms if step <= EARLY_STEPS})
    layers = sorted({part for *_, part in norms if part.startswith("layer ")}, key=lambda part: int(part.split()[1]))
    if not layers or not steps or not {"scratch", "pretrained"} <= {arm for arm, *_ in norms}:
        return []

    def fading(arm: str, step: int) -> float:
        low, high = (norms.get((arm, step, part), math.nan) for part in (layers[0], layers[-1]))
        return math.log(low / high) if low and high else math.nan

    gaps = {step: fading("pretrained", step) - fading("scratch", step) for step in steps}
    told = listing([f"{number(gap, 2)} at {step}" for step, gap in gaps.items()])
    text = f"That logarithm at single steps, pretrained minus scratch, mean over runs that left the plateau: {told}."
    return [Paragraph(f"{text}{turning_sentence(gaps)}{leaving_sentence(inside)}")]


def turning_sentence(gaps: Mapping[int, float]) -> str:
    """Says at which steps a gap has another sign than its mean, on which a hypothesis is judged."""
    mean = fmean(gaps.values())
    turned = [str(step) for step, gap in gaps.items() if gap * mean < 0]
    return f" At {listing(turned)} its sign is not that of the mean, on which G2 is judged." if turned else ""


def leaving_sentence(inside: Inside) -> str:
    """Says when the pretrained runs left the plateau, beside which an early gap has to be read."""
    left = [row["left"] for row in inside.tables["runs"] if row["arm"] == "pretrained" and math.isfinite(row["left"])]
    ends = span(min(left), max(left), 0) if left else ""
    return f" On the training probe pretrained left the plateau at steps {ends}." if left else ""


def phase_blocks(inside: Inside, plot: Plot) -> list[Block]:
    """Returns which scratch encoders come alive."""
    steps = listing([f"{count:,}" for count in sorted({row["steps"] for row in inside.tables["runs"]})])
    text = (
        "A uniform guess has a loss of ln 3. A run is alive once two evaluations in a row are more than 0.05 below it "
        "on its training probe, a fixed sample of training pairs, without dropout: so memorising counts, and so does a "
        f"run that comes back up later. The others may be dead, or slower than their {steps} steps. Warm-up is the "
        "share of the steps over which the rate rises to its peak. All runs of one seed share initial weights and "
        "batches as far as their shapes allow, so settings are not independent trials. The map is of "
        "train/studies/phase-map.toml."
    )
    setting = {
        **cells_of("layers"),
        "peak rate": lambda row: rate_text(row["rate"]),
        "warm-up": lambda row: f"{row['warmup']:g}",
        **cells_of("seed"),
    }
    cells = {**setting, **cells_of("steps"), **LEFT, **rounded("last training probe loss", "loss")}
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
