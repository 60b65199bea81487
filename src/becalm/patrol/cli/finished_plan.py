"""`becalm patrol check`, `next`, `sheet`, `forecast` and `price`: what a written plan answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session
from becalm.console.emit import View
from becalm.patrol.cli.plan import say_first_use
from becalm.patrol.core import request as requests
from becalm.terms import PlanError, WorkspaceError

if TYPE_CHECKING:
    from rich.table import Table

    from becalm.desk import Desk
    from becalm.patrol.core.duty_shares import AreaDuty
    from becalm.patrol.core.judge_plan import PlanVerdict
    from becalm.patrol.core.plan import Price
    from becalm.patrol.core.plan_result import AreaForecast
    from becalm.patrol.desk.finished_plan import SheetFolder
    from becalm.patrol.desk.next_bursts import NextBursts
    from becalm.patrol.desk.price import PriceList
    from becalm.patrol.files.plan_view import PlanPage

VIOLATION_COLUMNS = ("kind", "unit", "hotspot", "at", "what")
MOST_VIOLATIONS = 40
MOST_WORST = 8
PRICE_COLUMNS = (
    *("rule", "bits_per_tour", "entropy_ratio", "travel_share", "dosage_error", "shortfall_visits"),
)


def check(session: Session, request: requests.CheckRequest) -> None:
    """Check a written plan on its own: every rule that it breaks is named. The exit code is then 12."""
    from becalm.patrol.desk.finished_plan import check_plan

    verdict = check_plan(request.plan, _find_desk(session))
    session.emit(verdict, View(_verdict_data, _violation_rows, _verdict_lines, columns=VIOLATION_COLUMNS))
    if verdict.violations:
        raise typer.Exit(PlanError.exit_code)


def _find_desk(session: Session) -> Desk | None:
    """The desk of the workspace that was named or is here; a plan can be checked without any."""
    try:
        return session.open_desk()
    except WorkspaceError:
        if session.workspace is not None:
            raise
        return None


def _violation_rows(verdict: PlanVerdict) -> list[Mapping[str, object]]:
    return [{column: getattr(v, column) for column in VIOLATION_COLUMNS} for v in verdict.violations]


def _verdict_data(verdict: PlanVerdict) -> dict[str, object]:
    return {
        "violations": _violation_rows(verdict),
        "visits": verdict.visits,
        "unit_shifts": verdict.unit_shifts,
    }


def _verdict_lines(verdict: PlanVerdict) -> Iterator[str]:
    violations = verdict.violations
    s = "" if len(violations) == 1 else "s"
    yield (f"{verdict.visits:,} bursts of {verdict.unit_shifts:,} tours: {len(violations)} violation{s}.")
    for kind, count in sorted(Counter(v.kind for v in violations).items()):
        yield f"  {kind}: {count}"
    for v in violations[:MOST_VIOLATIONS]:
        yield " ".join(part for part in (f"{v.kind}:", v.at, v.unit, v.hotspot, f"- {v.what}") if part)
    if len(violations) > MOST_VIOLATIONS:
        yield f"and {len(violations) - MOST_VIOLATIONS:,} more: --format json has them all"


def next_(session: Session, request: requests.NextRequest) -> None:
    """Show a unit its next one or two bursts, and nothing further ahead."""
    from becalm.console.emit import View
    from becalm.patrol.desk.next_bursts import next_bursts

    view: View[NextBursts] = View(
        _burst_rows, _burst_rows, _next_lines, columns=("unit", "hotspot", "name", "start", "end")
    )
    session.emit(next_bursts(session.open_desk(), request), view)


def _burst_rows(answer: NextBursts) -> list[Mapping[str, object]]:
    return [
        {
            "unit": answer.unit,
            "hotspot": burst.stop.hotspot,
            "name": burst.stop.name,
            "start": f"{burst.starts_at:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{burst.ends_at:%Y-%m-%dT%H:%M:%SZ}",
            "local_start": burst.stop.start,
            "local_end": burst.stop.end,
            "position": burst.stop.position,
            "why": burst.stop.why,
            "task": burst.stop.task,
        }
        for burst in answer.bursts
    ]


def _next_lines(answer: NextBursts) -> Iterator[str]:
    tour, stops = answer.tour, [burst.stop for burst in answer.bursts]
    if not answer.is_on_tour:
        yield f"{answer.unit}: your tour begins on {tour.day:%A} {tour.day}, from {tour.base}."
    if not stops:
        yield f"{answer.unit}: no more bursts on this tour. Return to {tour.base} in good time."
        return
    for when, stop in zip(("Next", "Then"), stops, strict=False):
        place_text = stop.name if stop.name == stop.hotspot else f"{stop.name} ({stop.hotspot})"
        yield (
            f"{when}: {place_text}, {stop.start} to {stop.end}. At {stop.position}, within {stop.radius_m} m."
        )
        yield from (f"  {text}" for text in (stop.why, stop.task) if text)
    yield "Later bursts stay sealed; ask again after these."


def board(session: Session, request: requests.BoardRequest) -> None:
    """Show a sergeant the next hour of an area, and nothing further ahead. --out BOARD.html is a page."""
    from becalm.console.emit import View
    from becalm.patrol.desk.board import show_board
    from becalm.patrol.files import board_page

    view: View[board_page.Board] = View(
        board_page.board_object,
        board_page.board_rows,
        board_page.board_lines,
        columns=board_page.BOARD_COLUMNS,
        files={".html": board_page.board_page},
    )
    session.emit(show_board(session.open_desk(), request), view)


def sheet(session: Session, request: requests.SheetRequest) -> None:
    """Write sheets to print and calendars (.ics) for the units of one day: two bursts each."""
    from becalm.patrol.desk.finished_plan import write_sheets

    sheets = write_sheets(session.open_desk(), request)
    folder_json = {"folder": str(sheets.folder), "units": sheets.units, "files": list(sheets.files)}
    file_rows = [{"file": str(sheets.folder / file_name)} for file_name in sheets.files]
    session.emit(sheets, View(lambda _: folder_json, lambda _: file_rows, _sheet_lines))


def _sheet_lines(sheets: SheetFolder) -> Iterator[str]:
    two_bursts_text = "the first two bursts of each tour"
    content_text = "whole routes, for the auditor only" if sheets.is_sealed else two_bursts_text
    yield f"Sheets and calendars of {sheets.units} units are in {sheets.folder}: {content_text}."
    yield f"Print {sheets.folder / 'sheets.html'}: one unit a page."


def forecast(session: Session, request: requests.ForecastRequest) -> None:
    """Show what each area and place will get, with intervals, and which targets cannot be met and why."""
    from becalm.patrol.desk.finished_plan import forecast_plan
    from becalm.patrol.files.plan_view import FORECAST_COLUMNS, forecast_rows

    session.open_desk()
    view: View[PlanPage] = View(
        _forecast_data, lambda page: forecast_rows(page.plan), _forecast_lines, columns=FORECAST_COLUMNS
    )
    session.emit(forecast_plan(request.plan), view)


def _duty_object(duty: AreaDuty, page: PlanPage) -> dict[str, object]:
    shares = {
        f"{part}_share": round(duty.share(getattr(duty, f"{part}_minutes")), 4)
        for part in ("burst", "travel", "meal", "rest")
    }
    hours = (duty.hours_between_visits, duty.most_hours_between_visits)
    between, most = (round(value, 2) if isfinite(value) else None for value in hours)
    return {
        "area": duty.area,
        "duty_hours": round(duty.duty_minutes / 60, 1),
        **shares,
        "hours_between_visits": between,
        "most_hours_between_visits": most,
        "asked_per_day": round(duty.asked_per_day, 1),
        "possible_per_day": round(page.possible_per_day(duty.area), 1),
        "planned_per_day": round(page.planned_per_day(duty.area), 1),
        "mean_burst_minutes": round(duty.mean_burst_minutes, 1),
    }


def _forecast_data(page: PlanPage) -> dict[str, object]:
    forecast, plan = page.forecast, page.plan
    return {
        "from": plan.inputs.first_day.isoformat(),
        "days": plan.inputs.days,
        "bursts": len(plan.bursts),
        "expected_error": round(forecast.expected_error, 4),
        "drawn_error": round(forecast.drawn_error, 4),
        "outside_band": len(forecast.outside),
        "duty": [_duty_object(area, page) for area in page.duty],
        "dead_zones": [asdict(zone) for zone in page.dead_zones],
        "lent": [
            dict(zip(("from", "to", "tours", "because"), tours, strict=True)) for tours in page.lent_tours
        ],
        "bits": round(plan.bits, 2),
        "bound_bits": round(plan.bound_bits, 2),
        "entropy_ratio": plan.entropy_ratio and round(plan.entropy_ratio, 4),
        "travel_share": round(plan.travel_share, 4),
        "areas": [asdict(area) for area in forecast.areas],
        "places": [asdict(place) | {"within_band": place.within_band} for place in forecast.places],
        "shortfalls": [asdict(shortfall) for shortfall in plan.shortfalls],
        "capacity": list(plan.capacity),
    }


def _forecast_lines(page: PlanPage) -> Iterator[object]:
    from rich.text import Text

    yield from map(Text, (f"{page.days_in_words}: {page.headline}.", page.capacity_sentence, page.how_near))
    yield _area_table(page.forecast.areas)
    yield from map(Text, _place_lines(page))
    yield from (Text(zone.sentence) for zone in page.dead_zones if zone.minutes)


def _place_lines(page: PlanPage) -> Iterator[str]:
    plan = page.plan
    for short in plan.shortfalls:
        yield (
            f"{page.name_of(short.hotspot)} gets {short.expected_visits:.1f} of {short.target_visits:.1f} "
            f"visits: {short.reason}. What would help: {short.remedy}."
        )
    yield "Places furthest below target, visits over the whole plan:"
    for place in page.worst[:MOST_WORST]:
        visits = place.expected_visits
        yield (
            f"  {place.name or place.hotspot}: target {place.target_visits:.1f}, expected {visits.value:.1f} "
            f"({visits.low:.0f} to {visits.high:.0f}), drawn {place.visits}"
        )
    yield page.outside_sentence
    ratio_text = f", {plan.entropy_ratio:.1%} of the maximum" if plan.entropy_ratio else ""
    yield f"Randomness: {page.bits_per_tour:.1f} bits a tour{ratio_text}."
    yield f"Travel: {plan.travel_share:.1%} of duty time."
    yield f"Commitment {plan.commitment.get('commitment')} (entry {plan.commitment.get('entry')})."


def _area_table(areas: tuple[AreaForecast, ...]) -> Table:
    from becalm.console.screen import Column, table

    table_columns: list[Column[AreaForecast]] = [
        Column("area", lambda area: area.area, is_text=True),
        Column("places", lambda area: str(area.places)),
        Column("target", lambda area: f"{area.target_visits:,.0f}"),
        Column("expected", lambda area: f"{area.expected_visits:,.0f}"),
        Column("drawn", lambda area: f"{area.visits:,}"),
        Column("minutes", lambda area: f"{area.minutes:,}"),
        Column("fair share", lambda area: f"{area.minutes_per_harm:.2f}"),
    ]
    return table(table_columns, areas)


def price(session: Session, request: requests.PriceRequest) -> None:
    """Show how a plan of one area would change under other rules: a hard gap, quotas, costlier travel."""
    from becalm.console.emit import View
    from becalm.patrol.desk.price import price_rules

    say_first_use()
    view: View[PriceList] = View(_price_data, _price_rows, _price_lines, columns=PRICE_COLUMNS)
    session.emit(price_rules(request), view)


def _price_rows(answer: PriceList) -> list[Mapping[str, object]]:
    return [
        {"rule": price.rule, **{name: round(getattr(price, name), 4) for name in PRICE_COLUMNS[1:]}}
        for price in answer.prices
    ]


def _price_data(answer: PriceList) -> dict[str, object]:
    return {"area": answer.area, "rules": _price_rows(answer)}


def _price_lines(answer: PriceList) -> Iterator[object]:
    from becalm.console.screen import Column, table

    table_columns: list[Column[Price]] = [
        Column("rule", lambda price: price.rule, is_text=True),
        Column("bits a tour", lambda price: f"{price.bits_per_tour:.1f}"),
        Column("of maximum", lambda price: f"{price.entropy_ratio:.1%}"),
        Column("travel", lambda price: f"{price.travel_share:.1%}"),
        Column("dosage error", lambda price: f"{price.dosage_error:.1%}"),
        Column("visits lost", lambda price: f"{price.shortfall_visits:.1f}"),
    ]
    yield f"{answer.area}: the policy as it is, then one change at a time:"
    yield table(table_columns, answer.prices)
    yield "Drawn with a public key: this says nothing about the plan itself."
