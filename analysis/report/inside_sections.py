"""The report's sections on what the probes found inside the models."""

import math
from collections import Counter
from collections.abc import Callable, Mapping

from analysis.records.inside import EARLY_STEPS, Inside, found_row, read_hypotheses
from analysis.records.reading import RecordError
from analysis.records.study import Study
from analysis.records.text import listing, number, rate_text, span
from analysis.tables.document import Block, Paragraph, Plot, Table


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
    caption = f"Hypotheses, written down before any probe was run, each judged by itself: {text}"
    return [Table(caption, columns, tuple(rows), f"{inside.source}, analysis/probes/hypotheses.toml")]


def shortcut_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
    """Returns whether the models infer or take shortcuts."""
    text = (
        f"{inside.examples['templates']:,} pairs from thirty templates: the hypothesis is made of the premise's words "
        "whether or not it follows. Contradiction and neutral count as one answer, so a coin has 0.5; intervals run "
        "over seeds and templates, as pairs of one template are much alike. And the test pairs with the premises of "
        "other pairs, with their sides swapped and with shuffled words, judged by the labels that they had: what is "
        "lost was owed to what was destroyed (of swapped pairs a contradiction alone keeps its label). A model near "
        "chance has little to lose, so beside it stands the share of answers that stay. After McCoy, Pavlick and "
        "Linzen 2019 (HANS); our sentences."
    )
    rows = [
        (row["arm"], row["shortcut"], row["gold"], number(row["accuracy"]), span(row["low"], row["high"]))
        for row in inside.tables["templates"]
    ]
    changed = [
        (
            *(row["arm"], row["condition"], number(row["accuracy"]), span(row["low"], row["high"])),
            number(row["unchanged"]),
        )
        for row in inside.tables["conditions"]
    ]
    return [
        Paragraph(text),
        plot,
        Table("Templates", ("arm", "shortcut", "gold", "accuracy", "95% interval"), tuple(rows), inside.source),
        Table(
            "Test pairs, changed",
            ("arm", "test pairs", "accuracy", "95% interval", "share of answers as on intact pairs"),
            tuple(changed),
            inside.source,
        ),
        lead_table(inside),
        *hypothesis_blocks(inside),
    ]


def lead_table(inside: Inside) -> Table:
    """Returns how far each arm is ahead of what the words of the hypothesis alone give."""
    rows = [
        (row["arm"], number(row["lead"]), span(row["low"], row["high"]), row["over"]) for row in inside.tables["leads"]
    ]
    caption = "Accuracy on the test pairs above that of a bag of words of the hypothesis, learned from the same pairs"
    return Table(caption, ("arm", "ahead by", "95% interval", "over"), tuple(rows), inside.source)


def layer_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
    """Returns where in the models the task was learned."""
    text = (
        "Of the weights at the last step. Moved: distance between the weights before and after training, relative to "
        "their norm before; it grows with the learning rate, which each arm has its own of. Rolled back: test "
        f"accuracy, on {inside.examples['rolled back']:,} pairs, lost when one part alone gets its initial weights "
        "back, and what accuracy is left: a model near 1/3 has little to lose. CKA: how alike two sets of vectors "
        "are up to rotation and scale, 1 for the same; here means over a pair's tokens, of "
        f"{inside.examples['compared']:,} pairs, by the estimator without bias (Nguyen, Raghu and Kornblith 2021, eq. "
        f"3), with intervals over batches of {inside.examples['batch']} pairs."
    )
    source = inside.source
    lost = [
        (
            row["arm"],
            row["part"],
            number(row["lost"], 4),
            span(row["low"], row["high"], 4),
            row["over"],
            number(row["accuracy"]),
        )
        for row in inside.tables["rolled_back"]
    ]
    columns = ("arm", "part", "accuracy lost", "95% interval", "over", "accuracy left")
    alike = [
        (row["what"], str(row["seed"]), row["part"], number(row["cka"]), span(row["low"], row["high"]))
        for row in inside.tables["similarities"]
    ]
    moved = [
        (row["arm"], str(row["seed"]), row["part"], number(row["moved"]), number(row["cosine"]))
        for row in inside.tables["movements"]
    ]
    return [
        Paragraph(text),
        plot,
        Table("How far each part moved", ("arm", "seed", "part", "moved", "cosine"), tuple(moved), source),
        Table("One part rolled back", columns, tuple(lost), source),
        Table("Linear CKA", ("what", "seed", "behind", "CKA", "95% interval"), tuple(alike), source),
        *hypothesis_blocks(inside),
    ]


def landscape_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
    """Returns what the loss looks like around the weights."""
    text = (
        f"Loss without dropout on the first {inside.examples['train']:,} training pairs.{plane_sentence(inside)} "
        "Flatness: how far one can go in a random direction, each row of it as long as the weights' own (Li et al. "
        f"2018), before the loss has risen by 0.1 nats; {inside.examples['directions']} directions, the same for all "
        "runs. Barrier: how far the loss rises above the straight line between two ends (Entezari et al. 2022). Seeds "
        "of pretrained start from the same encoder, those of scratch from different ones: less of a barrier between "
        "them may be owed to that alone."
    )
    flat = [
        (row["arm"], number(row["radius"], 4), span(row["low"], row["high"], 4), str(row["beyond"]))
        for row in inside.tables["radii"]
    ]
    measured = ("arm", "radius", "95% interval over seeds and directions", "searches that ended first")
    high = [(row["what"], row["seeds"], number(row["barrier"])) for row in inside.tables["barriers"]]
    columns = ("what", "seeds", "barrier (nats)")
    barriers = [Table("Between two runs", columns, tuple(high), inside.source)] if high else []
    return [
        Paragraph(text),
        plot,
        Table("Flatness", measured, tuple(flat), inside.source),
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


def gradient_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
    """Returns how the gradient of each layer goes along training."""
    text = (
        "A run that stays on the ln 3 plateau can have gradients that fade on their way down (Mosbach, Andriushchenko "
        "and Klakow 2021); here is each part's gradient, as the runs recorded it, those that never left the plateau "
        "apart from the others."
    )
    rows = [
        (row["arm"], str(row["seed"]), number(row["fading"], 2), left_text(row["left"]))
        for row in inside.tables["runs"]
    ]
    columns = ("arm", "seed", "ln of lowest over highest layer's norm", "plateau left at step")
    caption = f"Fading over the first {EARLY_STEPS} steps, and the plateau on the training probe"
    table = Table(caption, columns, tuple(rows), inside.source)
    return [Paragraph(text), plot, table, *hypothesis_blocks(inside), *fading_blocks(inside)]


def left_text(step: float) -> str:
    """Returns the step at which the plateau was left."""
    return number(step, 0) if math.isfinite(step) else "never"


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


def phase_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
    """Returns which scratch encoders come alive."""
    text = (
        "A run is alive once two evaluations of its training probe in a row lie below ln 3 - 0.05. The map is of "
        "train/studies/phase-map.toml."
    )
    rows = [
        (
            *(str(row["layers"]), rate_text(row["rate"]), f"{row['warmup']:g}", str(row["seed"])),
            *(left_text(row["left"]), number(row["loss"])),
        )
        for row in inside.tables["runs"]
    ]
    columns = ("layers", "peak rate", "warm-up", "seed", "plateau left at step", "last training probe loss")
    table = Table("Alive or dead", columns, tuple(rows), inside.source)
    return [Paragraph(text), plot, table, *hypothesis_blocks(inside)]


def view_blocks(inside: Inside, _: Study, plot: Plot) -> list[Block]:
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


SECTIONS: dict[str, tuple[str, Callable[[Inside, Study, Plot], list[Block]]]] = {
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
        heading: [*origin(study.inside[name]), *blocks(study.inside[name], study, plots[name])]
        for name, (heading, blocks) in SECTIONS.items()
        if name in study.inside
    }
