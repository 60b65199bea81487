"""What several journeys share: a browser, and a programme of visits that is drawn once for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from postgres import Server
from town import becalm
from visit_cases import make_workspace
from visit_programme import Programme, prepare

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    from browser import open_browser  # half a second to load, for few journeys

    with open_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def street_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned town with visits, for tests of phones: a folder `workspace`, with its key beside it."""
    import street_town

    return street_town.build(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="session")
def visit_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of a town, `w`, beside the town `t` and the files of its people; nobody is taken in yet."""
    folder = tmp_path_factory.mktemp("visits")
    make_workspace(folder)
    shutil.copytree(folder / "t" / "divert", folder / "people")
    return folder


@pytest.fixture(scope="session")
def visit_template(visit_town: Path) -> Path:
    """The folder of the same with everybody taken in and some approved, on SQLite, and its key beside it."""
    workspace = Path(shutil.copytree(visit_town / "w", visit_town / "prepared" / "w"))
    prepare(workspace, visit_town / "people")
    return workspace.parent


@pytest.fixture
def visit_programme(visit_template: Path, tmp_path: Path) -> Programme:
    """The prepared workspace, on SQLite."""
    shutil.copytree(visit_template, tmp_path, dirs_exist_ok=True)
    return Programme(tmp_path / "w")


@pytest.fixture(params=["sqlite", "postgresql"])
def visits_on_both_stores(
    request: pytest.FixtureRequest, visit_town: Path, tmp_path: Path
) -> Iterator[Programme]:
    """The same on each store."""
    if request.param == "sqlite":
        yield request.getfixturevalue("visit_programme")
        return
    server: Server = request.getfixturevalue("postgres")
    workspace = Path(shutil.copytree(visit_town / "w", tmp_path / "w"))
    for name in ("ledger.sqlite", "ledger.head"):
        (workspace / name).unlink(missing_ok=True)
    server.sql("CREATE DATABASE visits")
    settings = workspace / "becalm.toml"
    url = server.url("visits", "force")
    settings.write_text(settings.read_text().replace("\n[ledger]", f'\n[ledger]\nurl = "{url}"', 1))
    becalm("record", "init", "--owner-url", server.url("visits"), "--workspace", workspace)
    yield prepare(workspace, visit_town / "people")
    server.sql("DROP DATABASE visits WITH (FORCE)")
