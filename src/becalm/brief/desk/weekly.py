"""The briefing: asks measure and find, gathers their answers, and writes them as one folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from becalm import __version__
from becalm.brief.briefing import Briefing
from becalm.brief.desk.patrol import add_patrol, patrol_part
from becalm.brief.desk.pins import archive_pins, pins_of
from becalm.brief.desk.plan import NO_SOURCE, BriefQuestion, Plan, plan_of
from becalm.brief.page import briefing_page
from becalm.desk import Desk
from becalm.desk.audit import recorded_action
from becalm.desk.coverage import gaps_of
from becalm.desk.pinned_archive import PinnedArchive
from becalm.find.core.place_facts import compute_list_week
from becalm.find.core.request import HotspotRequest, PlaceOptions, RecordOptions
from becalm.find.desk.hotspots import HotspotAnswer, find_hotspots
from becalm.find.files.hotspots import hotspots_geojson
from becalm.find.files.map import Area, borough_areas, footprint
from becalm.formats.run_record import record_json
from becalm.ledger.event import Fact
from becalm.measure import outside_total, pick_groups
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.request import CompareRequest
from becalm.measure.core.run_up import RunUp, build_run_up
from becalm.measure.desk import compare
from becalm.measure.files.comparison import comparison_csv
from becalm.measure.files.sentences import describe_choices, headline
from becalm.patrol.files.plan_view import NO_PATROL, PatrolSection
from becalm.render.folder import require_free, write_folder
from becalm.tables import (
    CountTable,
    Source,
    choose_source,
    count_incidents,
    count_places,
    count_published,
    find_last_whole_month,
    select_gaps,
)
from becalm.terms import Gap, OffenceGroup, QuestionError, RunRecord, groups_by_key
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.offences import load_offences

FOOTPRINT_M = 500.0
NO_POINTS = "These records are published counts without points, so no places can be sought."
NO_TIMES = "These records carry no hour of the day, so nothing can be said of when in the week."


@dataclass(frozen=True, slots=True)
class BriefingMade:
    """A briefing that was written: where, which files, and what it says first."""

    folder: Path
    texts: Mapping[str, str]
    headline: str
    warnings: tuple[str, ...]
    hotspots: int
    run: RunRecord
    patrol: PatrolSection = NO_PATROL


def make_briefing(
    desk: Desk, question: BriefQuestion, *, out: Path | None = None, seed: int | None = None
) -> BriefingMade:
    """What goes into the briefing? Written into `out`, by default the workspace's own folder `briefing`."""
    plan = plan_of(desk, question)
    run = RunRecord(
        question="brief",
        version=__version__,
        seed=desk.draw_seed() if seed is None else seed,
        made_at=desk.now().replace(microsecond=0),
        as_of=question.as_of,
        parameters=plan.parameters,
        data=pins_of(desk, plan, as_of=question.as_of),
    )
    answers = _ask(desk, run)
    run = add_patrol(desk, run, answers.found, day=question.patrol_from)
    made = brief(desk, run, folder=out or default_folder(desk), answers=answers)
    publish_briefing(desk, made)
    return made


def publish_briefing(desk: Desk, made: BriefingMade) -> None:
    """Write the briefing, and record that it was published: both, or neither."""
    require_free(made.folder, made.texts)
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in made.texts.items()}
    facts: dict[str, Fact] = {"run_sha256": hashes["run.json"], "files": tuple(sorted(hashes.items()))}
    if made.run.as_of:
        facts["as_of"] = made.run.as_of.isoformat()
    with recorded_action(desk, "briefing_published", purpose="brief", facts=facts):
        write_folder(made.folder, made.texts)


def default_folder(desk: Desk) -> Path:
    """Where a briefing goes if nobody says otherwise."""
    return desk.workspace.path / "briefing"


@dataclass(frozen=True, slots=True)
class _Answers:
    """What measure and find answered to the run, from the records that it holds still."""

    still: Desk
    plan: Plan
    source: Source
    comparison: Comparison
    found: HotspotAnswer | None
    why_not: str


def _ask(desk: Desk, run: RunRecord) -> _Answers:
    plan = Plan.of(run.parameters)
    still = replace(desk, archive=PinnedArchive(desk.archive, archive_pins(run.data)))
    source = choose_source(still.archive.files(), plan.source)
    comparison = compare(
        still,
        CompareRequest(period=plan.period, baseline=plan.baselines, by=plan.grouping, source=source.key),
    )
    return _Answers(still, plan, source, comparison, *_hotspots(still, plan, comparison, run.seed))


def brief(desk: Desk, run: RunRecord, *, folder: Path, answers: _Answers | None = None) -> BriefingMade:
    """What does the briefing of this run hold? Nothing but the run record and the records it pins is read."""
    asked = answers or _ask(desk, run)
    still, plan, comparison = asked.still, asked.plan, asked.comparison
    found, why_not, source = asked.found, asked.why_not, asked.source
    week = compute_list_week(found.hotspots) if found else None
    areas, areas_note = _areas(still, plan)
    briefing = Briefing(
        place=desk.workspace.city.name if desk.workspace.config.city.chosen else "",
        comparison=comparison,
        run=run,
        labels=_labels(still, plan),
        run_up=_run_up(still, source, comparison),
        hotspots=found.hotspots if found else None,
        hotspots_note=why_not,
        week=week,
        week_note=NO_TIMES if found else why_not,
        areas=areas,
        areas_note=areas_note,
        gaps=_gaps(still, source, comparison),
        choices=describe_choices(plan.chosen, comparison, found.hotspots if found else None),
        patrol=patrol_part(desk, run),
    )
    texts = {"index.html": briefing_page(briefing), "comparison.csv": comparison_csv(comparison)}
    if found:
        texts["hotspots.geojson"] = hotspots_geojson(found.hotspots, run=run, boundary=found.boundary)
    texts["run.json"] = record_json(run)
    listed = len(found.hotspots.hotspots) if found else 0
    return BriefingMade(folder, texts, headline(comparison), briefing.warnings, listed, run, briefing.patrol)


def _hotspots(desk: Desk, plan: Plan, comparison: Comparison, seed: int) -> tuple[HotspotAnswer | None, str]:
    """The hotspots, or why there are none. What was asked for by name and cannot be had is an error."""
    if plan.hotspot_source == NO_SOURCE:
        return None, NO_POINTS
    request = HotspotRequest(
        records=RecordOptions(
            target=plan.target,
            until=find_last_whole_month(comparison.period),
            source=plan.hotspot_source,
        ),
        count=plan.count,
        places=PlaceOptions(cell_m=plan.cell_m),
        seed=seed,
    )
    try:
        return find_hotspots(desk, request, override_entries=plan.overrides), ""
    except QuestionError as error:
        if plan.target:
            raise
        return None, f"No hotspots could be listed. {' '.join(str(error).split())}"


def _areas(desk: Desk, plan: Plan) -> tuple[tuple[Area, ...], str]:
    boundaries = load_boundaries(desk.workspace)
    if boundaries:
        return borough_areas(boundaries), "Outlines: the boundary file of this workspace."
    if plan.hotspot_source == NO_SOURCE:
        return (), ""
    incidents = desk.archive.table("incidents", source=plan.hotspot_source)
    note = f"No boundaries were given: shaded is every square of {FOOTPRINT_M:.0f} m that holds a record."
    return footprint(count_places(incidents, cell_m=FOOTPRINT_M)), note


def _run_up(desk: Desk, source: Source, comparison: Comparison) -> RunUp:
    groups = _groups(desk, source.key)
    counts = _monthly(desk, source, groups)
    out = outside_total(counts.groups, groups)
    kept = pick_groups(counts, [group for group in counts.groups if group not in out])
    return build_run_up(kept, period=comparison.period, baseline=comparison.baseline.windows[0], left_out=out)


def _monthly(desk: Desk, source: Source, groups: Mapping[str, OffenceGroup]) -> CountTable:
    records = desk.archive.table(source.table, source=source.key)
    if source.table == "incidents":
        return count_incidents(records, by="offence_group", unit="month")
    found_by = {key: group.found_by for key, group in groups.items()}
    return count_published(records, by="offence_group", source=source.key, found_by=found_by)


def _labels(desk: Desk, plan: Plan) -> tuple[tuple[str, str], ...]:
    groups = {**_groups(desk, plan.hotspot_source), **_groups(desk, plan.source)}
    return tuple((key, group.label) for key, group in sorted(groups.items()))


def _groups(desk: Desk, source: str) -> dict[str, OffenceGroup]:
    return groups_by_key(load_offences(desk.workspace.offences_path).values(), source=source)


def _gaps(desk: Desk, source: Source, comparison: Comparison) -> tuple[Gap, ...]:
    windows = (comparison.period, *(w for c in comparison.against for w in c.baseline.windows))
    months = {month for window in windows for month in window.months}
    return select_gaps(gaps_of(desk, source), months, (source.key,))
