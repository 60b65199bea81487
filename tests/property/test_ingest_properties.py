"""Whatever a file holds, every row of it is accounted for, and nothing but a known refusal comes out."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from police_files import STREET, street_row

from becalm.ingest.input_files import InputEntry, open_input
from becalm.ingest.locate import Locator
from becalm.ingest.police_uk.reader import PoliceUkReader
from becalm.ingest.reader import ReadContext, Reading
from becalm.terms import InputError
from becalm.workspace.config import read_city
from becalm.workspace.read_offence_tables import load_offences

LONDON = read_city("london").city()
LOCATOR, OFFENCES = Locator(LONDON), load_offences(None)
NAME = "2020-04-city-of-london-street.csv"
TYPES = ("Robbery", "robbery ", "Drugs", "Anti-social behaviour", "Robery", "", "=1+1")
PLACES = (
    "-0.0976,51.5206",
    "-0.1,51.5",
    ",",
    "0,0",
    "-0.1,",
    "x,y",
    "51.5,-0.1",
    "-87.6,41.8",
    "nan,nan",
    "1e400,2",
)
CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

rows = st.lists(
    st.builds(
        street_row,
        st.sampled_from(["", "a", "b", "c", "d" * 64]),
        month=st.sampled_from(["2020-04", "2020-04", "2020-05", "2020-4", ""]),
        place=st.sampled_from(PLACES),
        crime_type=st.sampled_from(TYPES),
        outcome=st.sampled_from(["", "Under investigation", '"a ""quoted"" one"', "café"]),
    ),
    min_size=1,
    max_size=30,
)


def read(content: bytes) -> tuple[Reading, list[dict[str, object]]]:
    """Read bytes as a street file; the reading and the rows it would load."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / NAME).write_bytes(content)
        context = ReadContext(LONDON, LOCATOR, OFFENCES, folder)
        entry = InputEntry(NAME, folder / NAME, None, len(content), date(2020, 6, 1))
        with open_input(entry, folder, line_limit=1 << 20) as file:
            reading = PoliceUkReader().read(file, context)
        tables = [pq.read_table(str(part.rows)) for part in reading.parts]
    return reading, [row for table in tables for row in table.to_pylist()]


def as_file(lines: list[str]) -> bytes:
    return "\n".join([STREET, *lines, ""]).encode()


@CALM
@given(rows)
def test_every_row_is_loaded_or_rejected_and_ids_are_unique(lines: list[str]) -> None:
    reading, loaded = read(as_file(lines))
    assert (reading.rows, reading.loaded) == (len(lines), len(loaded))
    rejected = {fault.row for fault in reading.faults if fault.fate == "rejected"}
    repaired = {fault.row for fault in reading.faults if fault.fate == "repaired"} - rejected
    assert (len(rejected), len(repaired)) == (reading.rejected, reading.repaired)
    assert len({row["incident_id"] for row in loaded}) == len(loaded)


@CALM
@given(rows)
def test_it_loads_what_a_plain_loop_over_the_rows_would_load(lines: list[str]) -> None:
    _, loaded = read(as_file(lines))
    assert Counter(map(summary, loaded)) == plain_loop(lines)


def summary(row: dict[str, object]) -> tuple[object, ...]:
    return row["month"], row["offence"], row["outcome"], row["location_quality"], row["easting_m"] is None


def plain_loop(lines: list[str]) -> Counter[tuple[object, ...]]:
    """An independent reading of the same rules, one row after the other."""
    words = OFFENCES["police_uk"].by_word()
    parsed = list(csv.DictReader(io.StringIO("\n".join([STREET, *lines]))))
    has_april = any(row["Month"] == "2020-04" for row in parsed)
    seen: set[str] = set()
    kept: Counter[tuple[object, ...]] = Counter()
    for line, row in zip(lines, parsed, strict=True):
        repeated = bool(row["Crime ID"]) and line in seen
        seen.add(line)
        right_month = row["Month"] == "2020-04" or (row["Month"] == "2020-05" and not has_april)
        known = row["Crime type"].strip().casefold() in words
        if repeated or not right_month or not known:
            continue
        place = f"{row['Longitude']},{row['Latitude']}" in PLACES[:2]
        quality = "snap" if place else "none"
        kept[row["Month"], row["Crime type"], row["Last outcome category"] or None, quality, not place] += 1
    return kept


@CALM
@given(rows, st.integers(0, 10_000), st.binary(max_size=6), st.integers(0, 4))
def test_a_damaged_file_is_read_or_refused_and_never_breaks_the_reader(
    lines: list[str], at: int, junk: bytes, cut: int
) -> None:
    sound = as_file([*lines, *lines])
    spot = at % len(sound)
    damaged = sound[:spot] + junk + sound[spot + cut * 7 :]
    try:
        reading, loaded = read(damaged)
    except InputError:
        return
    assert reading.loaded == len(loaded)
    assert all(fault.row >= 2 for fault in reading.faults)


@CALM
@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_read_or_refused(content: bytes) -> None:
    with suppress(InputError):
        read(content)


@CALM
@given(rows, st.lists(st.integers(0, 30), max_size=4))
def test_the_careful_way_gives_the_same_rows_as_the_fast_one(lines: list[str], cuts: list[int]) -> None:
    """A row that cannot be split sends the reader over the lines one by one; the others come out the same."""
    fast, quick = read(as_file(lines))
    broken = list(lines)
    for cut in sorted(cuts, reverse=True):
        broken.insert(min(cut, len(broken)), "cut,off")
    slow, careful = read(as_file(broken))
    assert (slow.loaded, slow.rejected) == (fast.loaded, fast.rejected + len(cuts))
    assert Counter(map(summary, careful)) == Counter(map(summary, quick))
