"""A frozen answer on paper: a PDF made on the server from what was frozen, not from what a browser shows."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from becalm.app.site import run_list
from becalm.formats.json_text import data_digest
from becalm.render.document import Document, DocumentTable, Section, document_pdf, text_table

if TYPE_CHECKING:
    from becalm.app.site.context import Site
    from becalm.console.run_folder import FrozenRun

PDF: Final = ".pdf"
MOST_ROWS: Final = 1000  # of one table; the other formats have them all


def can_print() -> bool:
    """Is the library for PDF installed?"""
    return find_spec("reportlab") is not None


def run_pdf(site: Site, run: FrozenRun) -> bytes:
    """The answer, its question, when it was made and from which records; the same bytes each time."""
    run_row = run_list.describe_run(site, run)
    blocks = run.page["blocks"]
    facts = (
        ("Question", f"becalm {run.record.question}"),
        ("Asked with", run_row.choices_text or "nothing chosen"),
        ("Made", f"{run_row.made_text} by becalm {run.record.version}"),
        ("Records", f"{len(run.record.data)} files, {data_digest(run.record.data)[:16]}…"),
        ("Repeat it", f"becalm run --again runs/{run.job}/{run.key}/run.json"),
    )
    answer = Section(
        "Answer",
        tuple(block["text"] for block in blocks if "text" in block),
        tuple(_table(block) for block in blocks if block.get("rows")),
    )
    about = Section("How this came about", (), (text_table(("What", "Which"), facts),))
    return document_pdf(Document(run_row.title, (answer, about), job=run.job))


def _table(block: dict[str, Any]) -> DocumentTable:
    rows = block["rows"][:MOST_ROWS]
    left_out = len(block["rows"]) - len(rows)
    if left_out:
        note = [f"{left_out:,} more rows are in the other formats", *[""] * (len(block["headings"]) - 1)]
        rows = [*rows, note]
    return text_table(block["headings"], rows)
