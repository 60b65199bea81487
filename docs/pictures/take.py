"""Takes the manual's pictures again, from a briefing of the simulated city: `make pictures`.

Nothing in them is drawn by hand and nothing is real: the city does not exist.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
PATROL = ("--patrol-from", "2020-05-04")
LARGEST_BYTES = 400_000
SHEETS = (1, 2, 5)  # of the printed briefing: the summary, the comparison, the map


def main() -> None:
    """Simulate, brief, and photograph."""
    browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
    if not (browser and shutil.which("pdftoppm")):
        sys.exit(
            "Pictures need a browser and pdftoppm: apt-get install chromium fonts-liberation poppler-utils"
        )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = make_briefing(Path(folder))
        started = playwright.chromium.launch(executable_path=shutil.which(browser), args=["--no-sandbox"])
        screen(started, page, HERE / "briefing-screen.png")
        paper(started, page, HERE / "briefing-print.png")
        started.close()
    for picture in sorted(HERE.glob("*.png")):
        size = picture.stat().st_size
        sys.stdout.write(f"{picture.name}  {size / 1000:.0f} kB\n")
        if size > LARGEST_BYTES:
            sys.exit(f"{picture.name} is larger than {LARGEST_BYTES / 1000:.0f} kB.")


def make_briefing(folder: Path) -> Path:
    """The briefing of a simulated city in its lockdown."""
    city, workspace = folder / "city", folder / "workspace"
    becalm("simulate", "--seed", "7", "--months", "2017-03:2020-04", "--out", city)
    becalm("init", workspace, "--city", city / "city.toml", "--boundaries", city / "boundaries.geojson")
    becalm("ingest", city / "extract", "--workspace", workspace)
    becalm("run", "--workspace", workspace, "--target", "robbery", "--seed", "7", *PATROL)
    return workspace / "briefing" / "index.html"


def becalm(*words: object) -> None:
    """One command, as a user gives it."""
    command = [sys.executable, "-m", "becalm.app.main", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def screen(browser: Browser, page: Path, out: Path) -> None:
    """The head of the page, its comparison and its map, side by side."""
    shown = browser.new_page(viewport={"width": 1040, "height": 1500})
    shown.goto(page.as_uri())
    head = shown.screenshot(clip={"x": 0, "y": 0, "width": 1040, "height": 1330})
    places = clipped(shown, "#where", height=1330)
    beside(browser, [head, places], out, each=760, high=972)


def clipped(page: Page, selector: str, *, height: int) -> bytes:
    """The page from this element on."""
    top = page.locator(selector).evaluate("e => e.getBoundingClientRect().top + scrollY")
    return page.screenshot(full_page=True, clip={"x": 0, "y": top - 20, "width": 1040, "height": height})


def paper(browser: Browser, page: Path, out: Path) -> None:
    """Three sheets of the printed briefing."""
    pdf = page.with_name("print.pdf")
    shown = browser.new_page()
    shown.goto(page.as_uri())
    shown.pdf(path=pdf, prefer_css_page_size=True)
    sheets = []
    for number in SHEETS:
        name = pdf.with_name(f"sheet-{number}")
        span = ["-f", str(number), "-l", str(number), "-r", "110", "-singlefile"]
        subprocess.run(["pdftoppm", "-png", *span, pdf, name], check=True)
        sheets.append(name.with_suffix(".png").read_bytes())
    beside(browser, sheets, out, each=500, high=707)


def beside(browser: Browser, pictures: Iterable[bytes], out: Path, *, each: int, high: int) -> None:
    """Pictures side by side as sheets on a grey table."""
    images = [f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}">' for png in pictures]
    width = len(images) * (each + 24) + 24
    style = (
        f"body{{margin:0;padding:24px;display:flex;gap:24px;background:#dfe3e6}}"
        f"img{{width:{each}px;height:{high}px;background:#fff;box-shadow:0 1px 5px #0005}}"
    )
    table = browser.new_page(viewport={"width": width, "height": high + 48})
    table.set_content(f"<style>{style}</style>{''.join(images)}", wait_until="load")
    table.screenshot(path=out)


if __name__ == "__main__":
    main()
