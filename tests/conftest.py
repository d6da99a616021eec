"""Shared fixtures: the tiny checkpoint, where MNLI is, and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import Browser, chromium
from tests.tiny import save_tiny_checkpoint

settings.register_profile("any machine", deadline=None)  # no test depends on how fast it runs
settings.load_profile("any machine")


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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests; the test is skipped where there is none."""
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
