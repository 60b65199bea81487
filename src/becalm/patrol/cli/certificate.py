"""`becalm patrol certificate`: how well could somebody who has watched the visits predict the next one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.console.emit import View
from becalm.patrol.core.request import CertificateRequest
from becalm.terms import UsageError, WorkspaceError

if TYPE_CHECKING:
    from becalm.patrol.core.leak_scans import LeakScan
    from becalm.patrol.core.predictability import Attack, Certificate, ObserverGain
    from becalm.terms import Estimate

DEFAULT_ZONE = "Europe/London"
DECIMALS = 5
FIGURES = {
    "auc_static": "AUC, timetable alone",
    "auc_history": "AUC, knowing every visit so far",
    "gain": "gain of knowing the past",
    "log_loss_skill": "log-loss skill",
    "safest_decile_ratio": "safest decile: observed / timetable",
    "safest_tenth_relative": "safest tenth for its place and hour",
    "longest_dead_zone_minutes": "longest dead zone, minutes",
    "insider_gain": "gain of an insider",
}
CONTRACT = (
    *("auc_static", "auc_history", "gain", "gain_low", "gain_high", "log_loss_skill"),
    *("safest_decile_ratio", "longest_dead_zone_minutes", "floor"),
)
INTERVALS = ("gain", "log_loss_skill", "safest_decile_ratio", "safest_tenth_relative", "insider_gain")
OBSERVERS = {"place": "one place", "area": "one area", "history": "all units", "insider": "an insider"}
MOST_GAIN, MOST_SKILL, LEAST_SAFEST = 0.01, 0.02, 0.6  # what becalm asks of its own plans
LEAST_RETURN = 0.8  # of the expected starts, in each quarter of an hour after a departure
SET_TIMES_AUC = 0.9


def certificate(session: Session, request: CertificateRequest) -> None:
    """Test any log of visits: how well can someone who watched every visit predict the next?"""
    from becalm.patrol.desk.visits import certify_visits

    time_zone = request.time_zone or _workspace_zone(session)
    _check_zone(time_zone)
    certificate = certify_visits(request, time_zone=time_zone, progress=session.progress)
    session.emit(certificate, certificate_view())


def certificate_view() -> View[Certificate]:
    """How a certificate is shown."""
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
    settings, attack, scan = certificate.settings, certificate.attack, certificate.scan
    attack_figures = {**attack_object(attack), "floor": attack_object(certificate.floor)}
    share_names = ("foretold", "timetable", "observed")  # their names in files that were written before
    return {
        **{figure: attack_figures[figure] for figure in CONTRACT},
        **attack_figures,
        "freest": attack_object(certificate.freest) if certificate.freest else None,
        "calibration": [
            {
                "decile": decile.decile,
                "moments": decile.moments,
                **dict(
                    zip(
                        share_names,
                        map(_round, (decile.predicted, decile.timetable, decile.observed)),
                        strict=True,
                    )
                ),
            }
            for decile in (attack.calibration if attack else ())
        ],
        **_scan_object(scan),
        "units_allow": [_round(share) for share in certificate.units_allow] or None,
        "verdict": list(describe_certificate(certificate)),
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
        "method": attack.gain.method if attack else None,
        "seed": certificate.seed,
        "seeds": settings.seeds,
        "warnings": list(certificate.notes),
    }


def _scan_object(scan: LeakScan) -> dict[str, object]:
    return {
        "after_departure": [
            {"from_minute": rate.from_minute, **_interval("ratio", rate.ratio)} for rate in scan.returns
        ],
        "periods": [
            {"days": period.days, "ratio": _round(period.ratio), "flagged": period.is_flagged}
            for period in scan.periods
        ],
        "leaks": [
            {"cause": leak.cause, "where": leak.where, "ratio": _round(leak.ratio), "sentence": leak.sentence}
            for leak in scan.leaks
        ],
    }


def attack_object(attack: Attack | None) -> dict[str, object]:
    """One attack: the contract's figures first; None for each where no attack could be tried."""
    if attack is None:
        figure_names = [*FIGURES, "dead_zone", "auc_insider", "observers", "worst_place"]
        return dict.fromkeys(
            [*figure_names, *(f"{name}_{end}" for name in INTERVALS for end in ("low", "high"))]
        )
    dead_zone, insider_auc, worst = attack.longest_dead_zone, attack.auc_insider, attack.worst_place
    worst_place = worst and {
        "hotspot": worst.hotspot,
        "starts": worst.starts,
        **_interval("log_loss_skill", worst.log_loss_skill),
    }
    return {
        "auc_static": _round(attack.auc_static),
        "auc_history": _round(attack.auc_history),
        **_interval("gain", attack.gain),
        **_interval("log_loss_skill", attack.log_loss_skill),
        **_interval("safest_decile_ratio", attack.safest_decile_ratio),
        **_interval("safest_tenth_relative", attack.safest_tenth_relative),
        "longest_dead_zone_minutes": dead_zone.minutes,
        "dead_zone": {"area": dead_zone.area, "begins": dead_zone.begins},
        "auc_insider": None if insider_auc is None else _round(insider_auc),
        **_interval("insider_gain", attack.insider_gain),
        "observers": [_observer_object(observer) for observer in attack.observers],
        "worst_place": worst_place,
    }


def _observer_object(observer: ObserverGain) -> dict[str, object]:
    return {
        "observer": observer.observer,
        "learner": observer.learner,
        "auc": _round(observer.auc),
        **_interval("gain", observer.gain),
        **_interval("log_loss_skill", observer.log_loss_skill),
    }


def _round(value: float) -> float:
    return round(value, DECIMALS)


def _interval(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    field_name_by_key = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return {
        key: None if estimate is None else _round(getattr(estimate, field))
        for key, field in field_name_by_key.items()
    }


def _figure_rows(certificate: Certificate) -> Iterator[Mapping[str, object]]:
    figures_of_log, figures_of_chance = attack_object(certificate.attack), attack_object(certificate.floor)
    for figure in FIGURES:
        key_by_interval_end = {"low": f"{figure}_low", "high": f"{figure}_high"}
        yield {
            "figure": figure,
            "log": figures_of_log.get(figure),
            **{end: figures_of_log.get(key) for end, key in key_by_interval_end.items()},
            "floor": figures_of_chance.get(figure),
            **{f"floor_{end}": figures_of_chance.get(key) for end, key in key_by_interval_end.items()},
        }


def _certificate_lines(certificate: Certificate) -> Iterator[object]:
    from becalm.console.screen import string_table

    attack_settings = certificate.settings
    hotspot_word = "hotspot" if certificate.hotspots == 1 else "hotspots"
    yield (
        f"{certificate.visits:,} visits at {certificate.hotspots} {hotspot_word}, {certificate.first_day} to "
        f"{certificate.last_day} ({certificate.time_zone}): {attack_settings.train_days} days for training, "
        f"{attack_settings.test_days} for testing."
    )
    if certificate.attack:
        yield from _attack_lines(certificate, certificate.attack)
    bound_texts = [f"{share:.2f}" for share in certificate.units_allow]
    bound_headings = ("units allow",) if bound_texts else ()
    return_rows = [
        (
            f"{rate.from_minute} to {rate.from_minute + 15}",
            _estimate_text(rate.ratio),
            *bound_texts[i : i + 1],
        )
        for i, rate in enumerate(certificate.scan.returns)
    ]
    yield string_table(("minutes after a unit leaves", "visits / usual there", *bound_headings), return_rows)
    yield from describe_certificate(certificate)
    yield from (f"warning: {note}" for note in certificate.notes)
    method_text = f" ({certificate.attack.gain.method})" if certificate.attack else ""
    yield (
        f"{attack_settings.level:.0%} intervals{method_text}; seed {certificate.seed}, seeds "
        f"{attack_settings.seeds}. "
        "Chance alone: independent visits at the same rates."
    )


def _attack_lines(certificate: Certificate, attack: Attack) -> Iterator[object]:
    from becalm.console.screen import string_table

    yield (
        f"Does a visit start within {certificate.settings.window_minutes} minutes? {certificate.moments:,} "
        "moments were predicted."
    )
    attack_by_heading = {
        "this log": attack,
        "chance alone": certificate.floor,
        "freest plan": certificate.freest,
    }
    attack_by_name = {heading: one for heading, one in attack_by_heading.items() if one}
    figures_by_heading = {heading: attack_object(one) for heading, one in attack_by_name.items()}
    figure_rows = [
        (label, *(_figure_text(name, figures_by_heading[heading]) for heading in attack_by_name))
        for name, label in FIGURES.items()
    ]
    yield string_table(("figure", *attack_by_name), figure_rows, left=("figure",))
    observer_rows = [
        (
            OBSERVERS[one.observer],
            one.learner,
            *(_gain_text(attack_by_name[heading], one.observer) for heading in attack_by_name),
        )
        for one in attack.observers
    ]
    yield string_table(
        ("who watches", "learner", *attack_by_name), observer_rows, left=("who watches", "learner")
    )
    dead_zone = attack.longest_dead_zone
    if dead_zone.minutes:
        area_text = f" in {dead_zone.area}" if dead_zone.area else ""
        yield f"The longest dead zone{area_text} begins at {dead_zone.begins}."


def _gain_text(attack: Attack, name: str) -> str:
    observer_score = next((one for one in attack.observers if one.observer == name), None)
    return "not known" if observer_score is None else _estimate_text(observer_score.gain)


def describe_certificate(certificate: Certificate) -> Iterator[str]:
    """The verdict in words: what the attack shows, how safe the time after a departure is, and each leak."""
    attack, scan = certificate.attack, certificate.scan
    if attack:
        yield from describe_attack(attack)
        strongest_leak = attack.strongest
        yield (
            f"The strongest observer watches {OBSERVERS[strongest_leak.observer]}: gain "
            f"{_estimate_text(strongest_leak.gain)}."
        )
        if attack.worst_place:
            yield (
                f"The most predictable place is {attack.worst_place.hotspot}: log-loss skill "
                f"{_estimate_text(attack.worst_place.log_loss_skill)}."
            )
    if scan.returns:
        quietest_return = min(scan.returns, key=lambda rate: rate.ratio.value)
        has_lull = quietest_return.ratio.high < LEAST_RETURN
        yield (
            f"In the two hours after a unit leaves, the quietest quarter of an hour begins after "
            f"{quietest_return.from_minute} minutes: {_estimate_text(quietest_return.ratio)} of the "
            "usual visits at that "
            f"place and hour{' - a safe time for an offender' if has_lull else ''}."
        )
    yield from (f"Cause found, {leak.cause} ({leak.where}): {leak.sentence}" for leak in scan.leaks)
    if not scan.leaks:
        yield "No single cause was found: no lull, period, link between places, minute or length."


def describe_attack(attack: Attack) -> tuple[str, ...]:
    """What the figures mean beside what becalm asks of its own plans; intervals decide, not values."""
    gain, skill, safest = attack.gain, attack.log_loss_skill, attack.safest_decile_ratio
    if gain.low > MOST_GAIN or skill.low > MOST_SKILL or (safest is not None and safest.high < LEAST_SAFEST):
        verdict_text = (
            "Someone who has watched the visits predicts the next ones better than a timetable does."
        )
    elif (
        gain.high <= MOST_GAIN and skill.high <= MOST_SKILL and (safest is None or safest.low >= LEAST_SAFEST)
    ):
        verdict_text = "Watching the visits gives an attacker no useful advantage."
    else:
        verdict_text = "It is unclear whether watching gives an attacker an advantage: see the intervals."
    aims_text = f"gain up to {MOST_GAIN}, skill up to {MOST_SKILL}, safest decile from {LEAST_SAFEST}"
    timetable_sentence = (
        f"The timetable alone predicts most visits (AUC {attack.auc_static:.2f}): they come at set times."
    )
    timetable_sentences = (timetable_sentence,) if attack.auc_static >= SET_TIMES_AUC else ()
    return (*timetable_sentences, f"{verdict_text} (Asked of a plan: {aims_text}.)")


def _figure_text(name: str, figures: Mapping[str, object]) -> str:
    value, low, high = (figures.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "not known"
    if name == "longest_dead_zone_minutes":
        return str(value)
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _estimate_text(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
