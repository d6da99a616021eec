"""A study file to its runs: names, products, what is one run and what is refused."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from train.cli import parse_run, parse_value
from train.commands import toml_value
from train.config import RunConfig, with_setting
from train.recipes import RECIPES
from train.study.command import Shard
from train.study.plan import Study, expand, read_study
from train.study.runs import command_of

SHIPPED = sorted((Path(__file__).parent.parent / "train" / "studies").glob("*.toml"))


def study(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "study.toml"
    path.write_text(f'name = "s"\n{text}', encoding="utf-8")
    return read_study(path)


def names(tmp_path: Path, text: str) -> list[str]:
    return [run.name for run in expand(study(tmp_path, text), {})]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("", ["pretrained-lr1e-04-seed0"]),
        ("init = ['scratch', 'bottom-3']\nseed = 4", ["scratch-lr3e-04-seed4", "bottom-3-lr1e-04-seed4"]),
        ("train_examples = 5_000\nlearning_rate = [1.5e-4, 2e-5]",
         ["n5000-pretrained-lr1.5e-04-seed0", "n5000-pretrained-lr2e-05-seed0"]),
        ("data.hide = 'premise'\nrate.pretrained = 1e-3", ["pretrained-lr1e-03-hide-premise-seed0"]),
        ("seed = [1, 0]\nhide = ['premise', 'hypothesis']\nepochs = 7",
         [f"pretrained-lr1e-04-hide-{side}-seed{seed}" for seed in (1, 0) for side in ("premise", "hypothesis")]),
        ("optim.warmup = [0, 0.1]\noptim.epochs = [7]",
         ["pretrained-lr1e-04-warmup-0-epochs-7-seed0", "pretrained-lr1e-04-warmup-0.1-epochs-7-seed0"]),
        ("recipe = ['minilm', 'distilbert-frozen']\nlearning_rate = 1e-3\nseed = [0, 1]",
         [f"{size}pretrained-lr1e-03-recipe-{name}-seed{seed}"
          for size, name in (("", "minilm"), ("n1000-", "distilbert-frozen")) for seed in (0, 1)]),
        ("freeze = ['all', '2']", ["pretrained-lr1e-04-layers-all-seed0", "pretrained-lr1e-04-layers-2-seed0"]),
    ],
)  # fmt: skip
def test_a_name_says_what_the_run_is(tmp_path, block, expected):
    assert names(tmp_path, f"[[block]]\n{block}") == expected


def test_a_block_overrides_what_all_share(tmp_path):
    text = (
        "epochs = 3\nseed = [0, 1]\nrate.scratch = 1e-3\n[[block]]\n[[block]]\ninit = 'scratch'\nepochs = 9\nseed = 5"
    )
    plan = expand(study(tmp_path, text), {})
    found = [
        (run.config.init, run.config.seed, run.config.optim.epochs, run.config.optim.learning_rate) for run in plan
    ]
    assert found == [("pretrained", 0, 3, 1e-4), ("pretrained", 1, 3, 1e-4), ("scratch", 5, 9, 1e-3)]


def test_a_run_differs_from_its_recipe_where_the_file_says_so(tmp_path):
    (run,) = expand(study(tmp_path, "export = false\n[data]\nmax_tokens = 64\n[[block]]\nseed = 3"), {})
    expected = RECIPES["minilm"]
    for field, value in (("export", False), ("data.max_tokens", 64), ("seed", 3), ("optim.learning_rate", 1e-4)):
        expected = with_setting(expected, field, value)
    assert run.config == expected


def test_two_blocks_that_mean_the_same_run_make_it_once(tmp_path):
    text = "[[block]]\nlearning_rate = [1e-4, 3e-4]\n[[block]]\nseed = [0, 1]"
    assert names(tmp_path, text) == [f"pretrained-lr{end}" for end in ("1e-04-seed0", "3e-04-seed0", "1e-04-seed1")]


def test_a_chosen_rate_joins_the_run_that_won(tmp_path):
    text = (
        "[[block]]\nname = 'sweep'\nlearning_rate = [1e-4, 3e-4]\n"
        "[[block]]\nseed = [0, 1]\nlearning_rate = 'best'\ntune_on = 'sweep'"
    )
    plan = expand(study(tmp_path, text), {})
    assert [(run.name, run.waits_for) for run in plan[2:]] == [
        ("pretrained-lrbest-seed0", "sweep"),
        ("pretrained-lrbest-seed1", "sweep"),
    ]
    chosen = expand(study(tmp_path, text), {"sweep": {"pretrained": 3e-4}})
    assert [run.name for run in chosen] == [
        f"pretrained-lr{end}" for end in ("1e-04-seed0", "3e-04-seed0", "3e-04-seed1")
    ]
    assert not any(run.waits_for for run in chosen)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no [[block]]"),
        ("block = 3", "there is no [[block]]"),
        ("[[block]]\nseeds = [1]", "unknown setting 'seeds'"),
        ("optim.beta3 = 1\n[[block]]", "unknown setting 'optim.beta3'"),
        ("[[block]]\nseed = []", "block 1: seed is an empty list"),
        ("[[block]]\nrate.scratch = []", "block 1: rate.scratch is an empty list"),
        ("[[block]]\nrate = 1e-4", "rate is a table"),
        ("[[block]]\nseed = ['a']", "seed = 'a': expected a whole number"),
        ("[[block]]\nfreeze = 2", "freeze.layers = 2: expected text"),
        ("optim.weight_decay = true\n[[block]]", "optim.weight_decay = True: expected a number"),
        ("[[block]]\nrate.pretrained = ['high']", "optim.learning_rate = 'high': expected a number or none"),
        ("[[block]]\nlearning_rate = [2.0]", "learning_rate is 2.0"),
        ("[[block]]\nlearning_rate = 'bset'", "optim.learning_rate = 'bset': expected a number or none"),
        ("[[block]]\ncheckpoint = ['a/b']", "use letters, digits"),
        ("[[block]]\ninit = 'magic'", "init 'magic' is not one of scratch, pretrained"),
        ("[[block]]\nrecipe = ['minilm', 'bert']", "recipe 'bert' is not one of"),
        ("recipe = 'gpt'\n[[block]]", "recipe 'gpt' is not one of"),
        ("[[block]]\n[[block]]\nepochs = 9", "block 1 and block 2 mean different runs"),
        ("[[block]]\nname = 'a'\n[[block]]\nname = 'a'", "two blocks have one name"),
        ("[[block]]\nlearning_rate = 'best'\ntune_on = ['a']", "tune_on is ['a'], must be the name of a block"),
        ("[[block]]\nlearning_rate = 'best'", "block 1: learning_rate = 'best' needs tune_on"),
        ("learning_rate = 'best'\ntune_on = 'a'\n[[block]]\nname = 'a'", "tune_on is 'a', must name a block"),
        ("[[block]]\nname = 'a'\n[[block]]\ninit = 'scratch'\nlearning_rate = 'best'\ntune_on = 'a'",
         "must name a block that tries rates for scratch"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_a_line(tmp_path, text, message):
    with pytest.raises(UserError) as error:
        study(tmp_path, text)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "study.toml"))


@pytest.mark.parametrize("line", ['name = "../up"', 'name = ""', 'name = "a b"', ""])
def test_a_bad_name_is_refused(tmp_path, line):
    (tmp_path / "study.toml").write_text(f"{line}\n[[block]]")
    with pytest.raises(UserError, match="use letters, digits"):
        read_study(tmp_path / "study.toml")


lists = st.fixed_dictionaries(
    {},
    optional={
        "init": st.lists(st.sampled_from(["scratch", "pretrained", "bottom-3"]), min_size=1, unique=True),
        "seed": st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
        "train_examples": st.lists(st.integers(1, 9_999), min_size=1, max_size=3, unique=True),
        "learning_rate": st.lists(st.sampled_from([1e-5, 2.5e-5, 3e-4, 0.1]), min_size=1, unique=True),
        "hide": st.lists(st.sampled_from(["premise", "hypothesis"]), min_size=1, unique=True),
        "optim.warmup": st.lists(st.sampled_from([0.0, 0.1, 0.25]), min_size=1, unique=True),
    },
)


@given(block=lists, n=st.integers(1, 7))
def test_a_block_is_the_product_of_its_lists_and_shards_part_it(tmp_path_factory, block, n):
    text = "[[block]]\n" + "\n".join(f"{field} = {values}" for field, values in block.items())
    plan = expand(study(tmp_path_factory.mktemp("plan"), text), {})
    assert len({run.name for run in plan}) == len(plan) == math.prod(len(values) for values in block.values())
    parts = [Shard(i=i, n=n).of(plan) for i in range(1, n + 1)]
    assert sorted(run.name for part in parts for run in part) == sorted(run.name for run in plan)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    seen = {(r.config.init, r.config.seed, r.config.data.train_examples, r.config.data.hide) for r in plan}
    keys = ("init", "seed", "train_examples", "hide")
    usual = {"init": ["pretrained"], "seed": [0], "train_examples": [None], "hide": [None]}
    assert seen == set(itertools.product(*((usual | block)[key] for key in keys)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.train_examples", 7), ("data.folder", 'a "quoted" é\\path'), ("freeze.layers", "3"), ("export", False),
        ("optim.max_steps", 9), ("optim.eps", 1e-07), ("stop.patience", 2), ("data.hide", "premise"),
        ("optim.learning_rates", {"scratch": 0.5}), ("dropout.hidden", 0.0), ("init", "bottom-3"),
    ],
)  # fmt: skip
def test_the_command_asks_for_the_configuration(tmp_path, field, value):
    config: RunConfig = with_setting(RECIPES["minilm"], field, value)
    directory = tmp_path / "results" / "study" / "runs" / "name"
    request = parse_run(command_of(config, directory)[3:])
    assert (request.config, request.directory, request.resume) == (config, directory, False)


@pytest.mark.parametrize("value", [None, True, 3, 1e-07, 0.1, "none of it", 'a "b" é', "3", "true", {"a-b": 0.5}])
def test_a_value_on_the_command_line_is_read_back(value):
    assert parse_value(toml_value(value)) == value and type(parse_value(toml_value(value))) is type(value)


@pytest.mark.parametrize(
    ("name", "runs", "waiting"),
    [
        *(("controlled", 18, 0), ("mnli-5k", 6, 0), ("mnli-core", 8 + 10 + 6 * 5, 40), ("seed-recipes", 6 * 2, 0)),
        *(("arms", 6 + 4 * (2 + 2), 8), ("freezing", 4 + 4 + 4 + 2, 6), ("frozen-head", 15, 0)),
        *(("batch-size", 3 * (4 + 4), 12), ("optimization", 10 + 4 + 4, 4), ("size", 4 * (2 + 2), 8)),
        *(("phase-map", 3 * 3 * 2, 0), ("length-pool", 2 * 2 * 3, 0)),
    ],
)
def test_the_shipped_studies(name, runs, waiting):
    (path,) = (path for path in SHIPPED if path.stem == name)
    plan = expand(read_study(path), {})
    assert len(plan) == runs and sum(run.waits_for is not None for run in plan) == waiting
    portable = ("controlled", "mnli-5k", "frozen-head", "batch-size", "size", "phase-map", "arms", "length-pool")
    precision = "float32" if name in portable else "bf16"
    assert all(run.config.precision == precision for run in plan)
    kept = [run.config.trajectory for run in plan if run.config.export]
    assert kept == ([10] * 6 if name == "arms" else []), "the weights that the probes look into"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_study_is_valid_and_names_itself(path):
    assert expand(read_study(path), {})
    assert f"python -m train.study train/studies/{path.name}" in path.read_text(encoding="utf-8").splitlines()[0]


def test_the_size_study_is_two_by_two_and_each_cell_has_its_own_rate():
    (path,) = (path for path in SHIPPED if path.stem == "size")
    study = read_study(path)
    rates = dict(
        zip((block.name for block in study.blocks if not block.tune_on), (1e-4, 2e-4, 2e-4, 1e-4), strict=True)
    )
    cells = {(depth, size): [] for depth in (None, 3) for size in (1_000, 5_000)}
    for run in expand(study, {name: {"pretrained": rate} for name, rate in rates.items()}):
        cells[run.config.depth, run.config.data.train_examples].append((run.config.seed, run.rate))
        assert run.config.init == "pretrained"
        assert run.config.optim.epochs == {1_000: 12, 5_000: 4}[run.config.data.train_examples]
    for found, chosen in zip(cells.values(), rates.values(), strict=True):
        assert sorted(found) == [(0, 1e-4), (0, 2e-4), (1, chosen), (2, chosen)]


def test_the_seed_recipes_are_those_of_the_report_but_for_what_the_file_says():
    (path,) = (path for path in SHIPPED if path.stem == "seed-recipes")
    plan = expand(read_study(path), {})
    assert {(run.config.recipe, run.config.init) for run in plan} == {
        (name, init)
        for name in RECIPES
        if name.startswith(("distilbert", "roberta"))
        for init in ("scratch", "pretrained")
    }
    for run in plan:
        expected = RECIPES[run.config.recipe]
        for field, value in (
            ("init", run.config.init), ("checkpoint", "minilm"), ("precision", "bf16"), ("export", False),
            ("optim.max_epochs", 20), ("optim.length_pool", 50),
        ):  # fmt: skip
            expected = with_setting(expected, field, value)
        assert run.config == expected
