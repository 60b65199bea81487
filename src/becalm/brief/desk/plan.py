"""What a briefing will ask and read: chosen before the first count, so that a run can be repeated."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import cast, get_args

from becalm import __version__
from becalm.brief.request import BriefingPlan, RunRequest
from becalm.desk import Desk, gaps_of, totals_of
from becalm.find.core.request import HotspotRequest
from becalm.find.desk.override import PIN as OVERRIDE_PIN
from becalm.find.desk.override import active_entries, override_pins
from becalm.find.files.splits import splits_path
from becalm.formats.durable_files import sha256_of
from becalm.formats.json_text import read_request
from becalm.measure.core.request import By
from becalm.measure.files.key_figure_tables import OWN_FILE
from becalm.record.desk import describe_late_head
from becalm.tables import ArchiveFile, Source, choose_source, find_newest_whole_month
from becalm.tables.months_on_record import last_day_of
from becalm.terms import (
    ParameterValue,
    Period,
    ReplayError,
    RunRecord,
    UsageError,
    parse_period,
    request_values,
)
from becalm.workspace.config import CONFIG, GAZETTEER_FILE, Workspace
from becalm.workspace.place_names import find_street_file

NO_SOURCE = "none"
ARCHIVE_PIN = "archive/"
PATROL_PIN = "patrol/"  # the sealed plan holds what it was made of
CITY_PIN = f"{CONFIG} [city]"
COUNTED_TABLES = ("incidents", "published_counts")
CHOICES = ("period", "baselines", "by", "source", "hotspot_source", "target", "count", "cell_m")


def plan_briefing(desk: Desk, request: RunRequest) -> BriefingPlan:
    """What will be asked, from the caller's words, becalm.toml and the records, in this order?

    Raises UsageError where several sources could answer and none is named; QuestionError where no period is
    named and no month of the source is whole.
    """
    config, default_request = desk.workspace.config.brief, HotspotRequest()
    archive_files = desk.archive.files(as_of=request.as_of)
    compared_source = choose_source(archive_files, request.source or config.source)
    group_by = request.by or config.by or "offence_group"
    if group_by not in get_args(By):
        raise UsageError(f"There is no comparison by {group_by!r}. Write one of {', '.join(get_args(By))}.")
    hotspot_source = _choose_hotspot_source(
        archive_files, compared_source, request.hotspot_source or config.hotspot_source
    )
    requested_values = {**request_values(request), "baselines": request.baseline}
    ledger, head = desk.open_ledger(), desk.open_ledger().head()
    return BriefingPlan(
        period=request.period
        or find_newest_whole_month(
            totals_of(desk, compared_source, as_of=request.as_of),
            gaps_of(desk, compared_source, as_of=request.as_of),
        ),
        baselines=request.baseline or config.baselines,
        by=cast("By", group_by),
        source=compared_source.key,
        hotspot_source=hotspot_source,
        target=request.target or config.target,
        count=request.count or config.count or default_request.count,
        cell_m=request.cell_m or config.cell_m or default_request.places.cell_m,
        chosen=tuple(
            name for name in CHOICES if not requested_values[name] and not getattr(config, name, None)
        ),
        overrides=() if hotspot_source == NO_SOURCE else active_entries(desk),
        late_head=describe_late_head(desk),
        ledger=f"{ledger.identity} {head.size} {head.root}",
    )


def plan_parameters(plan: BriefingPlan) -> dict[str, ParameterValue]:
    """The plan as a run record keeps it."""
    return cast("dict[str, ParameterValue]", request_values(plan))


def read_plan(run: RunRecord) -> BriefingPlan:
    """The plan that this run record keeps; ReplayError where another becalm wrote it in another shape."""
    try:
        return read_request(BriefingPlan, run.parameters)
    except UsageError as error:
        raise ReplayError(
            f"The parameters of this run are not those of a briefing of becalm {__version__}. Becalm "
            f"{run.version} wrote them: install that version to repeat the run, or make a new briefing with "
            "`becalm run`.",
            error.faults,
        ) from error


def find_compared_period(desk: Desk, plan: BriefingPlan, *, as_of: date | None = None) -> Period:
    """Which days does this plan compare, as its words are read beside the records?"""
    source = choose_source(desk.archive.files(as_of=as_of), plan.source)
    totals = totals_of(desk, source, as_of=as_of)
    last_days = [day for day in totals.last_day if day is not None]
    last_day = max(last_days, default=last_day_of(totals.months[-1]))
    return parse_period(plan.period, last_day=last_day).period


def _choose_hotspot_source(files: Sequence[ArchiveFile], compared: Source, name: str | None) -> str:
    """The source with points: the one that was named, the one that is compared, else the only one."""
    source_names = sorted({f.source for f in files if f.table == "incidents"})
    if name == NO_SOURCE or (name is None and not source_names):
        return NO_SOURCE
    if name is None and compared.table == "incidents":
        return compared.key
    if name in source_names or (name is None and len(source_names) == 1):
        return name or source_names[0]
    choice_lines = "\n".join(
        f"  `hotspot_source {source_name}`" for source_name in [*source_names, NO_SOURCE]
    )
    fault_text = "Several sources have points" if name is None else f"No source {name!r} has points"
    raise UsageError(
        f"{fault_text}, and places of different sources are never mixed. Name one, or none:\n{choice_lines}"
    )


def plan_pins(desk: Desk, plan: BriefingPlan, *, as_of: date | None) -> dict[str, str]:
    """Everything that this plan will read, with the SHA-256 of its bytes."""
    source_names = {plan.source, plan.hotspot_source}
    sha256_by_archive_file = {
        f"{ARCHIVE_PIN}{f.path}": f.sha256
        for f in desk.archive.files(as_of=as_of)
        if f.table == "row_faults" or (f.source in source_names and f.table in COUNTED_TABLES)
    }
    file_pins = {
        **sha256_by_archive_file,
        **workspace_pins(desk.workspace),
        **override_pins(desk, plan.overrides),
    }
    return dict(sorted(file_pins.items()))  # as a record is read again


def archive_pins(data: Mapping[str, str]) -> dict[str, str]:
    """The archive's part of them, as the archive names its files."""
    return {
        key.removeprefix(ARCHIVE_PIN): sha256 for key, sha256 in data.items() if key.startswith(ARCHIVE_PIN)
    }


def workspace_pins(workspace: Workspace) -> dict[str, str]:
    """What beside the archive changes an answer: the city, boundaries, splits, names, offence tables."""
    city_json = json.dumps({**asdict(workspace.city), "chosen": workspace.config.city.chosen}, sort_keys=True)
    table_paths = sorted(workspace.offences_path.glob("*.toml")) if workspace.offences_path.is_dir() else []
    name_paths = (path for path in (find_street_file(workspace), workspace.path / GAZETTEER_FILE) if path)
    kept_paths = (
        workspace.boundaries_path,
        splits_path(workspace),
        workspace.path / OWN_FILE,
        *name_paths,
        *table_paths,
    )
    pinned_paths = [path for path in kept_paths if path.is_file()]
    sha256_by_path = {str(p.relative_to(workspace.path).as_posix()): sha256_of(p) for p in pinned_paths}
    return {CITY_PIN: hashlib.sha256(city_json.encode()).hexdigest(), **sha256_by_path}


def check_workspace_pins(workspace: Workspace, data: Mapping[str, str]) -> None:
    """Refuse to repeat a run where the city, its boundaries or the offence tables are not as they were."""
    other_prefixes = (ARCHIVE_PIN, PATROL_PIN, OVERRIDE_PIN)
    recorded_pins = {
        key: file_sha256 for key, file_sha256 in data.items() if not key.startswith(other_prefixes)
    }
    current_pins = workspace_pins(workspace)
    changed_pins = sorted(
        key
        for key in recorded_pins.keys() | current_pins.keys()
        if recorded_pins.get(key) != current_pins.get(key)
    )
    if changed_pins:
        raise ReplayError(
            f"Changed since this run was made: {', '.join(changed_pins)}, in {workspace.path}. "
            "Restore it, or make a new briefing with `becalm run`."
        )
