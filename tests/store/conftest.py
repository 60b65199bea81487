"""One suite for every store of a kind: the archive on each engine, the ledger on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from ledgers import SetClock, draw_salt, open_postgres, open_sqlite
from postgres import Server

from becalm.archive.parquet import ParquetArchive, connect
from becalm.ledger import Ledger
from becalm.terms import DependencyError

MakeLedger = Callable[..., Ledger]


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


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def postgres_ledger(postgres: Server) -> Iterator[str]:
    """The URL of an empty ledger on PostgreSQL."""
    url = postgres.fresh_ledger()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def make_ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[MakeLedger]:
    """Opens the one ledger of this test, on each database, as often as it is called."""
    opened_ledgers: list[Ledger] = []
    open_one: Callable[..., Ledger] = partial(open_sqlite, tmp_path / "ledger.sqlite")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_ledger")
        open_one = partial(open_postgres, url, memo=tmp_path / "ledger.head")

    def make(**options: Any) -> Ledger:
        opened_ledgers.append(open_one(**{"now": clock, "draw_salt": draw_salt, **options}))
        return opened_ledgers[-1]

    yield make
    for ledger in opened_ledgers:
        ledger.close()
