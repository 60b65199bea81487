"""A plain document (headings, paragraphs, tables) as a page, as a PDF to print, and as lines on a screen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from becalm.render.pages import self_contained
from becalm.terms import load_extra

PAGE_MARGIN_MM = 13
FONT_SIZES = {"Title": 15, "Heading2": 10, "Heading3": 9, "BodyText": 8}  # points
POINTS_PER_MM = 72 / 25.4


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """A table with its heads; every cell is text."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[DocumentTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A title, a notice that stands above everything (none where empty), and sections."""

    title: str
    sections: tuple[Section, ...]
    notice: str = ""
    colophon: str = ""
    job: str = "divert"
    subtitle: str = field(default="", kw_only=True)
    font_scale: float = field(default=1.0, kw_only=True)  # of the PDF: letters are set larger than tables


def document_html(document: Document, version: str) -> str:
    """The document as one self-contained page."""
    return self_contained("document.html", document=document, title=document.title, version=version)


def document_lines(document: Document) -> Iterator[str]:
    """The document as lines of text."""
    yield document.title
    if document.notice:
        yield document.notice
    for section in document.sections:
        yield ""
        yield section.heading
        yield from (f"  {paragraph}" for paragraph in section.paragraphs)
        for table in section.tables:
            yield from _table_lines(table)


def _table_lines(table: DocumentTable) -> Iterator[str]:
    rows = [table.heads, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.heads))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def document_pdf(document: Document) -> bytes:
    """The document as a PDF with live text; the same document gives the same bytes.

    Raises DependencyError where reportlab is not installed.
    """
    platypus = load_extra("reportlab.platypus", "pdf", "A PDF", "write the page as .html and print it")
    styles = load_extra("reportlab.lib.styles", "pdf", "A PDF").getSampleStyleSheet()
    for name, usual_size in FONT_SIZES.items():
        size = usual_size * document.font_scale
        styles[name].fontSize, styles[name].leading = size, size * 1.2
        styles[name].spaceBefore, styles[name].spaceAfter = size * 0.4, size * 0.3
    colors = load_extra("reportlab.lib.colors", "pdf", "A PDF")
    grid_style = [("GRID", (0, 0), (-1, -1), 0.4, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    grid_style += [(f"{side}PADDING", (0, 0), (-1, -1), 1.5) for side in ("TOP", "BOTTOM")]
    buffer, margin = io.BytesIO(), PAGE_MARGIN_MM * POINTS_PER_MM
    page = platypus.SimpleDocTemplate(
        buffer,
        title=document.title,
        author="becalm",
        invariant=1,
        **dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), margin),
    )

    def paragraph(text: str, style: str) -> Any:
        return platypus.Paragraph(escape(text), styles[style])

    def flow_table(table: DocumentTable) -> Any:
        cells = [[paragraph(cell, "BodyText") for cell in row] for row in (table.heads, *table.rows)]
        return platypus.Table(cells, repeatRows=1, style=grid_style)

    flowables = [paragraph(document.title, "Title")]
    flowables += [paragraph(document.notice, "Heading3")] if document.notice else []
    for section in document.sections:
        flowables.append(paragraph(section.heading, "Heading2"))
        flowables += [paragraph(text, "BodyText") for text in section.paragraphs]
        flowables += [flow_table(table) for table in section.tables]
    flowables += [paragraph(document.colophon, "BodyText")] if document.colophon else []
    page.build(flowables)
    return buffer.getvalue()


def text_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> DocumentTable:
    """A table of anything that has a text."""
    return DocumentTable(tuple(heads), tuple(tuple("" if c is None else str(c) for c in row) for row in rows))
