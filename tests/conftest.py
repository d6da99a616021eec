"""Shared fixtures: the tiny checkpoint, and where MNLI is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tiny import save_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a BERT with 2 layers of 16."""
    return save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def mnli_dir() -> Path:
    """Folder of MNLI's TSV files; the test is skipped, saying so, where MNLI_DIR is not set."""
    folder = os.environ.get("MNLI_DIR")
    if not folder:
        pytest.skip("needs MNLI: set MNLI_DIR to a folder with train.tsv and dev_matched.tsv")
    return Path(folder)
