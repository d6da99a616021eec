"""Splits: validation shares no premise with training and follows from the file alone; no test pair is trained on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import DataError
from train.config import DataConfig
from train.data.pairs import Example
from train.data.splits import carve_validation, load_splits


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
        train, validation = carve_validation(examples, size)
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
    with pytest.raises(DataError, match=r"test pair dev_matched-.* is also a training pair"):
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
