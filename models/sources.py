"""From a checkpoint's name to verified files on this machine: cached wheel, folder, file, or Hugging Face hub.

What is on this machine already is used without asking the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from models.config import EncoderConfig
from models.errors import CheckpointError
from models.files import sha256_of
from models.hub import INDEX, WEIGHTS, hub_weights
from models.hub_config import read_config
from models.tokenizer_file import open_tokenizer
from models.weights_file import read_header
from models.wheel import minilm_folder

HUB_IDS = {
    "bert": "google-bert/bert-base-uncased",
    "distilbert": "distilbert/distilbert-base-uncased",
    "roberta": "FacebookAI/roberta-base",
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_OTHER_FORMATS = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", INDEX)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Files that have been found and looked at; the tensors themselves are checked by `read_tensors`."""

    name: str
    """As asked for; of a path on this machine only the last component, because records hold no absolute path."""
    config: EncoderConfig
    weights: Path
    """One .safetensors file."""
    tokenizer: Path | None
    """Its tokenizer.json, if there is one."""
    weights_sha256: str


def find_checkpoint(name: str, *, download: bool = True) -> Checkpoint:
    """Find the files of a checkpoint, downloading what is not there yet.

    Args:
        name: minilm, bert, distilbert or roberta; a folder with config.json and model.safetensors; a .safetensors
            file with its config.json beside it; or a hub id "owner/name". A folder of that path goes before the hub;
            one called like a short name is reached with "./".
        download: whether the network may be asked.

    Raises:
        CheckpointError: there is no such checkpoint, it cannot be fetched, or its files cannot be used.
    """
    try:
        return _open(*_locate(name, download))
    except OSError as error:
        raise CheckpointError(f"{name}: cannot be read ({error.strerror})") from error


def _locate(name: str, download: bool) -> tuple[str, Path]:
    """The name to record, and the weights file."""
    if name == "minilm":
        return name, minilm_folder(download) / WEIGHTS
    if name in HUB_IDS:
        return name, hub_weights(HUB_IDS[name], download)
    path = _existing(name)
    if path is not None and path.is_dir():
        return path.resolve().name, _weights_in(path)
    if path is not None:
        if path.suffix != ".safetensors":
            raise CheckpointError(f"{path}: weights must be a .safetensors file or a folder that holds {WEIGHTS}")
        return path.name, path
    if _HUB_ID.fullmatch(name):
        return name, hub_weights(name, download)
    known = ", ".join(("minilm", *HUB_IDS))
    raise CheckpointError(
        f"no checkpoint {name!r}: neither {known}, nor a folder or .safetensors file here, nor a hub id owner/name"
    )


def _existing(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL byte, an unknown user after "~"
        return None


def _open(name: str, weights: Path) -> Checkpoint:
    """Check what can be checked without reading a tensor."""
    config = read_config(weights.with_name("config.json"))
    read_header(weights)
    tokenizer = weights.with_name("tokenizer.json")
    has_tokenizer = tokenizer.is_file()
    if has_tokenizer:
        open_tokenizer(tokenizer, config)
    return Checkpoint(
        name=name,
        config=config,
        weights=weights,
        tokenizer=tokenizer if has_tokenizer else None,
        weights_sha256=sha256_of(weights),
    )


def _weights_in(folder: Path) -> Path:
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{folder}: no {WEIGHTS}{_found_instead([p.name for p in folder.iterdir()])}")
    return folder / WEIGHTS


def _found_instead(names: list[str]) -> str:
    """The end of a message about a missing model.safetensors: what is there, and what to do."""
    if INDEX in names:
        return ": the weights are split into several files, which is not supported; merge them into one"
    others = [name for name in _OTHER_FORMATS if name in names]
    return f", only {', '.join(others)}: convert it with transformers' save_pretrained" if others else ""
