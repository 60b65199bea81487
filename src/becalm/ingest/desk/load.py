"""Loading records, and looking at those that were not loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import one_line, recorded
from becalm.desk.coverage import gaps_of
from becalm.ingest.inputs import Found, Skipped, find_inputs
from becalm.ingest.load import FileRead, city_of, load_readers, read_files, require_sound
from becalm.ingest.locate import Locator
from becalm.ingest.reader import ReadContext, Reader
from becalm.ingest.summary import summarise
from becalm.ledger.event import Fact
from becalm.tables import (
    COUNT_TABLES,
    ArchiveFile,
    FaultCount,
    Intake,
    Source,
    count_faults,
    count_matched,
    filter_faults,
    list_faults,
)
from becalm.terms import FileIntake, Gap, RowFault
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.config import Workspace, read_city, write_config
from becalm.workspace.offences import load_offences


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one command loaded, what it passed over, and what the records still lack."""

    intake_id: str | None  # None where nothing was new
    files: tuple[FileIntake, ...]
    summary: tuple[FileIntake, ...]  # the files, those of one kind together where they are many
    skipped: tuple[Skipped, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Told how many bytes there are in all, and of each file when it is done."""

    start: Callable[[int], None]
    advance: Callable[[int], None]


SILENT = Progress(start=lambda _: None, advance=lambda _: None)


def ingest(
    desk: Desk,
    paths: Sequence[Path],
    *,
    as_of: date | None = None,
    mapping: Path | None = None,
    max_reject_share: float | None = None,
    progress: Progress = SILENT,
) -> IngestReport:
    """What do these files hold that the archive does not have yet? Load all of it, or nothing.

    Raises InputError with every refusal where one of the files cannot be loaded.
    """
    found, skipped = find_inputs(paths, as_of=as_of)
    progress.start(sum(f.size_bytes for f in found))
    share = desk.workspace.config.ingest.max_reject_share if max_reject_share is None else max_reject_share
    desk.open_ledger()  # what cannot be recorded is not loaded
    with desk.archive.intake() as intake:
        readers = load_readers()
        workspace = _workspace_for(desk, found, readers, _context(desk.workspace, intake, mapping))
        reads, unknown = read_files(
            found,
            readers,
            _context(workspace, intake, mapping),
            was_loaded=desk.archive.has_input,
            advance=lambda f: progress.advance(f.size_bytes),
        )
        require_sound(reads, max_reject_share=share)
        before = desk.archive.files()
        adopted = _adopt(desk, workspace)
        intake_id = _keep(desk, intake, reads)
    files = tuple(_tally(read, before, desk.archive.files()) for read in reads)
    return IngestReport(
        intake_id=intake_id,
        files=files,
        summary=summarise(files),
        skipped=(*skipped, *unknown),
        gaps=_gaps(desk, files),
        notes=(*adopted, *_matched(desk, files)),
    )


@dataclass(frozen=True, slots=True)
class Rejects:
    """Rows that were rejected or repaired: how many for each reason, and which (the first of them)."""

    counts: tuple[FaultCount, ...]
    rows: tuple[RowFault, ...]


def list_rejects(
    desk: Desk,
    *,
    file: str | None = None,
    reason: str | None = None,
    fate: str | None = None,
    limit: int | None = None,
) -> Rejects:
    """Which rows of the files in the archive were rejected or repaired, and why?"""
    chosen = filter_faults(desk.archive.table("row_faults"), file=file, reason=reason, fate=fate)
    return Rejects(count_faults(chosen), list_faults(chosen, limit=limit))


def _context(workspace: Workspace, intake: Intake, mapping: Path | None) -> ReadContext:
    return ReadContext(
        city=workspace.city,
        locator=Locator(workspace.city, load_boundaries(workspace)),
        offences=load_offences(workspace.offences_path),
        staging=Path(intake.staging),
        mapping=mapping,
        mappings=workspace.mappings_path,
    )


def _workspace_for(
    desk: Desk, found: Sequence[Found], readers: Sequence[Reader], context: ReadContext
) -> Workspace:
    """The workspace as it is; while it is empty and its city a mere default, with the first file's city."""
    config = desk.workspace.config
    if config.city.chosen or desk.archive.versions():
        return desk.workspace
    key = city_of(found, readers, context)
    if key is None or key == config.city.key:
        return desk.workspace
    city = read_city(key).model_copy(update={"chosen": True})
    return Workspace(desk.workspace.path, config.model_copy(update={"city": city}))


def _adopt(desk: Desk, workspace: Workspace) -> tuple[str, ...]:
    """Write the city that the first records brought into becalm.toml, and say so."""
    if workspace == desk.workspace:
        return ()
    write_config(workspace.path, workspace.config)
    city = workspace.city
    return (f"the workspace was empty: its city is now {city.name} ({city.crs}), as these records say",)


def _gaps(desk: Desk, files: Sequence[FileIntake]) -> tuple[Gap, ...]:
    """What do the sources that were loaded not cover?"""
    loaded = {(f.table, f.source) for f in files if f.table in COUNT_TABLES and f.status != "already loaded"}
    return tuple(gap for table, source in sorted(loaded) for gap in gaps_of(desk, Source(table, source)))


def _matched(desk: Desk, files: Sequence[FileIntake]) -> tuple[str, ...]:
    """To how many of their crimes could the outcomes that were loaded be joined?"""
    if not any(f.table == "outcomes" and f.rows for f in files):
        return ()
    incidents, outcomes = desk.archive.table("incidents"), desk.archive.table("outcomes")
    matched, known = count_matched(outcomes, incidents)
    return (f"outcomes: {matched:,} of the {known:,} crimes that have one are among the incidents",)


def _keep(desk: Desk, intake: Intake, reads: Sequence[FileRead]) -> str | None:
    new = [(read, read.reading) for read in reads if read.reading is not None]
    if not new:
        return None
    for read, reading in new:
        for part in reading.parts:
            intake.add(
                part,
                as_of=read.file.as_of,
                input_file=read.file.name,
                input_sha256=read.file.sha256,
                recipe=read.recipe,
                recipe_sha256=read.recipe_sha256,
            )
        intake.add_faults(reading.faults)
    with recorded(desk, "records_loaded", purpose="load", facts=_load_facts(intake, reads)):
        return intake.commit()


def _load_facts(intake: Intake, reads: Sequence[FileRead]) -> Mapping[str, Fact]:
    new = [(read.file, read.reading) for read in reads if read.reading is not None]
    return {
        "intake": intake.id,
        "files": tuple((one_line(file.name), file.sha256) for file, _ in new),
        "sources": tuple(sorted({one_line(part.source) for _, reading in new for part in reading.parts})),
        "rows": sum(reading.rows for _, reading in new),
        "loaded": sum(reading.loaded for _, reading in new),
        "rejected": sum(reading.rejected for _, reading in new),
    }


def _tally(read: FileRead, before: Sequence[ArchiveFile], after: Sequence[ArchiveFile]) -> FileIntake:
    """One line of the summary, from what was current before the load and what is after it."""
    reading = read.reading
    if reading is None:
        return _loaded_before(read, before)
    slots = {(part.table, part.source, part.month) for part in reading.parts}
    current = {f.path for f in after}
    mine = {(f.table, f.source, f.month) for f in after if f.input_sha256 == read.file.sha256}
    former = [f for f in before if (f.table, f.source, f.month) in slots]
    newer = [f for f in former if (f.table, f.source, f.month) not in mine]
    newer_notes = tuple(f"an edition as of {f.as_of} stays current for {f.month}" for f in newer[:3])
    notes = (*newer_notes, *_replaced(read, [f for f in former if f.path not in current]))
    notes = (*notes, *_beaten(read, slots - mine, {f.path for f in before}, after))
    return FileIntake(
        file=read.file.name,
        source=", ".join(sorted({part.source for part in reading.parts})),
        table=", ".join(sorted({part.table for part in reading.parts})),
        mapping=reading.recipe,
        months=tuple(sorted({part.month for part in reading.parts if part.month})),
        rows=reading.rows,
        loaded=reading.loaded,
        repaired=reading.repaired,
        rejected=reading.rejected,
        as_of=read.file.as_of,
        status="supersedes" if any(f.path not in current for f in former) else "loaded",
        notes=(*reading.notes, *notes),
    )


def _replaced(read: FileRead, spent: Sequence[ArchiveFile]) -> tuple[str, ...]:
    """Which other files does this one push aside? They may have been meant to count beside it."""
    others = sorted({f.input_file for f in spent if f.input_file != read.file.name})
    if not others:
        return ()
    named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return (f"replaces what {named} brought; files that count together are loaded by one command",)


def _beaten(
    read: FileRead, lost: set[tuple[str, str, str]], before: set[str], after: Sequence[ArchiveFile]
) -> tuple[str, ...]:
    """Which other file of this command counts in the place of this one?"""
    new = [f for f in after if f.path not in before and (f.table, f.source, f.month) in lost]
    return tuple(
        f"not counted for {f.month}: {f.input_file}, loaded by the same command, counts in its place"
        if f.input_file != read.file.name
        else f"not counted for {f.month}: a file of the same name counts in its place"
        for f in new[:3]
    )


def _loaded_before(read: FileRead, held: Sequence[ArchiveFile]) -> FileIntake:
    mine = [f for f in held if (f.input_sha256, f.recipe_sha256) == (read.file.sha256, read.recipe_sha256)]
    return FileIntake(
        file=read.file.name,
        source=", ".join(sorted({f.source for f in mine})),
        table=", ".join(sorted({f.table for f in mine})),
        mapping=read.recipe,
        months=tuple(sorted({f.month for f in mine})),
        rows=0,
        loaded=0,
        repaired=0,
        rejected=0,
        as_of=max((f.as_of for f in mine), default=read.file.as_of),
        status="already loaded",
        notes=() if mine else ("the same bytes as another file of this command",),
    )
