"""`becalm patrol delivered` and `certificate`: what was delivered of a plan, and could it be predicted?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.patrol.core.request import CertificateRequest, DeliveredRequest
from becalm.terms import UsageError, WorkspaceError

if TYPE_CHECKING:
    from becalm.console.emit import View
    from becalm.patrol.core.delivery import Delivery, PlaceDelivery
    from becalm.patrol.core.predictability import Attack, Certificate
    from becalm.patrol.desk.visits import DeliveryReport
    from becalm.terms import Estimate

PLACE_COLUMNS = (
    *("hotspot", "planned_visits", "planned_minutes", "delivered_visits", "patrol_minutes"),
    *("delivered_share", "missed_visits", "background_visits", "background_minutes", "officer_minutes"),
    *("check_in_visits", "check_in_minutes", "check_in_only_visits"),
)
MOST_PLACES = 20
DEFAULT_ZONE = "Europe/London"
DECIMALS = 5
FIGURES = {
    "auc_static": "AUC, timetable alone",
    "auc_history": "AUC, knowing every visit so far",
    "gain": "gain of knowing the past",
    "log_loss_skill": "log-loss skill",
    "safest_decile_ratio": "safest decile: observed / timetable",
    "longest_dead_zone_minutes": "longest dead zone, minutes",
    "insider_gain": "gain of an insider",
}
CONTRACT = (
    *("auc_static", "auc_history", "gain", "gain_low", "gain_high", "log_loss_skill"),
    *("safest_decile_ratio", "longest_dead_zone_minutes", "floor"),
)
MOST_GAIN, MOST_SKILL, LEAST_SAFEST = 0.01, 0.02, 0.6  # what becalm asks of its own plans
SET_TIMES_AUC = 0.9


def delivered(session: Session, request: DeliveredRequest) -> None:
    """Compare a plan with what was delivered: patrol-minutes, officer-minutes, patrol outside the plan."""
    from becalm.console.emit import View
    from becalm.patrol.desk.visits import report_delivery

    view: View[DeliveryReport] = View(
        _delivery_data, lambda report: map(_place_row, report.delivery.places), _delivery_lines
    )
    session.emit(report_delivery(session.open_desk(), request), view)


def _place_row(place: PlaceDelivery) -> dict[str, object]:
    return {column: _round(getattr(place, column)) for column in PLACE_COLUMNS}


def _round(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def _delivery_data(report: DeliveryReport) -> dict[str, object]:
    delivery = report.delivery
    return {
        "from": delivery.span.start.isoformat().replace("+00:00", "Z"),
        "until": delivery.span.end.isoformat().replace("+00:00", "Z"),
        "totals": {column: _round(total) for column, total in _totals(delivery).items()},
        "hotspots": [_place_row(place) for place in delivery.places],
        "notes": list(delivery.notes),
    }


def _totals(delivery: Delivery) -> dict[str, float | None]:
    sum_of_column = {
        column: sum(getattr(place, column) for place in delivery.places)
        for column in PLACE_COLUMNS[1:]
        if column != "delivered_share"
    }
    planned_minutes = sum_of_column["planned_minutes"]
    delivered_share = sum_of_column["patrol_minutes"] / planned_minutes if planned_minutes else None
    return {
        column: delivered_share if column == "delivered_share" else sum_of_column[column]
        for column in PLACE_COLUMNS[1:]
    }


def _delivery_lines(report: DeliveryReport) -> Iterator[object]:
    from rich.text import Text

    from becalm.console.screen import Column, table

    delivery = report.delivery
    total_of_column = {column: _round(total) for column, total in _totals(delivery).items()}
    yield Text(_headline(total_of_column) if report.has_traces else _check_in_headline(total_of_column))
    table_columns: list[Column[PlaceDelivery]] = [
        Column("hotspot", lambda p: p.name or p.hotspot, is_text=True),
        Column("planned", lambda p: f"{p.planned_visits} ({p.planned_minutes:,.0f} min)"),
        Column("delivered", lambda p: f"{p.delivered_visits} ({p.patrol_minutes:,.0f} min)"),
        Column("share", lambda p: "-" if p.delivered_share is None else f"{p.delivered_share:.0%}"),
        Column("background", lambda p: f"{p.background_visits} ({p.background_minutes:,.0f} min)"),
        Column("officer-min", lambda p: f"{p.officer_minutes:,.0f}"),
        Column("check-ins (alone)", lambda p: f"{p.check_in_visits} ({p.check_in_only_visits})"),
    ]
    worst_served = sorted(
        delivery.places, key=lambda p: (p.delivered_share is None, p.delivered_share or 0.0, p.hotspot)
    )
    yield table(table_columns, worst_served[:MOST_PLACES])
    if len(worst_served) > MOST_PLACES:
        yield f"The {MOST_PLACES} with least of their plan; all {len(worst_served)}: --format csv"
    yield from map(Text, delivery.notes)


def _headline(totals: Mapping[str, object]) -> str:
    delivered_share = totals["delivered_share"]
    share_text = (
        "nothing was planned" if delivered_share is None else f"{delivered_share:.0%} of the planned minutes"
    )
    return (
        f"Delivered: {totals['delivered_visits']:,} of {totals['planned_visits']:,} planned visits, "
        f"{share_text}; {totals['background_minutes']:,.0f} patrol-minutes outside the plan, "
        f"{totals['officer_minutes']:,.0f} officer-minutes in all."
    )


def _check_in_headline(totals: Mapping[str, object]) -> str:
    """Without traces nothing is known about delivery: a zero would look like a failure."""
    return (
        f"Checked in: {totals['check_in_visits']:,} visits of {totals['check_in_minutes']:,.0f} minutes, "
        f"where {totals['planned_visits']:,} of {totals['planned_minutes']:,.0f} were planned. "
        "Without --traces nothing is known about delivery: the columns below count none."
    )


def certificate(session: Session, request: CertificateRequest) -> None:
    """Test any log of visits: how well can someone who watched every visit predict the next?"""
    from becalm.patrol.desk.visits import certify_visits

    time_zone = request.time_zone or _workspace_zone(session)
    _check_zone(time_zone)
    certificate = certify_visits(request, time_zone=time_zone, progress=session.progress)
    session.emit(certificate, certificate_view())


def certificate_view() -> View[Certificate]:
    """How a certificate is shown."""
    from becalm.console.emit import View

    return View(certificate_object, _figure_rows, _certificate_lines)


def _workspace_zone(session: Session) -> str:
    """The zone of the workspace that was named or is here; a log can be tested without any."""
    try:
        return session.open_desk().workspace.config.city.time_zone
    except WorkspaceError:
        if session.workspace is not None:
            raise
        return DEFAULT_ZONE


def _check_zone(zone: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"{zone!r} is not a time zone. Give one by its place, e.g. Europe/London."
        ) from error


def certificate_object(certificate: Certificate) -> dict[str, object]:
    """The certificate as other programs rely on it: first what the contract names, in its order."""
    settings = certificate.settings
    attack_figures = {**attack_object(certificate.attack), "floor": attack_object(certificate.floor)}
    return {
        **{figure: attack_figures[figure] for figure in CONTRACT},
        **attack_figures,
        "calibration": _calibration(certificate.attack),
        "train_days": settings.train_days,
        "test_days": settings.test_days,
        "from": str(certificate.first_day),
        "to": str(certificate.last_day),
        "time_zone": certificate.time_zone,
        "window_minutes": settings.window_minutes,
        "visits": certificate.visits,
        "hotspots": certificate.hotspots,
        "moments": certificate.moments,
        "trained_moments": certificate.trained,
        "level": settings.level,
        "method": certificate.attack.gain.method,
        "seed": certificate.seed,
        "seeds": settings.seeds,
        "warnings": list(certificate.notes),
    }


def attack_object(attack: Attack) -> dict[str, object]:
    """One attack: the contract's figures first."""
    dead_zone, insider_auc = attack.longest_dead_zone, attack.auc_insider
    return {
        "auc_static": round(attack.auc_static, DECIMALS),
        "auc_history": round(attack.auc_history, DECIMALS),
        **_interval("gain", attack.gain),
        **_interval("log_loss_skill", attack.log_loss_skill),
        **_interval("safest_decile_ratio", attack.safest_decile_ratio),
        "longest_dead_zone_minutes": dead_zone.minutes,
        "dead_zone": {"area": dead_zone.area, "begins": dead_zone.begins},
        "auc_insider": None if insider_auc is None else round(insider_auc, DECIMALS),
        **_interval("insider_gain", attack.insider_gain),
    }


def _interval(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    field_name_of_key = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return {
        key: None if estimate is None else round(getattr(estimate, field), DECIMALS)
        for key, field in field_name_of_key.items()
    }


def _calibration(attack: Attack) -> list[dict[str, float]]:
    share_names = ("foretold", "timetable", "observed")
    return [
        {
            "decile": decile.decile,
            "moments": decile.moments,
            **{share_name: round(getattr(decile, share_name), DECIMALS) for share_name in share_names},
        }
        for decile in attack.calibration
    ]


def _figure_rows(certificate: Certificate) -> Iterator[Mapping[str, object]]:
    figures_of_log, figures_of_chance = attack_object(certificate.attack), attack_object(certificate.floor)
    for figure in FIGURES:
        key_of_interval_end = {"low": f"{figure}_low", "high": f"{figure}_high"}
        yield {
            "figure": figure,
            "log": figures_of_log.get(figure),
            **{end: figures_of_log.get(key) for end, key in key_of_interval_end.items()},
            "floor": figures_of_chance.get(figure),
            **{f"floor_{end}": figures_of_chance.get(key) for end, key in key_of_interval_end.items()},
        }


def _certificate_lines(certificate: Certificate) -> Iterator[object]:
    from becalm.console.screen import string_table

    settings, attack = certificate.settings, certificate.attack
    yield (
        f"{certificate.visits:,} visits at {certificate.hotspots} hotspots, {certificate.first_day} to "
        f"{certificate.last_day} ({certificate.time_zone}): {settings.train_days} days for training, "
        f"{settings.test_days} for testing."
    )
    yield (
        f"Does a visit start within {settings.window_minutes} minutes? {certificate.moments:,} moments were "
        "predicted."
    )
    figures_of_log, figures_of_chance = attack_object(attack), attack_object(certificate.floor)
    figure_rows = [
        (label, _figure_text(name, figures_of_log), _figure_text(name, figures_of_chance))
        for name, label in FIGURES.items()
    ]
    yield string_table(("figure", "this log", "chance alone"), figure_rows, left=("figure",))
    dead_zone = attack.longest_dead_zone
    if dead_zone.minutes:
        area_text = f" in {dead_zone.area}" if dead_zone.area else ""
        yield f"The longest dead zone{area_text} begins at {dead_zone.begins}."
    yield from describe_attack(attack)
    yield from (f"warning: {note}" for note in certificate.notes)
    yield (
        f"{settings.level:.0%} intervals ({attack.gain.method}); seed {certificate.seed}, seeds "
        f"{settings.seeds}. Chance alone: independent visits at the same rates."
    )


def describe_attack(attack: Attack) -> tuple[str, ...]:
    """What the figures mean beside what becalm asks of its own plans; intervals decide, not values."""
    gain, skill, safest = attack.gain, attack.log_loss_skill, attack.safest_decile_ratio
    set_times_sentences = (
        f"The timetable alone predicts most visits (AUC {attack.auc_static:.2f}): they come at set times.",
    )
    if gain.low > MOST_GAIN or skill.low > MOST_SKILL or (safest is not None and safest.high < LEAST_SAFEST):
        verdict_sentence = (
            "Someone who has watched the visits predicts the next ones better than a timetable does."
        )
    elif (
        gain.high <= MOST_GAIN and skill.high <= MOST_SKILL and (safest is None or safest.low >= LEAST_SAFEST)
    ):
        verdict_sentence = "Watching the visits gives an attacker no useful advantage."
    else:
        verdict_sentence = "It is unclear whether watching gives an attacker an advantage: see the intervals."
    aims_text = f"gain up to {MOST_GAIN}, skill up to {MOST_SKILL}, safest decile from {LEAST_SAFEST}"
    timetable_sentences = set_times_sentences if attack.auc_static >= SET_TIMES_AUC else ()
    return (*timetable_sentences, f"{verdict_sentence} (Asked of a plan: {aims_text}.)")


def _figure_text(name: str, figures: Mapping[str, object]) -> str:
    value, low, high = (figures.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "not known"
    if name == "longest_dead_zone_minutes":
        return str(value)
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"
