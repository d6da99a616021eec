"""A study's runs are arranged by size, hidden side and learning rate, and never mixed."""

import json
from pathlib import Path

import pytest

from analysis.records.arms import Arm
from analysis.records.choices import chosen_rates, read_choices
from analysis.records.reading import RecordError
from analysis.records.study import Study, open_study
from analysis.statistics.contrasts import headline_pair
from analysis.tables.accuracy import rate_table
from tests.synthetic_runs import edit, write_run


def shape(arms: tuple[Arm, ...]) -> list[tuple[str, float, list[int]]]:
    return [(arm.name, arm.learning_rate, [run.seed for run in arm.runs]) for arm in arms]


def opened(folder: Path) -> Study:
    return open_study([folder], folder)


def write_choices(folder: Path, **chosen: float) -> None:
    arms = {init: {"rates": [], "chosen": rate, "at_edge": False} for init, rate in chosen.items()}
    (folder / "choices.json").write_text(json.dumps({"tune": arms}))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three sizes, a sweep at the middle one, hypothesis-only runs, a control arm."""
    folder = tmp_path_factory.mktemp("core")
    for init in ("scratch", "pretrained"):
        for size, seeds in ((500, 2), (5000, 3), (19000, 2)):
            for seed in range(seeds):
                write_run(folder, init, seed, size=size, name=f"n{size}-{init}-seed{seed}", steps=40)
        for rate in (2e-4, 1e-5):
            write_run(folder, init, 0, rate=rate, name=f"{init}-lr{rate}", steps=40)
        write_run(folder, init, 0, hide="premise", name=f"{init}-hide", steps=40)
    write_run(folder, "shuffled", 1, steps=40)
    return opened(folder)


def test_the_main_comparison_is_the_size_with_most_seeds_at_one_rate(study: Study) -> None:
    assert shape(study.arms) == [
        ("scratch", 3e-4, [0, 1, 2]),
        ("pretrained", 5e-5, [0, 1, 2]),
        ("shuffled", 5e-5, [1]),
    ]
    assert {arm.training_examples for arm in study.arms} == {5000}


def test_every_size_has_an_arm_for_each_init(study: Study) -> None:
    assert {size: shape(arms) for size, arms in study.sizes.items() if size != 5000} == {
        500: [("scratch", 3e-4, [0, 1]), ("pretrained", 5e-5, [0, 1])],
        19000: [("scratch", 3e-4, [0, 1]), ("pretrained", 5e-5, [0, 1])],
    }
    assert list(study.sizes) == [500, 5000, 19000]


def test_a_sweep_has_an_arm_for_each_rate(study: Study) -> None:
    assert list(study.rates) == ["scratch", "pretrained", "shuffled"]
    assert shape(study.rates["scratch"]) == [
        ("scratch", 1e-5, [0]),
        ("scratch", 2e-4, [0]),
        ("scratch", 3e-4, [0, 1, 2]),
    ]


def test_an_arm_that_saw_one_side_stands_apart(study: Study) -> None:
    assert shape(study.one_sided) == [
        ("scratch, hypothesis only", 3e-4, [0]),
        ("pretrained, hypothesis only", 5e-5, [0]),
    ]


def test_no_run_is_lost(study: Study) -> None:
    assert len(study.runs) == len({run.id for run in study.runs}) == 14 + 4 + 2 + 1


def test_the_chosen_rate_is_compared_even_if_another_has_more_seeds(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, "scratch", seed, steps=40)
    write_run(tmp_path, "scratch", 0, rate=1e-3, name="chosen", steps=40)
    assert shape(opened(tmp_path).arms) == [("scratch", 3e-4, [0, 1])]
    write_choices(tmp_path, scratch=1e-3, pretrained=3e-4)
    assert shape(opened(tmp_path).arms) == [("scratch", 1e-3, [0])]


@pytest.mark.parametrize(
    ("monitor", "chosen", "told"),
    [
        ("validation_accuracy", 1e-3, "seed 0, which all rates have (rates are chosen by it)"),
        ("validation_accuracy", None, "seed 0, which all rates have"),
        ("validation_loss", 1e-3, "seed 0, which all rates have"),
    ],
)
def test_the_rates_are_said_to_be_chosen_by_accuracy_where_the_records_say_so(
    tmp_path: Path, monitor: str, chosen: float | None, told: str
) -> None:
    for rate in (3e-4, 1e-3):
        run = write_run(tmp_path, "scratch", 0, rate=rate, name=f"lr{rate}", steps=40)
        edit(run / "config.json", stop={"monitor": monitor})
    write_choices(tmp_path, **({"scratch": chosen} if chosen else {}))
    columns = rate_table(opened(tmp_path)).columns
    assert columns[-2:] == (f"validation accuracy on {told}", "used")


def test_of_equal_seeds_the_lower_validation_loss_is_compared(tmp_path: Path) -> None:
    for rate, loss in ((1e-4, 0.9), (2e-4, 0.7), (4e-4, 0.8)):
        run = write_run(tmp_path, "embeddings", 0, rate=rate, name=f"lr{rate}", steps=40)
        summary = json.loads((run / "summary.json").read_text())
        edit(run / "summary.json", best=summary["best"] | {"validation_loss": loss})
    assert shape(opened(tmp_path).arms) == [("embeddings", 2e-4, [0])]


def test_settings_that_the_study_varies_keep_their_own_rate_and_arm(tmp_path: Path) -> None:
    for length in (64, 128):
        for rate in (1e-4, 3e-4):
            name = f"{length}-{rate}"
            write_run(tmp_path, "scratch", 0, rate=rate, name=name, data={"max_tokens": length}, steps=40)
    arms = opened(tmp_path).arms
    assert [arm.name for arm in arms] == ["scratch, max_tokens 128", "scratch, max_tokens 64"]
    assert [arm.learning_rate for arm in arms] == [3e-4, 3e-4]


def test_the_headline_sets_arms_of_equal_settings_against_each_other(tmp_path: Path) -> None:
    for init, length, seeds in (("scratch", 64, 2), ("scratch", 128, 1), ("pretrained", 128, 2)):
        for seed in range(seeds):
            write_run(tmp_path, init, seed, name=f"{init}{length}{seed}", data={"max_tokens": length}, steps=40)
    pair = headline_pair(opened(tmp_path).arms)
    assert pair is not None
    assert [arm.name for arm in pair] == ["pretrained", "scratch, max_tokens 128"]


def test_there_is_no_headline_without_both_arms(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0, steps=40)
    assert headline_pair(opened(tmp_path).arms) is None


def test_one_sided_runs_alone_are_compared_with_each_other(tmp_path: Path) -> None:
    for init in ("scratch", "pretrained"):
        write_run(tmp_path, init, 0, hide="hypothesis", steps=40)
    study = opened(tmp_path)
    assert [arm.name for arm in study.arms] == ["scratch", "pretrained"]
    assert study.one_sided == ()


def test_an_arm_of_which_every_rate_diverged_has_no_choice(tmp_path: Path) -> None:
    (tmp_path / "choices.json").write_text('{"tune": {"scratch": {"chosen": null}, "mlm": {"chosen": 1e-4}}}')
    assert chosen_rates(read_choices(tmp_path / "choices.json")) == {"mlm": frozenset({1e-4})}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", "expected a JSON object, found list"),
        ('{"tune": 3}', "tune.?.chosen should be a rate, found null"),
        ('{"tune": {"scratch": {"chosen": "best"}}}', 'tune.scratch.chosen should be a rate, found "best"'),
    ],
)
def test_damaged_choices_are_refused_with_their_place(tmp_path: Path, text: str, found: str) -> None:
    write_run(tmp_path, "scratch", 0, steps=40)
    (tmp_path / "choices.json").write_text(text)
    with pytest.raises(RecordError) as error:
        opened(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'choices.json'}: ")
    assert found in str(error.value)


def test_a_run_that_diverged_is_left_out_by_name(tmp_path: Path) -> None:
    write_run(tmp_path, "scratch", 0, steps=40)
    (write_run(tmp_path, "scratch", 1, steps=40, finished=False) / "diverged.json").write_text("{}")
    assert opened(tmp_path).left_out == ("scratch-seed1 (diverged)",)
