"""The watch: reads the weeks and the steps, asks the core, records new alarms, and sends word of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from importlib.metadata import entry_points

import becalm.sustain.core.watch as states
from becalm import __version__
from becalm.desk import Desk, record_event
from becalm.formats.durable_files import sha256_of_text, write_durably
from becalm.formats.json_text import record_json
from becalm.ledger import Entry
from becalm.measure.desk import PublicFigure, withhold_figures
from becalm.sustain.core import run_watch
from becalm.sustain.core.alarms import NamedAlarm, check_alarm
from becalm.sustain.core.effort import EFFORT_KINDS, count_effort, with_effort
from becalm.sustain.core.events import ALARM_RAISED, READ_KINDS, PastAlarm, read_alarms
from becalm.sustain.core.public import list_watch_figures, publish_watch
from becalm.sustain.core.request import WatchRequest
from becalm.sustain.core.series import (
    Key,
    SeriesSinceStep,
    check_reference,
    key_words,
    split_by_step,
    week_name,
)
from becalm.sustain.desk.notify import notify_alarms
from becalm.sustain.desk.series import LoadedSeries, load_series
from becalm.sustain.files.calibration import FOLDER, calibration_text, read_calibration, write_calibration
from becalm.tables import select_gaps
from becalm.terms import DependencyError, RunRecord, UsageError, parse_period, suggest_word

ALARMS = "becalm.alarms"


@dataclass(frozen=True, slots=True)
class WatchAnswer:
    """The watch, its run record, and the alarms that nobody had been told of before."""

    watch: states.Watch
    run: RunRecord
    new_alarms: tuple[states.RaisedAlarm, ...]


def watch(desk: Desk, request: WatchRequest, *, known_at: datetime | None = None) -> WatchAnswer:
    """Which series have begun to rise since their step? New alarms are recorded, and sent where word goes."""
    answer = ask_watch(desk, request, known_at=known_at)
    known_names = {alarm.alarm for alarm in past_alarms(desk)}
    new_alarms = tuple(alarm for alarm in answer.watch.alarms if alarm.name not in known_names)
    if new_alarms:
        _record_alarms(desk, new_alarms, answer.run)
    answer = replace(answer, new_alarms=new_alarms)
    return withhold_answer(desk, answer) if request.public else answer


def withhold_answer(desk: Desk, answer: WatchAnswer) -> WatchAnswer:
    """The watch as the public may see it; its figures are kept, so that later tables give nothing away."""
    by = tuple(str(answer.run.parameters["by"]).split(","))
    reference = parse_period(answer.watch.reference, last_day=answer.watch.as_of).period
    figures = list_watch_figures(answer.watch, reference)
    is_withheld = withhold_figures(
        desk,
        [PublicFigure(by, _public_key(figure.key, by), figure.windows, figure.count) for figure in figures],
        source=f"{answer.run.parameters['source']}, as watched",
        blocks=[figure.row for figure in figures],
    )
    withheld_rows = frozenset(figure.row for figure, flag in zip(figures, is_withheld, strict=True) if flag)
    return replace(answer, watch=publish_watch(answer.watch, withheld_rows), new_alarms=())


def _public_key(key: Key, by: tuple[str, ...]) -> tuple[str, ...]:
    key_parts = tuple(key[name == "offence_group"] for name in by)
    return key_parts if any(key_parts) else ()


def ask_watch(
    desk: Desk,
    request: WatchRequest,
    *,
    known_at: datetime | None = None,
    calibrations: Sequence[run_watch.Calibration] = (),
) -> WatchAnswer:
    """The watch alone: nothing is recorded but thresholds that were not known.

    `known_at` pins it to the steps and reviews of that instant, `calibrations` to earlier thresholds.
    """
    alarm = load_alarm(request.detector)
    loaded_series = load_series(desk, request, known_at=known_at)
    settings = desk.workspace.config.sustain
    parts = split_by_step(loaded_series.series, loaded_series.steps)
    reference = settings.reference or str(min(part.step.start.year for part in parts) - 1)
    in_reference = check_reference(
        parse_period(reference, last_day=loaded_series.as_of).period,
        loaded_series.steps,
        loaded_series.series.mondays,
    )
    decisions = {a.alarm: a.decision for a in past_alarms(desk, known_at=known_at) if a.decision}
    seed = desk.draw_seed() if request.seed is None else request.seed
    series: list[states.WatchedSeries] = []
    calibrations_made: list[run_watch.Calibration] = []
    for number, part in enumerate(parts):
        prepared, families = states.prepare_part(part, in_reference), run_watch.choose_families(part)
        budget = run_watch.share_budget(settings.false_alarms_per_year, settings.single_share, parts, part)
        inputs = run_watch.CalibrationInputs(part, prepared, (alarm,), families, budget)
        calibration = _find_calibration(desk, inputs, seed + number, calibrations)
        calibrations_made.append(calibration)
        series += states.watch_part(
            states.PartInputs(
                part, in_reference, alarm, families, calibration.thresholds, calibration.delays, decisions
            )
        )
    full_watch = _gather(desk, loaded_series, parts, series, calibrations_made, reference)
    return WatchAnswer(
        with_effort(full_watch, _read_effort(desk, loaded_series.series.mondays, known_at)),
        _record_run(desk, request, loaded_series, calibrations_made, seed, known_at),
        (),
    )


def past_alarms(desk: Desk, *, known_at: datetime | None = None) -> tuple[PastAlarm, ...]:
    """Every alarm that the ledger holds (or held, at an instant), with its review."""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    entries = desk.open_ledger().entries(kinds=READ_KINDS)
    return read_alarms(entry for entry in entries if known_at is None or entry.recorded_at <= known_at)


def _read_effort(desk: Desk, mondays: Sequence[date], known_at: datetime | None) -> tuple[states.Effort, ...]:
    """What the ledger says was done in the weeks of the watch."""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    entries = desk.open_ledger().entries(kinds=EFFORT_KINDS)
    known_entries = [entry for entry in entries if known_at is None or entry.recorded_at <= known_at]
    return count_effort(known_entries, mondays, desk.workspace.city.time_zone)


def installed_alarms() -> tuple[str, ...]:
    """The names of all alarms that are installed."""
    return tuple(sorted(entry.name for entry in entry_points(group=ALARMS)))


def load_alarm(name: str) -> NamedAlarm:
    """The alarm of this name, once it has shown that it keeps the rules.

    Raises UsageError where none of that name is installed, it watches groups alone, or it breaks a rule (its
    score looks ahead); DependencyError where it cannot be imported.
    """
    entry_by_name = {entry.name: entry for entry in entry_points(group=ALARMS)}
    if name not in entry_by_name:
        raise UsageError(f"No alarm {name!r} is installed. {suggest_word(name, sorted(entry_by_name))}")
    try:
        alarm = NamedAlarm(name, entry_by_name[name].load())
    except (ImportError, AttributeError) as error:
        raise DependencyError(
            f"The alarm {name!r} ({entry_by_name[name].value}) cannot be imported: {error}. "
            "Install what it needs, or uninstall the package that brings it."
        ) from error
    if alarm.watches_groups:
        raise UsageError(
            f"The alarm {name!r} watches groups, beside every other. Choose one for single series."
        )
    check_alarm(alarm)
    return alarm


def _find_calibration(
    desk: Desk, inputs: run_watch.CalibrationInputs, seed: int, calibrations: Sequence[run_watch.Calibration]
) -> run_watch.Calibration:
    """Thresholds of an earlier run, or those that the workspace keeps, or new ones."""
    calibration = next((c for c in calibrations if c.inputs_sha256 == inputs.sha256), None)
    calibration = calibration or read_calibration(desk.workspace.path, inputs.sha256)
    if calibration is None:
        with desk.progress("thresholds", total=1, unit="simulation") as advance:
            calibration = run_watch.calibrate(inputs, seed)
            advance(1)
        write_calibration(desk.workspace.path, calibration)
    return calibration


def _gather(
    desk: Desk,
    loaded_series: LoadedSeries,
    parts: Sequence[SeriesSinceStep],
    series: Sequence[states.WatchedSeries],
    calibrations_made: Sequence[run_watch.Calibration],
    reference: str,
) -> states.Watch:
    settings = desk.workspace.config.sustain
    budgets = [
        run_watch.share_budget(settings.false_alarms_per_year, settings.single_share, parts, part)
        for part in parts
    ]
    return states.Watch(
        as_of=loaded_series.as_of,
        until=loaded_series.series.mondays[-1],
        reference=reference,
        budget=run_watch.add_budgets(budgets),
        placebo_per_year=run_watch.combine_placebo(
            [calibration.placebo for calibration in calibrations_made]
        ),
        steps=tuple(part.step for part in parts),
        seen_steps=_seen_steps(desk, loaded_series, parts),
        mondays=loaded_series.series.mondays,
        series=tuple(series),
        warnings=_warnings(loaded_series, parts),
    )


def _seen_steps(desk: Desk, loaded_series: LoadedSeries, parts: Sequence[SeriesSinceStep]) -> frozenset[int]:
    """Which steps were declared when records of weeks after them were already in the archive?"""
    versions = [f for f in desk.archive.versions("incidents") if f.source == loaded_series.source.key]
    seen_entries = set[int]()
    for part in parts:
        month, declared_on = f"{part.step.start:%Y-%m}", part.step.declared_on
        if declared_on and any(f.month >= month and f.as_of <= declared_on for f in versions):
            seen_entries.add(part.step.entry or 0)
    return frozenset(seen_entries)


def _warnings(loaded_series: LoadedSeries, parts: Sequence[SeriesSinceStep]) -> tuple[str, ...]:
    first = min(part.first for part in parts)
    months = {f"{monday:%Y-%m}" for monday in loaded_series.series.mondays[first:]}
    gaps = select_gaps(loaded_series.gaps, months, (loaded_series.source.key,))
    unwatched_count = len(loaded_series.series.keys) - sum(len(part.series.keys) for part in parts)
    notes = (
        [f"{unwatched_count} series have no step in force, and are not watched."] if unwatched_count else []
    )
    return (*(f"Coverage: {gap}" for gap in gaps), *notes)


def _record_run(
    desk: Desk,
    request: WatchRequest,
    loaded_series: LoadedSeries,
    calibrations_made: Sequence[run_watch.Calibration],
    seed: int,
    known_at: datetime | None,
) -> RunRecord:
    return RunRecord(
        question="sustain watch",
        version=__version__,
        seed=seed,
        made_at=known_at or desk.now(),
        as_of=request.as_of,
        parameters={
            "by": loaded_series.by,
            "until": week_name(loaded_series.series.mondays[-1]),
            "detector": request.detector,
            "offence_group": list(request.offence_group),
            "source": loaded_series.source.key,
            "calibrations": [calibration_text(calibration) for calibration in calibrations_made],
        },
        data=loaded_series.files,
    )


def _record_alarms(desk: Desk, alarms: Sequence[states.RaisedAlarm], run: RunRecord) -> tuple[Entry, ...]:
    """Keep the run file, record each alarm once, and send word where `[sustain] notify` says."""
    run_text = record_json(run)
    run_sha256 = sha256_of_text(run_text)
    folder = desk.workspace.path / FOLDER
    folder.mkdir(exist_ok=True)
    write_durably(folder / f"watch-{run_sha256[:16]}.json", run_text)
    entries = tuple(
        record_event(
            desk,
            ALARM_RAISED,
            purpose="measurement",
            facts={
                "alarm": alarm.name,
                "series": key_words(alarm.key),
                "detector": alarm.detector,
                "week": week_name(alarm.monday),
                "run_sha256": run_sha256,
            },
        )
        for alarm in alarms
    )
    notify_alarms(desk, alarms)
    return entries
