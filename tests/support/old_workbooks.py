"""Writes the smallest .xls and .ods that a spreadsheet program opens: texts, numbers and instants."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | float | datetime
Rows = Sequence[Sequence[Cell]]
SECTOR = 512
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # a workbook has no zone
OASIS = "urn:oasis:names:tc:opendocument:xmlns"


def write_xls(path: Path, sheets: dict[str, Rows]) -> Path:
    """A workbook of Excel 97 (BIFF8 in a compound file)."""
    bodies = [_sheet_records(rows) for rows in sheets.values()]
    first_start = len(_globals(list(sheets), [0] * len(sheets)))
    starts = [first_start + sum(map(len, bodies[:n])) for n in range(len(bodies))]
    path.write_bytes(_compound_file(_globals(list(sheets), starts) + b"".join(bodies)))
    return path


def _record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _globals(names: list[str], starts: list[int]) -> bytes:
    formats = b"".join(_record(0xE0, struct.pack("<HH16x", 0, number)) for number in (0, 22))
    bounds = b"".join(
        _record(0x85, struct.pack("<IHBB", start, 0, len(name), 0) + name.encode("latin-1"))
        for name, start in zip(names, starts, strict=True)
    )
    return _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)) + formats + bounds + _record(0x0A)


def _sheet_records(rows: Rows) -> bytes:
    cells = [
        _cell_record(r, c, cell) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell != ""
    ]
    start = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    return start + b"".join(cells) + _record(0x0A)


def _cell_record(row: int, column: int, cell: Cell) -> bytes:
    if isinstance(cell, str):
        text = struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le")
        return _record(0x204, struct.pack("<HHH", row, column, 0) + text)
    is_instant = isinstance(cell, datetime)
    number = (cell - EPOCH).total_seconds() / 86400 if isinstance(cell, datetime) else float(cell)
    return _record(0x203, struct.pack("<HHHd", row, column, int(is_instant), number))


def _compound_file(stream: bytes) -> bytes:
    """One stream `Workbook` in the container of [MS-CFB]; long enough to need no stream of small sectors."""
    stream = stream.ljust(4096, b"\0")
    stream += b"\0" * (-len(stream) % SECTOR)
    count = len(stream) // SECTOR
    links = [FAT, END, *range(3, count + 2), END]
    assert len(links) <= SECTOR // 4, "more than one sector of links is not written here"
    header = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0)
    header += struct.pack("<I", 0) + struct.pack("<I", FREE) * 108
    table = struct.pack(f"<{len(links)}I", *links) + struct.pack("<I", FREE) * (SECTOR // 4 - len(links))
    entries = _entry("Root Entry", 5, 1, END, 0) + _entry("Workbook", 2, FREE, 2, len(stream))
    return header + table + entries + _entry("", 0, FREE, 0, 0) * 2 + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le").ljust(64, b"\0")
    length = 2 * len(name) + 2 if name else 0
    return text + struct.pack("<HBBIII36xIQ", length, kind, 1, FREE, FREE, child, start, size)


def write_ods(path: Path, sheets: dict[str, Rows]) -> Path:
    """A spreadsheet of the OpenDocument format."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">{"".join(map(_ods_row, rows))}</table:table>'
        for name, rows in sheets.items()
    )
    names = " ".join(f'xmlns:{name}="{OASIS}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{OASIS}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", kind)
        book.writestr("content.xml", content)
        book.writestr("META-INF/manifest.xml", manifest)
    return path


def _ods_row(row: Sequence[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(cell: Cell) -> str:
    if cell == "":
        return "<table:table-cell/>"
    if isinstance(cell, datetime):
        value = f'office:value-type="date" office:date-value="{cell.isoformat()}"'
    elif isinstance(cell, str):
        value = 'office:value-type="string"'
    else:
        value = f'office:value-type="float" office:value="{cell}"'
    return f"<table:table-cell {value}><text:p>{escape(str(cell))}</text:p></table:table-cell>"
