"""The manual as a site: built strictly, and read in a real browser without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from browser import DESK, PHONE
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README", "tutorial", "explanation/find", "how-to/install", "reference/commands")


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        str(source),
        str(site),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "docs", folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_of_the_manual_is_in_the_site_and_in_its_tree(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    home = (site / "README.html").read_text("utf-8")
    assert {str(page) for page in pages if not (site / page).with_suffix(".html").is_file()} == set()
    tree = {str(page) for page in pages if page.parent.name != "decisions" and page.name != "README"}
    assert {page for page in tree if f'href="{page}.html"' not in home} == set()


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_pages_fetch_nothing_from_elsewhere_and_fit_their_screen(
    site: Path, browser: Browser, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True)
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url))
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.locator("h1").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
    context.close()
    assert [url for url in outside if not url.startswith((site.as_uri(), "data:"))] == []


def test_a_broken_link_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "conf.py").write_text('extensions = ["myst_parser"]\nroot_doc = "README"\n')
    (tmp_path / "docs" / "README.md").write_text("# Home\n\n[gone](gone.md)\n")
    built = build(tmp_path / "docs", tmp_path / "site")
    assert built.returncode != 0
    assert "gone.md" in built.stderr
