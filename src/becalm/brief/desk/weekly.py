"""The briefing: asks measure and find, gathers their answers, and writes them as one folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from becalm import __version__, tables
from becalm.brief.annex_page import annex_page
from becalm.brief.briefing import Briefing
from becalm.brief.desk import plan as plans
from becalm.brief.desk.dry_run import FIND, MEASURE, PATROL, keep_times
from becalm.brief.desk.parts import add_parts, repeat_parts
from becalm.brief.desk.patrol import add_patrol, patrol_part
from becalm.brief.front_page import front_page
from becalm.brief.office_files import briefing_docx, briefing_xlsx
from becalm.brief.part import BriefingPart
from becalm.brief.request import BriefingPlan, RunRequest
from becalm.desk import Desk, PinnedArchive, gaps_of, recorded_action
from becalm.find.core.place_facts import compute_list_week
from becalm.find.core.place_history import TREND_MONTHS, PlaceHistory, build_place_history
from becalm.find.core.request import HotspotRequest, PlaceOptions, RecordOptions
from becalm.find.desk.hotspots import HotspotAnswer, find_hotspots
from becalm.find.files.hotspots import hotspots_geojson
from becalm.find.files.map import Area, borough_areas, footprint
from becalm.formats.durable_files import hold_lock, sha256_of_text
from becalm.formats.json_text import record_json
from becalm.ledger import Fact
from becalm.measure import outside_total, pick_groups
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.key_figures import KeyFigureReport
from becalm.measure.core.request import CompareRequest, KeyFiguresRequest
from becalm.measure.core.run_up import RunUp, build_run_up
from becalm.measure.desk import active_steps, compare, compare_key_figures
from becalm.measure.files.comparison import comparison_csv
from becalm.measure.files.sentences import describe_choices, headline
from becalm.patrol.files.plan_view import NO_PATROL, PatrolSection
from becalm.render.pages import check_folder_free, write_folder
from becalm.terms import (
    HotspotList,
    OffenceGroup,
    QuestionError,
    RunRecord,
    UsageError,
    groups_by_key,
    month_start,
)
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.read_offence_tables import load_offences

FOOTPRINT_M = 500.0
LOCK = "run.lock"  # held while a run draws and writes
NO_POINTS = "These records are published counts without points, so no hotspots can be found."
NO_BOROUGHS = "The records name no boroughs. Give the workspace their boundaries with `becalm init`."
UNKNOWN = "unknown"
NO_TIMES = "These records carry no hour of the day, so they do not show when in the week."


@dataclass(frozen=True, slots=True)
class BriefingAnswer:
    """A briefing that was written: where, which files, and what it says first.

    `equal_files` are those of an original that it was made to repeat, byte for byte.
    """

    folder: Path
    texts: Mapping[str, str | bytes]
    headline: str
    warnings: tuple[str, ...]
    hotspots: int
    run: RunRecord
    patrol: PatrolSection = NO_PATROL
    equal_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _JobAnswers:
    """What measure and find answered to the run, on a desk whose archive is pinned to the run's files."""

    pinned_desk: Desk
    plan: BriefingPlan
    source: tables.Source
    comparison: Comparison
    hotspots: HotspotAnswer | None
    no_hotspots_note: str
    key_figures: KeyFigureReport | None
    no_figures_note: str
    parts: tuple[BriefingPart, ...] = ()


def make_briefing(desk: Desk, request: RunRequest) -> BriefingAnswer:
    """What goes into the briefing? Written into `out`, by default the workspace's own folder `briefing`.

    Raises UsageError where another run of this workspace is under way: both would draw patrols.
    """
    with hold_lock(desk.workspace.path / LOCK, _refuse_second):
        return _make_briefing(desk, request)


def _refuse_second(holder_text: str) -> UsageError:
    return UsageError(
        f"Another run of this workspace is under way: {holder_text}. Wait for it. Nothing was done."
    )


def _make_briefing(desk: Desk, request: RunRequest) -> BriefingAnswer:
    briefing_plan = plans.plan_briefing(desk, request)
    run_record = RunRecord(
        question="brief",
        version=__version__,
        seed=desk.draw_seed() if request.seed is None else request.seed,
        made_at=desk.now(),
        as_of=request.as_of,
        parameters=plans.plan_parameters(briefing_plan),
        data=plans.plan_pins(desk, briefing_plan, as_of=request.as_of),
    )
    instants = [desk.now()]
    with desk.progress("briefing", total=4, unit="parts") as advance:
        job_answers = _ask_jobs(desk, run_record, watch=lambda: instants.append(desk.now()))
        advance(1)
        run_record = add_patrol(
            desk,
            run_record,
            job_answers.hotspots,
            day=request.patrol_from,
            old_records_reason=request.old_records_reason,
        )
        instants.append(desk.now())
        advance(1)
        run_record, parts = add_parts(job_answers.pinned_desk, run_record)
        advance(1)
        briefing = build_briefing(desk, request, run_record, replace(job_answers, parts=parts))
        advance(1)
    publish_briefing(desk, briefing)
    job_times = [(after - before).total_seconds() for before, after in pairwise(instants)]
    times = dict(zip((MEASURE, FIND, PATROL), job_times, strict=True))
    keep_times(desk.workspace.path, {**times, **{part.job: part.seconds for part in parts}})
    return briefing


def publish_briefing(desk: Desk, briefing: BriefingAnswer) -> None:
    """Write the briefing, and record that it was published: both, or neither."""
    check_folder_free(briefing.folder, briefing.texts)
    sha256_by_file = {name: sha256_of_text(content) for name, content in briefing.texts.items()}
    event_facts: dict[str, Fact] = {
        "run_sha256": sha256_by_file["run.json"],
        "files": tuple(sorted(sha256_by_file.items())),
    }
    if briefing.run.as_of:
        event_facts["as_of"] = briefing.run.as_of.isoformat()
    with recorded_action(desk, "briefing_published", purpose="brief", facts=event_facts):
        write_folder(briefing.folder, briefing.texts)


def _ask_jobs(desk: Desk, run: RunRecord, watch: Callable[[], object] = lambda: None) -> _JobAnswers:
    """What measure and find answer; `watch` is told when each of them has."""
    briefing_plan = plans.read_plan(run)
    pinned_desk = replace(desk, archive=PinnedArchive(desk.archive, plans.archive_pins(run.data)))
    compared_source = tables.choose_source(pinned_desk.archive.files(), briefing_plan.source)
    comparison = compare(
        pinned_desk,
        CompareRequest(
            period=briefing_plan.period,
            baseline=briefing_plan.baselines,
            by=briefing_plan.by,
            source=compared_source.key,
        ),
        known_at=run.made_at,
    )
    key_figures, figures_note = _count_key_figures(pinned_desk, briefing_plan, run)
    watch()
    hotspot_answer, hotspot_note = _find_hotspots(pinned_desk, briefing_plan, comparison, run.seed)
    watch()
    return _JobAnswers(
        pinned_desk,
        briefing_plan,
        compared_source,
        comparison,
        hotspot_answer,
        hotspot_note,
        key_figures,
        figures_note,
    )


def _count_key_figures(desk: Desk, plan: BriefingPlan, run: RunRecord) -> tuple[KeyFigureReport | None, str]:
    """The key figures of violence, or why there are none."""
    request = KeyFiguresRequest(period=plan.period, baseline=plan.baselines[:1], source=plan.source)
    try:
        return compare_key_figures(desk, request, known_at=run.made_at), ""
    except QuestionError as error:
        return None, " ".join(str(error).split())


def build_briefing(
    desk: Desk, request: RunRequest, run: RunRecord, answers: _JobAnswers | None = None
) -> BriefingAnswer:
    """What does the briefing of this run hold? Nothing but the run record and the records it pins is read."""
    if answers is None:
        answers = _ask_jobs(desk, run)
        answers = replace(answers, parts=repeat_parts(answers.pinned_desk, run))
    briefing = _gather(desk, run, answers)
    hotspot_answer = answers.hotspots
    text_by_file: dict[str, str | bytes] = {
        "index.html": front_page(briefing),
        "annex.html": annex_page(briefing),
        "comparison.csv": comparison_csv(briefing.comparison),
    }
    if hotspot_answer:
        text_by_file["hotspots.geojson"] = hotspots_geojson(
            hotspot_answer.hotspots, run=run, boundary=hotspot_answer.boundary
        )
    for part in answers.parts:
        text_by_file.update(part.files)
    text_by_file["briefing.docx"] = briefing_docx(briefing)
    text_by_file["briefing.xlsx"] = briefing_xlsx(briefing)
    text_by_file["run.json"] = record_json(run)
    return BriefingAnswer(
        folder=Path(request.out) if request.out else desk.workspace.path / "briefing",
        texts=text_by_file,
        headline=headline(briefing.comparison),
        warnings=briefing.warnings,
        hotspots=len(hotspot_answer.hotspots.hotspots) if hotspot_answer else 0,
        run=run,
        patrol=briefing.patrol,
    )


def _gather(desk: Desk, run: RunRecord, answers: _JobAnswers) -> Briefing:
    """All that the briefing tells, from the answers of the jobs and the same records."""
    pinned_desk, briefing_plan, comparison = answers.pinned_desk, answers.plan, answers.comparison
    hotspot_list = answers.hotspots.hotspots if answers.hotspots else None
    map_areas, areas_note = _load_areas(pinned_desk, briefing_plan)
    compared_group_by_key = _load_groups(pinned_desk, briefing_plan.source)
    offence_group_by_key = {
        **_load_groups(pinned_desk, briefing_plan.hotspot_source),
        **compared_group_by_key,
    }
    boroughs, boroughs_note = _compare_boroughs(pinned_desk, briefing_plan, comparison, run)
    compared_months = {month for window in comparison.windows for month in window.months}
    return Briefing(
        place=desk.workspace.city.name if desk.workspace.config.city.chosen else "",
        comparison=comparison,
        run=run,
        labels=tuple((key, group.label) for key, group in sorted(offence_group_by_key.items())),
        key_figures=answers.key_figures,
        key_figures_note=answers.no_figures_note,
        run_up=_count_run_up(pinned_desk, answers.source, comparison, compared_group_by_key),
        hotspots=hotspot_list,
        hotspots_note=answers.no_hotspots_note,
        week=compute_list_week(hotspot_list) if hotspot_list else None,
        week_note=NO_TIMES if hotspot_list else answers.no_hotspots_note,
        areas=map_areas,
        areas_note=areas_note,
        gaps=tables.select_gaps(gaps_of(pinned_desk, answers.source), compared_months, (answers.source.key,)),
        boroughs=boroughs,
        boroughs_note=boroughs_note,
        history=_count_history(pinned_desk, briefing_plan, hotspot_list) if hotspot_list else None,
        steps=active_steps(pinned_desk, known_at=run.made_at),
        choices=describe_choices(briefing_plan.chosen, comparison, hotspot_list),
        patrol=patrol_part(desk, run),
        parts=answers.parts,
    )


def _compare_boroughs(
    desk: Desk, plan: BriefingPlan, comparison: Comparison, run: RunRecord
) -> tuple[Comparison | None, str]:
    """The same period and baseline borough by borough, or why there is no such comparison."""
    if plan.by == "borough":
        return comparison, ""
    request = CompareRequest(
        period=plan.period, baseline=plan.baselines[:1], by="borough", source=comparison.source
    )
    try:
        boroughs = compare(desk, request, known_at=run.made_at)
    except (QuestionError, UsageError) as error:
        return None, " ".join(str(error).split())
    if {row.group for row in boroughs.rows} <= {UNKNOWN}:
        return None, NO_BOROUGHS
    return boroughs, ""


def _count_history(desk: Desk, plan: BriefingPlan, hotspots: HotspotList) -> PlaceHistory:
    """The listed places month by month, up to the last month that the list was made of."""
    last_day = tables.first_day_of(hotspots.last_month)
    first_month = f"{month_start(last_day.year, last_day.month - TREND_MONTHS + 1):%Y-%m}"
    counts = tables.count_places(
        desk.archive.table("incidents", source=plan.hotspot_source),
        cell_m=hotspots.cell_m,
        groups=hotspots.target,
        months=tables.list_months(max(first_month, hotspots.first_month), hotspots.last_month),
    )
    return build_place_history(counts, hotspots)


def _find_hotspots(
    desk: Desk, plan: BriefingPlan, comparison: Comparison, seed: int
) -> tuple[HotspotAnswer | None, str]:
    """The hotspots, or why there are none. What was asked for by name and cannot be had is an error."""
    if plan.hotspot_source == plans.NO_SOURCE:
        return None, NO_POINTS
    hotspot_request = HotspotRequest(
        records=RecordOptions(
            target=plan.target,
            until=tables.find_last_whole_month(comparison.period),
            source=plan.hotspot_source,
        ),
        count=plan.count,
        places=PlaceOptions(cell_m=plan.cell_m),
        seed=seed,
    )
    try:
        return find_hotspots(desk, hotspot_request, override_entries=plan.overrides), ""
    except QuestionError as error:
        if plan.target:
            raise
        return None, f"No hotspots could be listed. {' '.join(str(error).split())}"


def _load_areas(desk: Desk, plan: BriefingPlan) -> tuple[tuple[Area, ...], str]:
    borough_boundaries = load_boundaries(desk.workspace)
    if borough_boundaries:
        return borough_areas(borough_boundaries), "Outlines: the boundary file of this workspace."
    if plan.hotspot_source == plans.NO_SOURCE:
        return (), ""
    incident_table = desk.archive.table("incidents", source=plan.hotspot_source)
    areas_note = (
        f"No boundaries were given. The shaded squares of {FOOTPRINT_M:.0f} m hold at least one record."
    )
    return footprint(tables.count_places(incident_table, cell_m=FOOTPRINT_M)), areas_note


def _count_run_up(
    desk: Desk, source: tables.Source, comparison: Comparison, group_by_key: Mapping[str, OffenceGroup]
) -> RunUp:
    source_records = desk.archive.table(source.table, source=source.key)
    if source.table == "incidents":
        month_counts = tables.count_incidents(source_records, by="offence_group", unit="month")
    else:
        finder_by_group = {key: group.found_by for key, group in group_by_key.items()}
        month_counts = tables.count_published(
            source_records, by="offence_group", source=source.key, found_by=finder_by_group
        )
    groups_outside_total = outside_total(month_counts.groups, group_by_key)
    counts_in_total = pick_groups(
        month_counts, [group for group in month_counts.groups if group not in groups_outside_total]
    )
    baseline_window = comparison.baseline.windows[0]
    return build_run_up(
        counts_in_total, period=comparison.period, baseline=baseline_window, left_out=groups_outside_total
    )


def _load_groups(desk: Desk, source: str) -> dict[str, OffenceGroup]:
    return groups_by_key(load_offences(desk.workspace.offences_path).values(), source=source)
