"""Small police.uk files and a workspace to load them into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from secrets import token_bytes
from typing import Any

from ledgers import open_sqlite

from becalm.archive.parquet import ParquetArchive, connect
from becalm.desk import Desk
from becalm.ingest.desk import IngestReport, load_records
from becalm.ingest.request import LoadRequest
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.terms import FileName
from becalm.workspace.config import open_workspace

STREET = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
    "Last outcome category,Context"
)
OUTCOMES = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Outcome type"
)
STOPS = (
    "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,"
    "Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,"
    "Outcome linked to object of search,Removal of more than just outer clothing"
)
FORCE = "City of London Police"


def street_row(
    crime_id: str = "",
    *,
    month: str = "2020-04",
    place: str = "-0.097601,51.520699",
    area: str = "E01000001,City of London 001A",
    crime_type: str = "Robbery",
    outcome: str = "",
    context: str = "",
) -> str:
    where = f"{place},On or near A Street,{area}"
    return f"{crime_id},{month},{FORCE},{FORCE},{where},{crime_type},{outcome},{context}"


def outcome_row(crime_id: str, outcome: str = "Offender sent to prison", *, month: str = "2020-04") -> str:
    where = "-0.09,51.52,On or near A Street,E01000001,City of London 001A"
    return f"{crime_id},{month},{FORCE},{FORCE},{where},{outcome}"


def stop_row(date: str, *, place: str = "51.516814,-0.081620", found: str = "Arrest") -> str:
    person = "Female,18-24,Asian,Asian"
    return f"Person search,{date},,,{place},{person},Misuse of Drugs Act 1971,Drugs,{found},,False"


def write_csv(path: Path, header: str, rows: Iterable[str], *, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + end, encoding="utf-8", newline="")
    return path


def write_street(
    folder: Path, rows: Iterable[str], *, month: str = "2020-04", force: str = "city-of-london"
) -> Path:
    return write_csv(folder / f"{month}-{force}-street.csv", STREET, rows)


def write_inbox(folder: Path, *odd_rows: str) -> Path:
    """A folder of one file: sixty sound rows, and these."""
    write_street(folder, [*(street_row(f"a{n}") for n in range(60)), *odd_rows])
    return folder


def make_workspace(folder: Path, *, more: str = "", chosen: bool = True) -> Path:
    """A workspace in Greater London."""
    city = (files("becalm.workspace") / "cities" / "london.toml").read_text("utf-8")
    facts, _, boroughs = city.partition("[[boroughs]]")
    text = f"[city]\n{facts}chosen = {str(chosen).lower()}\n\n[[city.boroughs]]" + boroughs.replace(
        "[[boroughs]]", "[[city.boroughs]]"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "becalm.toml").write_text(f"{text}\n{more}", encoding="utf-8")
    return folder


def first_of_june() -> datetime:
    return datetime(2020, 6, 1, tzinfo=UTC)


def desk_on(workspace: Path) -> Desk:
    opened = open_workspace(workspace)
    return Desk(
        workspace=opened,
        archive=ParquetArchive(opened.archive_path, lambda: connect("duckdb")),
        actor="tester",
        now=first_of_june,
        draw_seed=lambda: 1,
        open_ledger=cache(lambda: ledger_of(opened.ledger_path)),
    )


def ledger_of(path: Path) -> SqliteLedger:
    return open_sqlite(path, now=first_of_june, draw_salt=lambda: token_bytes(32))


@dataclass(frozen=True)
class Station:
    """A workspace and its desk, ready to load files."""

    desk: Desk
    inbox: Path

    def ingest(self, *paths: Path, **options: Any) -> IngestReport:
        """Load these files (else the inbox), asked as a `LoadRequest` is."""
        names = tuple(FileName(str(path)) for path in (paths or [self.inbox]))
        return load_records(self.desk, LoadRequest(paths=names, **options))

    def rows(self, table: str = "incidents", **choice: Any) -> list[dict[str, Any]]:
        return list(self.desk.archive.table(table, **choice).to_pyarrow().to_pylist())

    def by_id(self, table: str = "incidents") -> dict[str, dict[str, Any]]:
        key = {"incidents": "incident_id", "stops": "stop_id", "outcomes": "incident_id"}[table]
        return {row[key]: row for row in self.rows(table)}


def station(folder: Path, **choice: Any) -> Station:
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    return Station(desk_on(make_workspace(folder / "workspace", **choice)), inbox)
