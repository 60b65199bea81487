"""The briefing as .docx and .xlsx, where commanders and analysts work: the words and figures of its pages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from becalm.brief.briefing import Briefing
from becalm.brief.part import BriefingPart
from becalm.find.files.hotspots import hotspot_columns, hotspot_rows
from becalm.measure.files import key_figures
from becalm.measure.files.comparison import CSV_COLUMNS, comparison_rows
from becalm.measure.files.sentences import baseline_name
from becalm.render import number_format
from becalm.render.document import Document, DocumentTable, Section
from becalm.render.spreadsheet import workbook_of_sheets
from becalm.render.word_document import document_docx

PLACES_SHOWN: Final = 25
PLACE_HEADS: Final = ("Rank", "Place", "Borough", "Expected in 30 days", "P")
Sheet = tuple[Sequence[str], Iterable[Iterable[object]]]


def briefing_docx(briefing: Briefing) -> bytes:
    """What the pages say, as a document."""
    period, baseline = briefing.comparison.period, briefing.comparison.baseline
    parts = {part.job: part for part in briefing.parts}
    document = Document(
        title=f"Violence {briefing.place_phrase}, {number_format.period(period)}",
        subtitle=f"against {baseline_name(baseline)}",
        job="brief",
        notice=parts["sustain"].lead if "sustain" in parts else "",
        sections=(
            _figures_section(briefing),
            Section("Before you use these figures", briefing.warnings or ("No part gave a warning.",)),
            _places_section(briefing),
            *(_part_section(part) for part in briefing.parts),
        ),
        colophon=f"Made by becalm {briefing.run.version} on {number_format.instant(briefing.run.made_at)}. "
        "The annex of the same briefing holds every figure, source and method.",
    )
    return document_docx(document, made_at=briefing.run.made_at)


def _figures_section(briefing: Briefing) -> Section:
    report = briefing.key_figures
    if report is None or not report.figures:
        return Section("Key figures", (briefing.key_figures_note or "The records hold none of them.",))
    table = DocumentTable(key_figures.HEADINGS, tuple(key_figures.figure_cells(report)))
    return Section("Key figures", tuple(key_figures.figure_sentences(report)), (table,))


def _places_section(briefing: Briefing) -> Section:
    if briefing.hotspots is None:
        return Section("Places", (briefing.hotspots_note,))
    rows = tuple(
        (
            str(place.rank),
            place.title,
            place.borough or number_format.NO_VALUE,
            number_format.decimal(place.expected_count.value, 2),
            number_format.chance(place.p_top),
        )
        for place in briefing.hotspots.hotspots[:PLACES_SHOWN]
    )
    return Section("Places", (), (DocumentTable(PLACE_HEADS, rows),))


def _part_section(part: BriefingPart) -> Section:
    paragraphs = (part.needs,) if part.needs else (part.lead, *part.paragraphs)
    return Section(
        part.heading, paragraphs, tuple(DocumentTable(table.headings, table.rows) for table in part.tables)
    )


def briefing_xlsx(briefing: Briefing) -> bytes:
    """The figures, a sheet for each table: key figures, comparison, hotspots, and the jobs' tables."""
    comparison = briefing.comparison
    sheets: dict[str, Sheet] = {}
    if briefing.key_figures and briefing.key_figures.figures:
        sheets["key figures"] = _sheet(key_figures.figure_rows(briefing.key_figures))
    sheets["comparison"] = (
        CSV_COLUMNS,
        ([row[name] for name in CSV_COLUMNS] for row in comparison_rows(comparison)),
    )
    if briefing.hotspots:
        rows = hotspot_rows(briefing.hotspots)
        sheets["hotspots"] = (hotspot_columns(briefing.hotspots), (row.values() for row in rows))
    for part in briefing.parts:
        for number, table in enumerate(part.tables, start=1):
            sheets[f"{part.job} {number}" if number > 1 else part.job] = (table.headings, table.rows)
    return workbook_of_sheets(sheets)


def _sheet(rows: Iterable[Mapping[str, object]]) -> Sheet:
    text_rows = [{name: _cell(value) for name, value in row.items()} for row in rows]
    return tuple(text_rows[0]), [tuple(row.values()) for row in text_rows]


def _cell(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
