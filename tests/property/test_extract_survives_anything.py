"""Whatever stands in a file: it is refused with a clear word, or every row of it is loaded or rejected."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
from extracts import ROWS, read_path, rows_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from becalm.tables import INCIDENTS
from becalm.terms import InputError

WHOLE = ROWS.encode()
SNIPPETS = st.sampled_from(
    [
        b",",
        b'"',
        b"\n",
        b"\r\n",
        b"\x00",
        b"\xff",
        b";",
        b"44682",
        b"=1+1",
        b"'",
        b"\xef\xbb\xbf",
        b"1e400",
        b"NaN",
    ]
)
EDITS = st.lists(
    st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 20), st.one_of(SNIPPETS, st.binary(max_size=6))),
    min_size=1,
    max_size=6,
)


def check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "force.csv").write_bytes(content)
        try:
            reading = read_path(folder, folder / "force.csv")
        except InputError:
            return
        rows = rows_of(reading)
        assert reading.rows == reading.loaded + reading.rejected
        assert len(rows) == reading.loaded
        assert len({row["incident_id"] for row in rows}) == len(rows)
        assert len({f.row for f in reading.faults if f.fate == "rejected"}) == reading.rejected
        assert all(row["month"] and row["offence_group"] for row in rows)
        for part in reading.parts:
            assert isinstance(part.rows, pa.Table)
            assert part.rows.schema == INCIDENTS.to_pyarrow()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EDITS)
@example([(23, 200, b"")])
def test_an_altered_file_is_refused_or_told_row_by_row(edits: list[tuple[int, int, bytes]]) -> None:
    content = WHOLE
    for place, length, put in edits:
        content = content[:place] + put + content[place + length :]
    check(content)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_under_the_header_are_refused_or_told(content: bytes) -> None:
    check(WHOLE.splitlines(keepends=True)[0] + content)
