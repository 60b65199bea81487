"""Takes the manual's pictures again, from a briefing of the simulated city: `make pictures`.

Nothing in them is drawn by hand and nothing is real: the city does not exist.
"""

from __future__ import annotations

import base64
import csv
import math
import random
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
        report = make_evaluation(Path(folder)) / "index.html"
        evaluation(started, report, HERE / "evaluation-screen.png")
        paper(started, report, HERE / "evaluation-print.png", sheets=(1, 2))
        offer = make_offer(Path(folder), Path(folder) / "study") / "index.html"
        evaluation(started, offer, HERE / "evaluation-offer.png")
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
    return workspace / "briefing" / "annex.html"


TRIAL = (
    "--from",
    "2019-10-07",
    "--days",
    "84",
    "--count",
    "80",
    "-t",
    "robbery",
    "-t",
    "violence_with_injury",
)
PROTOCOL = """
question = "Did burst patrols lower street violence at the places that had them?"
design = "trial"
change_our_mind = "An interval that holds no fall, or a rise in the rings as large as the fall."
[outcome]
offence_groups = ["robbery", "violence_with_injury"]
[places]
radius_m = 105.0
ring_m = 100.0
[windows]
before = "2018-10-01..2019-09-30"
after = "2019-10-07..2019-12-29"
[trial]
folder = "trial"
visits = ["visits.csv"]
[analysis]
smallest_effect = 0.16
multiplicity = "One outcome and one test, so nothing is corrected."
stopping = "Read once, when the last day of the trial is complete."
[choices]
radius_m = [75.0, 150.0]
"""
SHARE_PREVENTED = 0.3
STREET = ("Robbery of personal property", "Robbery of business property", "Violence with injury")


def make_evaluation(folder: Path) -> Path:
    """The report of a trial on a simulated town, in which patrols prevent a known share."""
    town, workspace = folder / "town", folder / "study"
    size = ("--size", "town", "--seed", "5", "--months", "2017-01:2019-12", "--incidents", "150000")
    becalm("simulate", *size, "--out", town)
    becalm("init", workspace, "--city", town / "city.toml")
    rows = read_rows(town / "extract" / "incidents.csv")
    ingest_rows(workspace, folder / "before.csv", [r for r in rows if r["occurred_from"] < "2019-10-01"])
    becalm("patrol", "trial", "--workspace", workspace, *TRIAL, "--out", folder / "trial")
    (folder / "protocol.toml").write_text(PROTOCOL, "utf-8")
    becalm("evaluate", "register", folder / "protocol.toml", "--workspace", workspace)
    ingest_rows(workspace, folder / "after.csv", patrolled_rows(folder, rows))
    becalm("evaluate", "run", folder / "protocol.toml", "--workspace", workspace, "--out", folder / "report")
    return folder / "report"


OFFER = """
question = "Did people who were offered help early come to less harm than those who waited?"
design = "offer"
change_our_mind = "An interval that holds no fall in harm as victim."
[outcome]
offence_groups = ["violence_with_injury"]
[places]
radius_m = 1.0
[windows]
before = "2018-10-01..2019-09-30"
after = "2019-10-07..2019-12-29"
[offer]
file = "waves.csv"
[analysis]
smallest_effect = 0.2
multiplicity = "Two outcomes share the level."
stopping = "Read once, when the last wave has had its 180 days."
"""


def make_offer(folder: Path, workspace: Path) -> Path:
    """The report of six waves of made-up people, of whom the early ones come to less harm."""
    chance = random.Random(4)
    lines = ["wave,arm,people,outcome,days,count,squares"]
    for wave in range(1, 7):
        for arm, share in (("early", 0.7), ("late", 1.0)):
            for outcome, mean in (("as suspect", 1.6), ("as victim", 1.0)):
                harm = [poisson(chance, mean * share * chance.expovariate(1.0)) for _ in range(60)]
                sums = f"{sum(harm)},{sum(count**2 for count in harm)}"
                lines.append(f"wave {wave},{arm},60,{outcome},180,{sums}")
    (folder / "waves.csv").write_text("\n".join([*lines, ""]), "utf-8")
    (folder / "offer.toml").write_text(OFFER, "utf-8")
    becalm("evaluate", "run", folder / "offer.toml", "--workspace", workspace, "--out", folder / "offer")
    return folder / "offer"


def poisson(chance: random.Random, mean: float) -> int:
    """How many events of this mean."""
    count, left = -1, 1.0
    while left > math.exp(-mean):
        count, left = count + 1, left * chance.random()
    return max(count, 0)


def patrolled_rows(folder: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The records without what patrols prevented; and the visits, as they are written down."""
    chance = random.Random(7)
    arms = {(r["hotspot"], r["day"]): r["arm"] for r in read_rows(folder / "trial" / "arms.csv")}
    places = read_rows(folder / "trial" / "places.csv")
    visits = ["hotspot,start,officer_minutes,source"]
    for (hotspot, day), arm in arms.items():
        minutes = {"off": 0, "low": 60, "high": 150}[arm]
        visits += [f"{hotspot},{day}T12:00:00Z,{minutes},trace"] if minutes else []
    (folder / "visits.csv").write_text("\n".join([*visits, ""]), "utf-8")

    def share(row: dict[str, str]) -> float:
        day = row["occurred_from"][:10]
        if row["offence"] not in STREET or not row["easting"] or (places[0]["hotspot"], day) not in arms:
            return 0.0
        gap_m, hotspot = min(
            (math.dist((float(row["easting"]), float(row["northing"])), centre(p)), p["hotspot"])
            for p in places
        )
        return SHARE_PREVENTED if gap_m <= 105.0 and arms[hotspot, day] == "high" else 0.0

    return [row for row in rows if chance.random() >= share(row)]


def centre(place: dict[str, str]) -> tuple[float, float]:
    """The middle of a place, in metres."""
    return float(place["easting_m"]), float(place["northing_m"])


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a csv."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ingest_rows(workspace: Path, path: Path, rows: list[dict[str, str]]) -> None:
    """Write these records and load them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    becalm("ingest", path, "--workspace", workspace)


def evaluation(browser: Browser, page: Path, out: Path) -> None:
    """The head of the report on a screen and on a phone, side by side."""
    pictures = []
    for width in (1040, 390):
        shown = browser.new_page(viewport={"width": width, "height": 1400})
        shown.goto(page.as_uri())
        pictures.append(shown.screenshot(clip={"x": 0, "y": 0, "width": width, "height": 1400}))
    beside(browser, pictures, out, each=560, high=1000)


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


def paper(browser: Browser, page: Path, out: Path, *, sheets: Iterable[int] = SHEETS) -> None:
    """Sheets of the printed page."""
    pdf = page.with_name("print.pdf")
    shown = browser.new_page()
    shown.goto(page.as_uri())
    shown.pdf(path=pdf, prefer_css_page_size=True)
    pictures = []
    for number in sheets:
        name = pdf.with_name(f"sheet-{number}")
        span = ["-f", str(number), "-l", str(number), "-r", "110", "-singlefile"]
        subprocess.run(["pdftoppm", "-png", *span, pdf, name], check=True)
        pictures.append(name.with_suffix(".png").read_bytes())
    beside(browser, pictures, out, each=500, high=707)


def beside(browser: Browser, pictures: Iterable[bytes], out: Path, *, each: int, high: int) -> None:
    """Pictures side by side as sheets on a grey table."""
    images = [f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}">' for png in pictures]
    width = len(images) * (each + 24) + 24
    style = (
        f"body{{margin:0;padding:24px;display:flex;gap:24px;background:#dfe3e6}}"
        f"img{{width:{each}px;height:{high}px;object-fit:contain;object-position:top;background:#fff;"
        f"box-shadow:0 1px 5px #0005}}"
    )
    table = browser.new_page(viewport={"width": width, "height": high + 48})
    table.set_content(f"<style>{style}</style>{''.join(images)}", wait_until="load")
    table.screenshot(path=out)


if __name__ == "__main__":
    main()
