"""A document as .docx, for those who work in a word processor; the same document gives the same bytes."""

import io
import zipfile
from datetime import datetime
from typing import Any, Final

from becalm.render.document import Document, DocumentTable
from becalm.render.spreadsheet import FIXED_DAY

ZIP_DAY: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that an archive can hold; never shown


def document_docx(document: Document, *, made_at: datetime | None = None) -> bytes:
    """The document as .docx with live headings, paragraphs and tables.

    `made_at` is written into its properties; without it, a fixed day, so that nothing depends on the clock.
    """
    import docx  # loaded only where a document is written

    word_file = docx.Document()
    properties = word_file.core_properties
    properties.author, properties.title, properties.revision = "becalm", document.title, 1
    properties.created = properties.modified = (made_at or FIXED_DAY).replace(tzinfo=None)
    word_file.add_heading(document.title, level=0)
    if document.notice:
        word_file.add_paragraph(document.notice, style="Intense Quote")
    for section in document.sections:
        word_file.add_heading(section.heading, level=1)
        for paragraph in section.paragraphs:
            word_file.add_paragraph(paragraph)
        for table in section.tables:
            _add_table(word_file, table)
    if document.colophon:
        word_file.add_paragraph(document.colophon)
    buffer = io.BytesIO()
    word_file.save(buffer)
    return _fix_times(buffer.getvalue())


def _add_table(word_file: Any, table: DocumentTable) -> None:
    word_table = word_file.add_table(rows=1, cols=len(table.heads), style="Light Grid Accent 1")
    for cell, head in zip(word_table.rows[0].cells, table.heads, strict=True):
        cell.text = head
    for row in table.rows:
        for cell, text in zip(word_table.add_row().cells, row, strict=True):
            cell.text = text


def _fix_times(content: bytes) -> bytes:
    """The same archive with one time for all of its members: else each second would give other bytes."""
    fixed_buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as made_archive,
        zipfile.ZipFile(fixed_buffer, "w", zipfile.ZIP_DEFLATED) as fixed_archive,
    ):
        for name in made_archive.namelist():
            fixed_archive.writestr(
                zipfile.ZipInfo(name, ZIP_DAY), made_archive.read(name), zipfile.ZIP_DEFLATED
            )
    return fixed_buffer.getvalue()
