"""What was loaded: seen, taken back, and destroyed when its time has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.archive.intake import purge_files, withdraw_load
from becalm.archive.manifest import read_manifest
from becalm.desk import Desk, one_line, recorded_action
from becalm.ingest.request import LoadsRequest, PurgeRequest, WithdrawRequest
from becalm.ledger import Event, Fact
from becalm.tables import ArchiveFile
from becalm.terms import UsageError

LoadStatus = Literal["current", "partly superseded", "superseded", "withdrawn", "purged"]


@dataclass(frozen=True, slots=True)
class Load:
    """One load: what it brought, and whether that still counts."""

    load: str  # its number
    loaded_on: date | None  # as the ledger says
    loaded_by: str
    source: str
    table: str
    first_month: str
    last_month: str
    rows: int
    current_rows: int  # of these, those that count now
    as_of: date
    files: tuple[str, ...]
    status: LoadStatus
    reason: str = ""  # why it was withdrawn


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What the archive holds of one source."""

    source: str
    table: str
    first_month: str
    last_month: str
    rows: int
    as_of: date
    loads: int


@dataclass(frozen=True, slots=True)
class Purge:
    """What was destroyed."""

    before: date
    files: int
    rows: int
    first_month: str
    last_month: str


def list_loads(desk: Desk, request: LoadsRequest) -> tuple[Load, ...]:
    """Which loads are there, and do they still count? The newest first."""
    withdrawn_loads = read_manifest(desk.workspace.archive_path).withdrawn
    current_paths = {file.path for file in desk.archive.files()}
    events_by_load: dict[str, dict[str, Event]] = {}
    for entry in desk.open_ledger().entries(kinds=("records_loaded", "records_withdrawn")):
        events_by_load.setdefault(str(entry.event.facts["intake"]), {})[entry.event.kind] = entry.event
    files_by_load: dict[str, list[ArchiveFile]] = {}
    for file in desk.archive.versions():
        if file.table != "row_faults":
            files_by_load.setdefault(file.intake_id, []).append(file)
    loads = (
        _describe_load(
            files, current_paths, events_by_load.get(load, {}), is_withdrawn=load in withdrawn_loads
        )
        for load, files in sorted(files_by_load.items(), reverse=True)
    )
    return tuple(load for load in loads if request.source in (None, *load.source.split(", ")))


def _describe_load(
    files: list[ArchiveFile], current_paths: set[str], events: dict[str, Event], *, is_withdrawn: bool
) -> Load:
    row_count, current_row_count = (
        sum(f.rows for f in files),
        sum(f.rows for f in files if f.path in current_paths),
    )
    load_status: LoadStatus = "superseded"
    if is_withdrawn:
        load_status = "withdrawn"
    elif all(file.purged_on for file in files):
        load_status = "purged"
    elif current_row_count:
        load_status = "current" if current_row_count == row_count else "partly superseded"
    load_event, withdrawal = events.get("records_loaded"), events.get("records_withdrawn")
    return Load(
        load=files[0].intake_id,
        loaded_on=load_event.occurred_at.date() if load_event else None,
        loaded_by=load_event.actor if load_event else "",
        source=", ".join(sorted({file.source for file in files})),
        table=", ".join(sorted({file.table for file in files})),
        first_month=min(file.month for file in files),
        last_month=max(file.month for file in files),
        rows=row_count,
        current_rows=current_row_count,
        as_of=max(file.as_of for file in files),
        files=tuple(sorted({file.input_file for file in files})),
        status=load_status,
        reason=str(withdrawal.facts["reason"]) if withdrawal else "",
    )


def take_back_load(desk: Desk, request: WithdrawRequest) -> Load:
    """Take a load back: its records count no more, and what they had replaced counts again.

    Raises UsageError where there is no such load, it was withdrawn already, or no reason is given.
    """
    load_by_id = {past_load.load: past_load for past_load in list_loads(desk, LoadsRequest())}
    load_id = request.load.zfill(6)
    if load_id not in load_by_id:
        raise UsageError(
            f"There is no load {request.load!r}; there are {', '.join(load_by_id) or 'none'}. "
            "`becalm ingest list` shows what each of them brought."
        )
    past_load = load_by_id[load_id]
    if past_load.status == "withdrawn":
        raise UsageError(
            f"Load {load_id} was withdrawn already ({past_load.reason}). Nothing is left to take back."
        )
    if not request.reason.strip():
        raise UsageError("No reason is given. Say with `reason` why the load is taken back.")
    facts: dict[str, Fact] = {
        "intake": load_id,
        "reason": one_line(request.reason),
        "rows": past_load.current_rows,
    }
    with recorded_action(desk, "records_withdrawn", purpose="load", facts=facts):
        withdraw_load(desk.workspace.archive_path, load_id)
    return next(after for after in list_loads(desk, LoadsRequest()) if after.load == load_id)


def purge_records(desk: Desk, request: PurgeRequest) -> Purge:
    """Destroy for good what lies before this day; hashes stay, and runs that read it say why they cannot.

    Raises UsageError where the day lies within the time for which records are kept, or nothing is older.
    """
    keep_months, today = desk.workspace.config.ingest.keep_months, desk.now().date()
    year, month_index = divmod(today.year * 12 + today.month - 1 - keep_months, 12)
    end_day = date(year, month_index + 1, 1)
    if request.before > end_day:
        raise UsageError(
            f"Records are kept for {keep_months} months (keep_months of [ingest] in becalm.toml), so none "
            f"from {end_day} on may be destroyed. Give a day up to {end_day} with `before`."
        )
    old_files = _select_old_files(desk.archive.versions(), request.before)
    if not old_files:
        raise UsageError(f"No records lie before {request.before}. Nothing was destroyed.")
    months, row_count = (
        sorted(f.month for f in old_files if f.month),
        sum(f.rows for f in old_files if f.month),
    )
    facts: dict[str, Fact] = {
        "before": request.before.isoformat(),
        "files": len(old_files),
        "rows": row_count,
    }
    with recorded_action(desk, "records_purged", purpose="retention", facts=facts):
        purge_files(desk.workspace.archive_path, {file.path for file in old_files}, on=today)
    return Purge(request.before, len(old_files), row_count, months[0], months[-1])


def _select_old_files(files: Iterable[ArchiveFile], before: date) -> list[ArchiveFile]:
    """Files of months that ended before this day, and the row faults of loads of which nothing is left."""
    present_files = [file for file in files if not file.purged_on]
    old_files = [file for file in present_files if file.month and file.month < f"{before:%Y-%m}"]
    old_paths = {file.path for file in old_files}
    remaining_load_ids = {
        file.intake_id for file in present_files if file.month and file.path not in old_paths
    }
    lone_fault_files = [
        file for file in present_files if not file.month and file.intake_id not in remaining_load_ids
    ]
    return [*old_files, *lone_fault_files] if old_files else []


def list_sources(desk: Desk) -> tuple[SourceStatus, ...]:
    """Which sources does the archive hold, from when to when, and as of when?"""
    files_by_source: dict[tuple[str, str], list[ArchiveFile]] = {}
    for file in desk.archive.files():
        if file.table != "row_faults":
            files_by_source.setdefault((file.source, file.table), []).append(file)
    return tuple(
        SourceStatus(
            source,
            table,
            min(file.month for file in source_files),
            max(file.month for file in source_files),
            sum(file.rows for file in source_files),
            max(file.as_of for file in source_files),
            len({file.intake_id for file in source_files}),
        )
        for (source, table), source_files in sorted(files_by_source.items())
    )
