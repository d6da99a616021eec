"""The figure of a recipe: curves of the right colours, with marks where they ended."""

from pathlib import Path

from analysis.figures.plots import ARM_COLOURS, OTHER_COLOUR
from analysis.records.seed_report import seed_curves
from analysis.report.recipes.figures import curves
from analysis.report.recipes.systems import open_systems
from tests.recipe_runs import GRADUAL, write_recipe


def test_a_figure_has_the_curves_and_marks_how_they_ended(tmp_path: Path) -> None:
    """The seed report's and a run that their rules ended, and a corrected run that was cut at 20."""
    short, cut = {"losses": [1.2, 1.1, 0.9], "test": [0.3, 0.4, 0.5, 0.6]}, [1.1] * 19 + [1.0]
    write_recipe(tmp_path, f"{GRADUAL}-as-reported", **short, best=2, right=220)
    write_recipe(tmp_path, GRADUAL, "scratch", losses=cut, test=[0.3] * 20 + [0.35], right=160)
    (system,), _ = open_systems(tmp_path)
    panels = curves(system).axes
    lines = {line.get_label(): line for line in panels[0].get_lines()}
    looks = {
        "as reported by the seed report": (OTHER_COLOUR, "-", seed_curves()[GRADUAL]["train_loss"]),
        "pretrained, as reported": (ARM_COLOURS["pretrained"], "-", short["losses"]),
        "scratch, corrected": (ARM_COLOURS["scratch"], "--", cut),
    }
    for label, (colour, dashes, losses) in looks.items():
        assert (lines[label].get_color(), lines[label].get_linestyle()) == (colour, dashes)
        assert list(lines[label].get_ydata()) == list(losses)
    marks = [
        {(line.get_marker(), *line.get_xydata()[0]) for line in axes.get_lines() if line.get_marker() != "None"}
        for axes in panels
    ]
    assert marks[0] == {("s", 24, 0.3126), ("s", 3, 0.9), (">", 20, 1.0)}
    assert marks[2] == {("s", 24, 0.776), ("s", 3, 0.6), (">", 20, 0.35), ("D", 2, 0.55), ("D", 20, 0.4)}
    for axes, before in zip(panels[1:], (0.3396, 0.3504), strict=True):
        levels = {line.get_ydata()[0] for line in axes.get_lines() if list(line.get_xdata()) == [0, 1]}
        assert levels == {before, 1 / 3}
        upright = [line.get_xdata()[0] for line in axes.get_lines() if list(line.get_ydata()) == [0, 1]]
        assert upright == [5, 10, 15, 20]
