"""The briefing as one self-contained page: no request, no script, one style sheet named by its hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from becalm.publish import figures, marks, sentences, words
from becalm.publish.briefing import Briefing
from becalm.publish.change_chart import Verdict
from becalm.publish.list_rules import override_rows
from becalm.publish.week_chart import DAYS
from becalm.terms.band import Band, band_of
from becalm.terms.comparison import ComparisonRow

SHOWN = 25  # hotspots in the body of the page; all of them are in the annex


def briefing_page(briefing: Briefing) -> str:
    """The whole page as HTML."""
    return self_contained(
        "briefing.html",
        b=briefing,
        c=briefing.comparison,
        h=briefing.hotspots,
        run=briefing.run,
        warnings=briefing.warnings,
        figures=figures.of(briefing),
        shown=SHOWN,
        verdicts=_sorted_by_verdict(briefing),
        side_by_side=_side_by_side(briefing),
        core=_cores(briefing),
        overrides=(decided := override_rows(briefing.hotspots.selection if briefing.hotspots else None)),
        included={row.decision.place_id for row in decided if row.decision.include},
        notes=sentences.notes_to(briefing.comparison),
        data_digest=data_digest(briefing.run.data),
    )


def self_contained(template: str, **held: object) -> str:
    """A page from one of our templates, with the style sheet in it and nothing fetched from anywhere."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made = _environment().get_template(template)
    page = made.render(**held, style=Markup(style), style_hash=digest)  # our own file, no text of a record
    return _tidy(page) + "\n"


@cache
def _style() -> str:
    return _tidy((files("becalm.publish") / "template" / "briefing.css").read_text("utf-8"))


def _tidy(text: str) -> str:
    """The lines that hold something. Done to the style sheet first, so that its hash survives the page."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("becalm.publish", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        words=words,
        sentences=sentences,
        band_of=band_of,
        bands=tuple(Band),
        days=DAYS,
        band_mark=_band_mark,
        verdict_mark=_verdict_mark,
    )
    return environment


def _sorted_by_verdict(briefing: Briefing) -> dict[Verdict, list[ComparisonRow]]:
    comparison = briefing.comparison
    rows: dict[Verdict, list[ComparisonRow]] = {"fall": [], "rise": [], "unclear": []}
    for row in comparison.rows:
        rows[sentences.verdict_of(row, comparison.level)].append(row)
    return rows


def _side_by_side(briefing: Briefing) -> list[tuple[ComparisonRow, list[ComparisonRow | None]]]:
    """Each line of table 2: the row it is about, and that row against every baseline."""
    against = briefing.comparison.against
    lines: list[tuple[ComparisonRow, list[ComparisonRow | None]]] = [
        (briefing.comparison.total, [contrast.total for contrast in against])
    ]
    by_group = [{row.group: row for row in contrast.rows} for contrast in against]
    lines += [(row, [rows.get(row.group) for rows in by_group]) for row in briefing.comparison.rows]
    return lines


def _cores(briefing: Briefing) -> int:
    places = briefing.hotspots.hotspots if briefing.hotspots else ()
    return sum(band_of(place.p_top) is Band.core for place in places)


def data_digest(data: Mapping[str, str]) -> str:
    """One hash for all files that were read: that of the sorted lines `sha256  path`."""
    lines = "".join(f"{sha}  {path}\n" for path, sha in sorted(data.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _band_mark(band: Band) -> Markup:
    return _inline(marks.place(8, 8, band, 5.0))


def _verdict_mark(verdict: str) -> Markup:
    draw = {"fall": marks.fall, "rise": marks.rise, "unclear": marks.unclear}[verdict]
    return _inline(draw(8, 8))


def _inline(mark: Markup) -> Markup:
    """A mark beside the word that says the same; hidden from screen readers for that reason."""
    return Markup(
        '<svg class="inline" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>'
    ).format(mark)
