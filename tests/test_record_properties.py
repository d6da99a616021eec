"""What is recorded reads back, whatever it is; and whatever lies in a record's place is read or refused, no more."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import math
import shutil
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analysis.records.reading import RecordError
from analysis.records.runs import load_run
from analysis.records.text import clean
from models.errors import CheckpointError
from tests.synthetic_runs import write_run
from train.data.pairs import LABELS
from train.records import RunDirectory, rounded, safe_cell

few = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

floats = st.floats(allow_subnormal=False)  # training flushes subnormals, in the whole process
values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
events = st.lists(
    st.dictionaries(st.text().filter(lambda key: key not in ("self", "event")), values, max_size=3), max_size=4
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
FILES = ("config.json", "environment.json", "certificate.json", "data.json", "summary.json", "metrics.jsonl")


@pytest.fixture
def records(tmp_path):
    with contextlib.closing(RunDirectory.create(tmp_path / "run")) as opened:
        yield opened


def alike(found, value):
    """Whether a recorded value is the given one, but for what seven digits cannot say and JSON does not know."""
    if isinstance(value, float):
        return found is None if not math.isfinite(value) else math.isclose(found, value, rel_tol=5e-7)
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(alike(found[key], value[key]) for key in value)
    if isinstance(value, list):
        return len(found) == len(value) and all(map(alike, found, value))
    return type(found) is type(value) and found == value


@few
@given(value=values)
def test_a_value_is_recorded_to_seven_digits(value):
    found = rounded(value)
    assert alike(json.loads(json.dumps(found, allow_nan=False)), value)
    assert rounded(found) == found


@few
@given(record=st.dictionaries(st.text().filter(lambda key: key != "schema_version"), values, max_size=4))
def test_a_record_reads_back(records, record):
    records.write_json("data.json", record)
    found = records.read_json("data.json")
    assert found.pop("schema_version") == 1
    assert alike(found, record)


@few
@given(kept=events, lost=events, torn=st.binary(max_size=9))
def test_metrics_are_one_line_an_event_and_cut_where_they_were_saved(records, kept, lost, torn):
    path = records.path / "metrics.jsonl"
    path.unlink(missing_ok=True)
    path.touch()
    for event in kept:
        records.log("some", **event)
    size = records.sync_metrics()
    for event in lost:
        records.log("some", **event)
    with path.open("ab") as file:
        file.write(torn)
    with pytest.raises(CheckpointError, match="where the checkpoint knows"):
        records.cut_metrics(path.stat().st_size + 1)
    records.cut_metrics(size)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) == len(kept)
    assert all(alike(line, {"event": "some", **event}) for line, event in zip(lines, kept, strict=True))


@few
@given(rows=st.lists(st.tuples(words, words, st.sampled_from(LABELS), words), max_size=4))
def test_predictions_read_back_and_no_cell_is_a_formula(records, rows):
    records.write_predictions((split, id, gold, [0.25, 0.5, 0.25], group) for split, id, gold, group in rows)
    with (records.path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        header, *found = list(csv.reader(file))
    assert header == ["split", "id", "gold", *LABELS, "group"]
    shares = ["0.2500", "0.5000", "0.2500"]
    assert found == [
        [safe_cell(split), safe_cell(id), gold, *shares, safe_cell(group)] for split, id, gold, group in rows
    ]
    cells = list(itertools.chain(*found))
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")]
    texts = [text for row in rows for text in (row[0], row[1], row[3])]
    shown = [cell for row in found for cell in (row[0], row[1], row[-1])]
    assert [cell.removeprefix("'") for cell in shown] == [text.replace("\r", "\n").removeprefix("'") for text in texts]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("study"), steps=8)


@few
@given(
    name=st.sampled_from((*FILES, "predictions.csv")),
    place=st.integers(0, 1000),
    new=st.binary(max_size=40) | st.none(),
)
@pytest.mark.parametrize("whole", [True, False])
def test_damaged_bytes_are_read_or_refused(good, tmp_path, whole, name, place, new):
    """All of a file replaced, or some bytes of it; None: cut short there."""
    run = tmp_path / "run"
    shutil.copytree(good, run, dirs_exist_ok=True)
    content = (run / name).read_bytes()
    start = place * len(content) // 1000
    rest = b"" if new is None else content[start + len(new) :]
    (run / name).write_bytes((new or b"") if whole else content[:start] + (new or b"") + rest)
    with contextlib.suppress(RecordError):
        load_run(run).answers  # noqa: B018


@few
@given(name=st.sampled_from(FILES[:-1]), key=st.integers(0, 20), value=values)
def test_other_values_are_read_or_refused(good, tmp_path, name, key, value):
    """One field of a record says something else."""
    run = tmp_path / "run"
    shutil.copytree(good, run, dirs_exist_ok=True)
    record = json.loads((run / name).read_text(encoding="utf-8"))
    record[sorted(record)[key % len(record)]] = value
    (run / name).write_text(json.dumps(record), encoding="utf-8")
    with contextlib.suppress(RecordError):
        load_run(run)


@given(st.text(max_size=40))
@example("a\u202eb\u200b\x1b[31m")
def test_a_cleaned_text_has_no_character_that_is_not_one_to_see(text):
    """Said without the short cut for printable texts that `clean` takes."""
    spaced = " ".join(text.split())
    assert clean(text) == "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
