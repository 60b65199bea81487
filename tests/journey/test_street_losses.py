"""Ten things that befall a phone: no record that it confirmed is lost, and none is recorded twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright
from street_faults import FAULTS, run
from street_town import StreetSite
from town import copy

RECORDS, MANY = 4, 100


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def site(street_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreetSite]:
    copied_folder = copy(street_workspace.parent, tmp_path_factory.mktemp("losses") / "town")
    site = StreetSite(copied_folder / street_workspace.name)
    site.start()
    yield site
    site.kill()


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(
    playwright: Playwright, site: StreetSite, tmp_path: Path, fault: str
) -> None:
    losses = run(playwright, site, tmp_path / "phone", fault, RECORDS)
    assert losses.written >= RECORDS
    assert (losses.lost, losses.doubled, losses.waiting) == (0, 0, 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_thousand_records_none_is_lost_or_doubled(
    playwright: Playwright, site: StreetSite, tmp_path: Path, fault: str
) -> None:
    losses = run(playwright, site, tmp_path / "phone", fault, MANY)
    sys.stdout.write(f"{losses}\n")
    assert losses.written >= MANY
    assert (losses.lost, losses.doubled, losses.waiting) == (0, 0, 0)
