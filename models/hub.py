"""Files from the Hugging Face hub, through its own library, which respects HF_HOME, HF_TOKEN and HF_HUB_OFFLINE."""

from __future__ import annotations

from pathlib import Path

from models.errors import CheckpointError, command

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def hub_weights(repo_id: str, download: bool = True) -> Path:
    """A repository's model.safetensors in the cache; beside it config.json and any tokenizer.json of the same commit.

    A file in the cache is used without asking whether the hub has a newer one.

    Args:
        repo_id: "owner/name".
        download: whether to fetch what is not in the cache.

    Raises:
        CheckpointError: the repository or one of its files is not there, not allowed, or not reachable.
    """
    from huggingface_hub.constants import is_offline_mode  # late: importing it takes half a second

    online = download and not is_offline_mode()
    config = _fetch(repo_id, "config.json", "main", online)
    if config is None:
        raise CheckpointError(_absent(repo_id, "config.json", online))
    commit = config.parent.name
    weights = _fetch(repo_id, WEIGHTS, commit, online)
    if weights is None:
        if _fetch(repo_id, INDEX, commit, online):
            raise CheckpointError(f"{repo_id}: its weights are split into several files, which is not supported")
        raise CheckpointError(_absent(repo_id, WEIGHTS, online))
    _fetch(repo_id, "tokenizer.json", commit, online)
    return weights


def _fetch(repo_id: str, filename: str, revision: str, online: bool) -> Path | None:
    """The file's place in the cache; None if the repository lacks it, or it is not cached and we may not ask."""
    from huggingface_hub import errors, hf_hub_download, try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(repo_id, filename, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
        if cached is not None or not online:  # the cache remembers that the repository lacks it
            return None
        return Path(hf_hub_download(repo_id, filename, revision=revision))
    except errors.LocalEntryNotFoundError as error:  # its way to say that the hub gave no answer
        reason = (
            "the Hugging Face hub cannot be reached, and the file is not in its cache; copy the files into a folder"
        )
        raise CheckpointError(f"{repo_id}: {filename}: {reason} and give that folder's path") from error
    except errors.EntryNotFoundError:
        return None
    except errors.GatedRepoError as error:
        reason = "access is gated: accept its conditions on its page and set HF_TOKEN"
        raise CheckpointError(f"{repo_id}: {reason}") from error
    except errors.RepositoryNotFoundError as error:
        reason = "no such folder here and no such repository on the hub, or it is private and HF_TOKEN is not set"
        raise CheckpointError(f"{repo_id}: {reason}") from error
    except Exception as error:  # a library of many layers, each with errors of its own
        first_line = (str(error).splitlines() or [""])[0][:200]
        raise CheckpointError(f"{repo_id}: {filename}: {type(error).__name__}: {first_line}") from error


def _absent(repo_id: str, filename: str, online: bool) -> str:
    if online:
        return f"{repo_id}: the repository has no {filename} (pickled weights are never read)"
    return (
        f"{repo_id}: {filename} is not in the Hugging Face cache, and downloading is off; "
        f"with the network on, run: {command('models.fetch', repo_id)}"
    )
