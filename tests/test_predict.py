"""What a run's export says of a pair is what transformers says, and what the run itself said in its test."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from analysis.probes.inference import open_predictor
from analysis.probes.predict import main
from models.export import export_checkpoint
from tests.few_words import byte_pairs, word_pieces
from tests.running import predictions, train
from tests.tiny_models import FAMILIES, our_model, saved, their_model
from train.data.controlled import load_controlled
from train.data.pairs import LABELS

PAIRS = [("The cat sat on the mats.", "the mat sat not"), ("cat", "not"), ("the cat sat " * 9, "on the mat " * 9)]
MAX_TOKENS = 16
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A run with pairs cut at so few tokens that it shows."""
    return train(tmp_path_factory.mktemp("results"), tiny_checkpoint, "--max-tokens", "16", "--max-steps", "8")


def run_of(family: str, folder: Path) -> Path:
    """A run directory with what the probe reads of it, and an export of random weights."""
    model = our_model(saved(their_model(family, "Model"), folder / "base")).float()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.normal_(0, 0.5, generator=torch.Generator().manual_seed(5))
    (byte_pairs() if family == "roberta" else word_pieces()).save(str(folder / "tokenizer.json"))
    export_checkpoint(model, folder / "export", LABELS, folder / "tokenizer.json")
    plan = {"steps": 1, "steps_per_epoch": 1, "learning_rate": 0.1}
    data = {"dataset": "controlled", "max_tokens": MAX_TOKENS}
    config = {"schema_version": 1, "init": "scratch", "seed": 0, "data": data, "plan": plan}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_probabilities_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    folder = run_of(family, tmp_path)
    ours = open_predictor(folder).probabilities(PAIRS)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder / "export").eval().double()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "export")
    for pair, found in zip(PAIRS, ours, strict=True):
        inputs = tokenizer(*pair, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.no_grad():
            theirs = model(**inputs).logits.softmax(1)[0].tolist()
        expected = {model.config.id2label[i]: share for i, share in enumerate(theirs)}
        assert found == pytest.approx(expected, abs=1e-6)
    assert len({tuple(found.values()) for found in ours}) == len(PAIRS), "the case is only telling if the pairs differ"


@pytest.mark.parametrize("hide", [None, "premise"])
def test_the_run_said_the_same_in_its_test(hide: str | None, tmp_path: Path, tiny_checkpoint: Path) -> None:
    flags = ("--hide", hide) if hide else ()
    folder = train(tmp_path, tiny_checkpoint, "--max-tokens", "16", "--max-steps", "8", *flags)
    pairs = [(e.premise, e.hypothesis) for e in load_controlled()["test"][:48]]
    found = open_predictor(folder).probabilities(pairs)
    rows = [row for row in predictions(folder) if row["split"] == "test"]
    for each, row in zip(found, rows, strict=True):
        assert each == pytest.approx({label: float(row[label]) for label in LABELS}, abs=1e-4)


def test_one_pair_or_many_in_any_form(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ("A dog sleeps.", "A cat\u00e9 runs."), ("No dog sleeps.", "A dog sleeps.")
    assert main([str(run), *first]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    single = {label: float(share) for label, share in lines}
    assert set(single) == set(LABELS) and list(single.values()) == sorted(single.values(), reverse=True)
    text = f"\ufeff{first[0]}\t{first[1]}\r\n\n" + json.dumps({"hypothesis": second[1], "premise": second[0], "id": 1})
    (tmp_path / "pairs.tsv").write_text(text, encoding="utf-8")
    assert main([str(run), "--file", str(tmp_path / "pairs.tsv"), "--json"]) == 0
    many = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["premise"], each["hypothesis"]) for each in many] == [first, second]
    assert many[0]["probabilities"] == pytest.approx(single, abs=5.1e-5)
    assert many[0]["label"] == max(single, key=lambda label: single[label])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main([str(run)]) == 0
    table = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert table[0] == ["label", *LABELS] and [row[0] for row in table[1:]] == [each["label"] for each in many]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"one sentence\n", "row 1: 1 fields"),
        (b"a\tb\na\tb\tc\n", "row 2: 3 fields"),
        (b"a\t \n", "row 1, hypothesis: expected a sentence"),
        (b'{"premise": "a"}\n', "row 1, hypothesis: expected a sentence, found null"),
        (b'{"premise": 7, "hypothesis": "b"}\n', "row 1, premise: expected a sentence, found 7"),
        (b'{"premise": "a", \n', "row 1: not valid JSON"),
        (b'{"premise": "\\ud800", "hypothesis": "b"}\n', "row 1, premise: holds bytes that are no text"),
        (b"\xff\tb\n", "byte 0 is not UTF-8"),
        (b"\n", "no pair in it"),
    ],
)
def test_a_pair_that_cannot_be_read_is_named(
    text: bytes, message: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "pairs").write_bytes(text)
    assert main([str(run), "--file", str(tmp_path / "pairs")]) == 3
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_what_is_no_finished_run_with_an_export_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = run_of("bert", tmp_path)
    assert main([str(tmp_path / "base"), "a", "b"]) == 2  # a checkpoint has a config.json, but not a run's
    assert main([str(tmp_path / "nothing"), "a", "b"]) == 2
    assert main([str(folder), "half a pair"]) == 2
    (folder / "export" / "model.safetensors").write_bytes(b"torn")
    assert main([str(folder), "a", "b"]) == 4
    (folder / "export").rename(folder / "elsewhere")
    assert main([str(folder), "a", "b"]) == 4
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 5 and "the run is not finished" in said[-1]


def test_help_imports_no_torch() -> None:
    code = "import sys\nfrom analysis.probes.predict import main\ntry: main(['--help'])\n"
    code += "except SystemExit: pass\nassert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
