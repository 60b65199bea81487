"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgres import Server, throw_away_server

# Two workers share the cores: threads of a library that spin while they wait take them from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No deadlines: a busy machine is no fault. The same examples in every run of make test, other ones (and
# more) in make test-exhaustive, so that whoever changed nothing is not stopped by somebody else's discovery.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("wide", deadline=None, max_examples=1_000)
settings.load_profile(os.environ.get("BECALM_EXAMPLES", "steady"))


def pytest_configure(config: pytest.Config) -> None:
    # py4j leaves its sockets to the garbage collector, which may come by in any later test
    config.addinivalue_line(
        "filterwarnings", "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data beside the checkout; tests that need them are visibly skipped where they are absent."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("BECALM_SHARED_DATA", root / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public data are not here ({folder}); set BECALM_SHARED_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for this run; tests of it are visibly skipped where it is not installed."""
    with throw_away_server() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def wide_screen() -> Iterator[None]:
    """Answers are 160 columns wide unless a test says otherwise; readline tells workers another width."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "160")
        yield
