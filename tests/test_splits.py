"""Splits: validation shares no premise with training and follows from the file alone; no test pair is trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import DataError, UserError
from train.config import DataConfig
from train.data.pairs import LABELS, Example
from train.data.splits import carve, load_splits


def example(premise: str, n: int) -> Example:
    return Example(id=f"{premise}-{n}", premise=premise, hypothesis=f"h{n}", label="neutral", group="")


def write_mnli(folder, train: list[str], test: list[str]):
    folder.mkdir(exist_ok=True)
    for name, rows in (("train.tsv", train), ("dev_matched.tsv", test)):
        (folder / name).write_text("sentence1\tsentence2\tlabel\n" + "".join(f"{row}\tneutral\n" for row in rows))
    return folder


@given(st.lists(st.integers(0, 30), min_size=20, max_size=120), st.integers(1, 8))
def test_no_premise_is_on_both_sides(premises, size):
    examples = [example(f"p{p}", n) for n, p in enumerate(premises)]
    try:
        train, validation = carve(examples, size, "validation")
    except DataError:
        assert len(set(premises)) <= size  # so few premises that validation took them all
        return
    assert not {e.premise for e in train} & {e.premise for e in validation}
    assert sorted(e.id for e in train + validation) == sorted(e.id for e in examples)
    assert len(validation) >= size


def test_validation_is_the_same_for_every_seed_and_size(tmp_path):
    folder = write_mnli(tmp_path / "d", [f"p{i // 2}\th{i}" for i in range(200)], ["x\ty"])
    base = DataConfig(dataset="mnli", folder=str(folder), validation_examples=10)
    sizes = [load_splits(base, 0), load_splits(base, 1)]
    assert sizes[0].hashes() == sizes[1].hashes()
    small = DataConfig(dataset="mnli", folder=str(folder), validation_examples=10, train_examples=5, sample="seeded")
    assert load_splits(small, 0).hashes()["validation"] == sizes[0].hashes()["validation"]
    assert load_splits(small, 0).hashes()["train"] != load_splits(small, 1).hashes()["train"]


def test_first_takes_the_files_order(tmp_path):
    folder = write_mnli(tmp_path / "d", [f"p{i}\th{i}" for i in range(50)], ["x\ty"])
    config = DataConfig(dataset="mnli", folder=str(folder), validation_examples=5, train_examples=20)
    rows = [int(pair.id.split("-")[1]) for pair in load_splits(config, 0).train]
    assert rows == sorted(rows) and len(rows) == 20


def test_a_training_pair_in_the_test_set_is_refused(tmp_path):
    folder = write_mnli(tmp_path / "d", [f"p{i}\th{i}" for i in range(50)], [f"p{i}\th{i}" for i in range(50)])
    with pytest.raises(DataError, match=r"50 problems .*\n  dev_matched\.tsv, row 2: found the pair of train-2,"):
        load_splits(DataConfig(dataset="mnli", folder=str(folder), validation_examples=5), 0)


def test_too_few_pairs_are_refused_with_the_numbers(tmp_path):
    folder = write_mnli(tmp_path / "d", [f"p{i}\th{i}" for i in range(50)], ["x\ty"])
    config = DataConfig(dataset="mnli", folder=str(folder), validation_examples=10, train_examples=41)
    with pytest.raises(DataError, match="41 training pairs asked for, but only 40 are there"):
        load_splits(config, 0)
    with pytest.raises(DataError, match="50 pairs are too few"):
        load_splits(DataConfig(dataset="mnli", folder=str(folder), validation_examples=60), 0)


def test_the_folder_is_found_through_the_environment_and_recorded_by_name(tmp_path, monkeypatch):
    folder = write_mnli(tmp_path / "here", [f"p{i}\th{i}" for i in range(50)], ["x\ty"])
    monkeypatch.setenv("MNLI_DIR", str(folder))
    splits = load_splits(DataConfig(dataset="mnli", validation_examples=5), 0)
    assert splits.name == "mnli-here"
    assert str(tmp_path) not in str(splits.to_record())


def test_the_built_in_corpus_has_two_tests():
    splits = load_splits(DataConfig(train_examples=30, validation_examples=20, test_examples=10), 0)
    assert {name: len(pairs) for name, pairs in splits.all().items()} == {
        "train": 30,
        "validation": 20,
        "test": 10,
        "test_unseen": 10,
    }


def table(rows: list[tuple[str, str, str]], separator: str) -> str:
    return "".join(separator.join(cells) + "\n" for cells in (("premise", "hypothesis", "label"), *rows))


def rows_of(n: int, labels: tuple[str, str, str] = LABELS, name: str = "p") -> list[tuple[str, str, str]]:
    return [(f"{name}{i // 2}", f"h{i}", labels[i % 3]) for i in range(n)]


def test_a_single_file_gives_three_splits_that_share_no_premise(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(table(rows_of(60), ","))
    config = DataConfig(dataset="own", folder=str(path), validation_examples=10)
    splits = load_splits(config, 0)
    sizes = {name: len(pairs) for name, pairs in splits.all().items()}
    assert sizes == {"train": 40, "validation": 10, "test": 10}
    homes = [{pair.premise for pair in pairs} for pairs in splits.all().values()]
    assert len(set().union(*homes)) == sum(map(len, homes)) == 30
    assert (splits.name, splits.files) == ("own-mine.csv", {"train": "mine.csv"})
    more = load_splits(replace(config, test_examples=20, train_examples=3), 1)
    assert more.hashes()["validation"] == splits.hashes()["validation"] and len(more.tests["test"]) == 20
    with pytest.raises(DataError, match=r"60 pairs are too few to set 1000 aside for validation: ask for fewer"):
        load_splits(DataConfig(dataset="own", folder=str(path)), 0)


@pytest.mark.parametrize(
    ("train", "test", "mismatched"),
    [
        ("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"),
        ("multinli_1.0_train.txt", "multinli_1.0_dev_matched.txt", "multinli_1.0_dev_mismatched.txt"),
        ("train.csv", "validation_matched.csv", "validation_mismatched.csv"),
        ("train.csv", "validation_matched.csv", None),
    ],
)
def test_a_folder_of_a_known_layout_is_read_whole(tmp_path, train, test, mismatched):
    separator = "," if train.endswith("csv") else "\t"
    for name, file in (("a", train), ("b", test), ("c", mismatched)):
        if file:
            (tmp_path / file).write_text(table(rows_of(20, name=name), separator))
    splits = load_splits(DataConfig(dataset="mnli", folder=str(tmp_path), validation_examples=4), 0)
    expected = {"train": train, "test": test} | ({"test_mismatched": mismatched} if mismatched else {})
    assert splits.files == expected == splits.to_record()["files"]
    assert {name: pairs[0].premise[0] for name, pairs in splits.tests.items()} == {
        name: {"test": "b", "test_mismatched": "c"}[name] for name in expected if name != "train"
    }


def test_kaggles_integers_have_the_hubs_meaning_and_others_none(tmp_path):
    numbered = table([("a", "b", "0"), ("c", "d", "1"), ("e", "f", "2")], ",")
    for test in ("validation_matched.csv", "test.csv"):
        (tmp_path / "train.csv").write_text(numbered)
        (tmp_path / test).write_text(table([("x", "y", "1")], ","))
        config = DataConfig(dataset="own", folder=str(tmp_path), validation_examples=1)
        if test == "test.csv":
            with pytest.raises(DataError, match=r"4 problems .*unknown label: 4"):
                load_splits(config, 0)
            config = replace(config, label_names="contradiction,neutral,entailment")
        splits = load_splits(config, 0)
        assert splits.tests["test"][0].label == "neutral"
        found = {pair.premise: pair.label for pair in [*splits.train, *splits.validation]}
        assert found["a"] == ("entailment" if test == "validation_matched.csv" else "contradiction")
        (tmp_path / test).unlink()


def test_a_validation_file_is_used_and_must_be_disjoint_from_both_others(tmp_path):
    for split, name in (("train", "a"), ("validation", "v"), ("test", "t")):
        (tmp_path / f"{split}.tsv").write_text(table(rows_of(9, name=name), "\t"))
    config = DataConfig(dataset="own", folder=str(tmp_path), validation_examples=5)
    splits = load_splits(config, 0)
    assert {pair.premise[0] for pair in splits.validation} == {"v"} and len(splits.validation) == 5
    (tmp_path / "validation.tsv").write_text(table(rows_of(1, name="a") + rows_of(4, name="t"), "\t"))
    with pytest.raises(DataError) as error:
        load_splits(config, 0)
    assert "validation.tsv, row 2: found the pair of train-2" in str(error.value)
    assert "test.tsv, row 2: found the pair of validation-3" in str(error.value)
    dropped = load_splits(replace(config, overlap="drop"), 0)
    assert [pair.texts for pair in dropped.validation] == [("a0", "h0")]
    assert len(dropped.train) == 8 and dropped.counts["train.tsv: pairs left out, being validation or test pairs"] == 5


def test_nothing_to_learn_from_is_refused(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.tsv").write_text(table(rows_of(9), "\t"))
    with pytest.raises(DataError, match="0 pairs to train and 0 to validate on"):
        config = DataConfig(dataset="own", folder=str(tmp_path), validation_examples=2, overlap="drop")
        load_splits(config, 0)


@pytest.mark.parametrize(
    ("settings", "kind", "told"),
    [
        ({"dataset": "own"}, UserError, "dataset own needs --data"),
        ({"folder": "x"}, UserError, "--data goes with --dataset own or mnli"),
        ({"dataset": "own", "folder": "gone"}, DataError, "gone: no such file or folder"),
        (
            {"dataset": "mnli", "folder": "."},
            DataError,
            r"\.: found no training and test file .* train\.tsv with dev_m",
        ),
    ],
)
def test_a_place_that_cannot_be_read_is_said(tmp_path, monkeypatch, settings, kind, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=told):
        load_splits(DataConfig(**settings), 0)
