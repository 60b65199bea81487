"""The archive on each engine: one suite, every engine, equal answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from becalm.store.archive import ParquetArchive
from becalm.store.engines import connect
from becalm.terms.errors import DependencyError


@cache
def opened(engine: str) -> Any:
    return connect(engine)  # a Spark session is started once and kept


@pytest.fixture(scope="session")
def open_engine() -> Callable[[str], Any]:
    """Opens an engine by name; a test of one that is not installed is visibly skipped."""

    def open_one(engine: str) -> Any:
        try:
            return opened(engine)
        except DependencyError as error:
            pytest.skip(str(error))

    return open_one


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest, open_engine: Callable[[str], Any]) -> Any:
    return open_engine(request.param)


@pytest.fixture
def archive(engine: Any, tmp_path: Path) -> ParquetArchive:
    return ParquetArchive(tmp_path / "archive", lambda: engine)


@pytest.fixture
def duck(tmp_path: Path) -> ParquetArchive:
    """An archive read by DuckDB alone, for what does not depend on the engine."""
    return ParquetArchive(tmp_path / "archive", lambda: opened("duckdb"))
