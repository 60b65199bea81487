"""What the tests of the house look at: the checkout, its source files and its settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from house import ROOT, Source, read_sources


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    return read_sources(ROOT / "src")


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
