"""Loading records, looking at rows that were not loaded, and proposing a mapping for a new file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from becalm import tables
from becalm.desk import Desk, gaps_of, recorded_action
from becalm.formats.sheet import Layout, file_refusal
from becalm.formats.table_reader import read_sheet
from becalm.ingest.input_files import InputEntry, SkippedFile, list_inputs, open_input, total_bytes
from becalm.ingest.locate import Locator
from becalm.ingest.mapping import fitting_mappings
from becalm.ingest.propose.mapping import Proposal, propose
from becalm.ingest.read_files import (
    FileReading,
    check_readings,
    check_replacements,
    describe_file,
    find_city_key,
    load_facts,
    load_readers,
    read_files,
    summarise,
)
from becalm.ingest.reader import ReadContext, Reader
from becalm.ingest.request import LoadRequest, MappingRequest, RejectsRequest
from becalm.terms import FileIntake, Gap, RowFault, UsageError
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.config import Workspace, read_city, write_config
from becalm.workspace.read_offence_tables import load_offences

CITIES = "cities"  # a folder of the workspace, for city files that were proposed


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one command loaded, what it passed over, and what the records still lack."""

    intake_id: str | None  # None where nothing was new
    files: tuple[FileIntake, ...]
    summary: tuple[FileIntake, ...]  # the files, those of one kind together where they are many
    skipped: tuple[SkippedFile, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]


def load_records(desk: Desk, request: LoadRequest) -> IngestReport:
    """What do these files hold that the archive does not have yet? Load all of it, or nothing.

    Raises InputError with every refusal where one of the files cannot be loaded.
    """
    today = desk.today
    if request.as_of is not None and request.as_of > today:
        raise UsageError(
            f"`as_of` {request.as_of} is later than today, {today}. Give the day on which the records were "
            "published."
        )
    entries, skipped_files = list_inputs(tuple(map(Path, request.paths)), as_of=request.as_of)
    desk.open_ledger()  # what cannot be recorded is not loaded
    with desk.archive.intake() as intake:
        readings, workspace, unknown_files = _read_entries(desk, entries, intake, request)
        former_files = desk.archive.files()
        city_note = _adopt_city(desk, workspace)
        intake_id = _keep_readings(desk, intake, readings, allow_smaller=request.replace)
    file_intakes = tuple(describe_file(reading, former_files, desk.archive.files()) for reading in readings)
    return IngestReport(
        intake_id=intake_id,
        files=file_intakes,
        summary=summarise(file_intakes),
        skipped=(*skipped_files, *unknown_files),
        gaps=_list_gaps(desk, file_intakes),
        notes=(*city_note, *_outcomes_note(desk, file_intakes), *_moved_notes(desk, readings, former_files)),
    )


def _read_entries(
    desk: Desk, entries: Sequence[InputEntry], intake: tables.Intake, request: LoadRequest
) -> tuple[tuple[FileReading, ...], Workspace, tuple[SkippedFile, ...]]:
    """Every file read and judged, for the workspace as it is or with the city that the records bring."""
    readers, staging_folder = load_readers(), Path(intake.staging)
    mapping_path = Path(request.mapping) if request.mapping else None
    context = _read_context(desk.workspace, staging_folder, mapping_path)
    context = replace(context, allow_outside=request.allow_outside)
    workspace = _choose_workspace(desk, entries, readers, context)
    if workspace != desk.workspace:
        context = _read_context(workspace, staging_folder, mapping_path)
        context = replace(context, allow_outside=request.allow_outside)
    with desk.progress("reading", total=total_bytes(entries), unit="bytes") as report_progress:
        readings, unknown_files = read_files(
            entries, readers, context, was_loaded=desk.archive.has_input, advance=report_progress
        )
    max_share = request.max_reject_share
    check_readings(
        readings,
        max_reject_share=workspace.config.ingest.max_reject_share if max_share is None else max_share,
        allow_outside=request.allow_outside,
    )
    return readings, workspace, unknown_files


def _read_context(workspace: Workspace, staging_folder: Path, mapping: Path | None = None) -> ReadContext:
    return ReadContext(
        city=workspace.city,
        locator=Locator(workspace.city, load_boundaries(workspace)),
        offences=load_offences(workspace.offences_path),
        staging=staging_folder,
        mapping=mapping,
        mappings=workspace.mappings_path,
    )


def _choose_workspace(
    desk: Desk, entries: Sequence[InputEntry], readers: Sequence[Reader], context: ReadContext
) -> Workspace:
    """The workspace as it is; while it is empty and its city a mere default, with the first file's city."""
    config = desk.workspace.config
    if config.city.chosen or desk.archive.versions():
        return desk.workspace
    city_key = find_city_key(entries, readers, context)
    if city_key is None or city_key == config.city.key:
        return desk.workspace
    city_entry = read_city(city_key).model_copy(update={"chosen": True})
    return Workspace(desk.workspace.path, config.model_copy(update={"city": city_entry}))


def _adopt_city(desk: Desk, workspace: Workspace) -> tuple[str, ...]:
    """Write the city that the first records brought into becalm.toml, and say so."""
    if workspace == desk.workspace:
        return ()
    write_config(workspace.path, workspace.config)
    city_entry = workspace.city
    return (
        f"the workspace was empty: its city is now {city_entry.name} ({city_entry.crs}), as these "
        "records say",
    )


def _keep_readings(
    desk: Desk, intake: tables.Intake, file_readings: Sequence[FileReading], *, allow_smaller: bool
) -> str | None:
    readings_to_keep = [reading for reading in file_readings if reading.reading is not None]
    for file_reading in readings_to_keep:
        assert file_reading.reading is not None
        for part in file_reading.reading.parts:
            intake.add(
                part,
                as_of=file_reading.file.as_of,
                input_file=file_reading.file.name,
                input_sha256=file_reading.file.sha256,
                recipe=file_reading.recipe,
                recipe_sha256=file_reading.recipe_sha256,
            )
        intake.add_faults(file_reading.reading.faults)
    if not readings_to_keep:
        return None
    if not allow_smaller:
        check_replacements(intake.list_replacements())
    with recorded_action(
        desk, "records_loaded", purpose="load", facts=load_facts(intake.id, readings_to_keep)
    ):
        return intake.commit()


def _list_gaps(desk: Desk, files: Sequence[FileIntake]) -> tuple[Gap, ...]:
    """What do the sources that were loaded not cover?"""
    # a file without a single row has no table
    new_files = [f for f in files if f.table and f.status != "already loaded"]
    loaded_sources = {(file.table, source) for file in new_files for source in file.source.split(", ")}
    return tuple(
        gap for table, source in sorted(loaded_sources) for gap in gaps_of(desk, tables.Source(table, source))
    )


def _outcomes_note(desk: Desk, files: Sequence[FileIntake]) -> tuple[str, ...]:
    """To how many of their crimes could the outcomes that were loaded be joined?"""
    if not any(file.table == "outcomes" and file.rows for file in files):
        return ()
    incidents, outcomes = desk.archive.table("incidents"), desk.archive.table("outcomes")
    matched_count, crime_count = tables.count_matched(outcomes, incidents)
    return (
        f"outcomes: {matched_count:,} of the {crime_count:,} crimes that have one are among the incidents",
    )


def _moved_notes(
    desk: Desk, readings: Sequence[FileReading], former_files: Sequence[tables.ArchiveFile]
) -> Iterator[str]:
    """Records that stand in two months, as one does whose date was corrected after its month was loaded."""
    former_sources = {file.source for file in former_files if file.table == "incidents"}
    new_sources = {
        part.source for r in readings if r.reading and r.reading.has_own_ids for part in r.reading.parts
    }
    for source in sorted(former_sources & new_sources):
        if moved_count := tables.count_moved(desk.archive.table("incidents", source=source)):
            yield (
                f"{source}: {moved_count:,} records stand in two months under one identifier: counted twice. "
                "Their dates were corrected: load the former month again as well"
            )


@dataclass(frozen=True, slots=True)
class Rejects:
    """Rows that were rejected or repaired: how many for each reason, and which (the first of them)."""

    counts: tuple[tables.FaultCount, ...]
    rows: tuple[RowFault, ...]


def list_rejects(desk: Desk, request: RejectsRequest) -> Rejects:
    """Which rows of the files in the archive were rejected or repaired, and why?"""
    row_faults = tables.filter_faults(
        desk.archive.table("row_faults"), file=request.file, reason=request.reason, fate=request.fate
    )
    if request.source is not None:
        source_files = {f.input_file for f in desk.archive.versions() if f.source == request.source}
        row_faults = row_faults.filter(row_faults.file.isin(sorted(source_files)))
    return Rejects(tables.count_faults(row_faults), tables.list_faults(row_faults, limit=request.limit))


@dataclass(frozen=True, slots=True)
class ProposedMapping:
    """A proposed mapping and where it was written; `fits` names a mapping that has these columns already."""

    file: str
    path: Path
    proposal: Proposal
    fits: str | None
    notes: tuple[str, ...] = ()


def propose_mapping(desk: Desk, request: MappingRequest) -> ProposedMapping:
    """Which mapping would read this file? It is written with every doubt marked, and never over another.

    Raises UsageError where the mapping's file is there already, InputError where the file is no table.
    """
    extract_path = Path(request.file)
    name = request.name or mapping_name(extract_path)
    mapping_path = Path(request.out) if request.out else desk.workspace.mappings_path / f"{name}.toml"
    if mapping_path.exists():
        raise UsageError(
            f"{mapping_path} is there already. Remove it, or give another place with `out` or `name`."
        )
    context = _read_context(desk.workspace, desk.workspace.path)
    entries, _ = list_inputs((extract_path,), as_of=date.max)
    if len(entries) != 1:
        problem = f"holds {len(entries)} files: {', '.join(e.member or e.name for e in entries[:8])}"
        raise file_refusal(extract_path.name, problem, "unpack it, and name one of them")
    layout = Layout(request.sheet, request.header_row)
    with TemporaryDirectory() as folder, open_input(entries[0], Path(folder)) as file:
        fitting_names = ", ".join(mapping_file.file_name for mapping_file in fitting_mappings(file, context))
        sheet = replace(read_sheet(file, layout), name=extract_path.name)
    proposal = propose(
        sheet,
        name=name,
        author=desk.actor,
        tables=context.offences,
        locator=context.locator,
        layout=layout,
    )
    mapping_path.parent.mkdir(parents=True, exist_ok=True)
    mapping_path.write_text(proposal.text, "utf-8")
    notes = (*sheet.notes, *_write_city(desk, proposal))
    return ProposedMapping(extract_path.name, mapping_path, proposal, fitting_names or None, notes)


def _write_city(desk: Desk, proposal: Proposal) -> tuple[str, ...]:
    """Keep the city file of a proposal in the workspace, and say so."""
    if proposal.city_text is None:
        return ()
    city_path = desk.workspace.path / CITIES / f"{proposal.name}.toml"
    city_path.parent.mkdir(exist_ok=True)
    city_path.write_text(proposal.city_text, "utf-8")
    return (f"a city file was proposed: {city_path}",)


def mapping_name(file: Path) -> str:
    """A key made of a file's name: "Force Crimes 2020.csv.gz" gives "force_crimes_2020"."""
    plain_stem = re.sub(r"[^a-z0-9]+", "_", file.name.split(".")[0].casefold()).strip("_")
    return plain_stem if plain_stem[:1].isalpha() else f"extract_{plain_stem}".rstrip("_")
