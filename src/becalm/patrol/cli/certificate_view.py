"""How a certificate is shown. Imported only when there is one to show."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.table import Table

from becalm.console.options import Format
from becalm.console.screen import console as on_screen
from becalm.console.screen import say
from becalm.patrol.core.certificate import Attack, Certificate
from becalm.terms import Estimate

PLACES = 5
FIGURES = (
    ("auc_static", "AUC, timetable alone"),
    ("auc_history", "AUC, knowing every visit so far"),
    ("gain", "gain of knowing the past"),
    ("log_loss_skill", "log-loss skill"),
    ("safest_decile_ratio", "safest decile: observed / timetable"),
    ("longest_dead_zone_minutes", "longest dead zone, minutes"),
    ("insider_gain", "gain of an insider"),
)


CONTRACT = (
    *("auc_static", "auc_history", "gain", "gain_low", "gain_high", "log_loss_skill"),
    *("safest_decile_ratio", "longest_dead_zone_minutes", "floor"),
)
MOST_GAIN, MOST_SKILL, LEAST_SAFEST = 0.01, 0.02, 0.6  # what becalm asks of its own plans
SET_TIMES_AUC = 0.9


def print_certificate(found: Certificate, format: Format) -> None:
    """Print the certificate, as asked."""
    held = certificate_object(found)
    if format is Format.json:
        sys.stdout.write(json.dumps(held, ensure_ascii=False, indent=2) + "\n")
    elif format is Format.csv:
        from becalm.render.spreadsheet import csv_text

        headings = ("figure", "log", "low", "high", "floor", "floor_low", "floor_high")
        sys.stdout.write(csv_text(headings, (_row(name, held) for name, _ in FIGURES)))
    else:
        _print_table(found, held)


def certificate_object(found: Certificate) -> dict[str, Any]:
    """The certificate as other programs rely on it: first what the contract names, in its order."""
    attack = {**attack_object(found.attack), "floor": attack_object(found.floor)}
    return {
        **{name: attack[name] for name in CONTRACT},
        **attack,
        "calibration": _calibration(found.attack),
        "train_days": found.settings.train_days,
        "test_days": found.settings.test_days,
        "from": str(found.first_day),
        "to": str(found.last_day),
        "time_zone": found.time_zone,
        "window_minutes": found.settings.window_minutes,
        "visits": found.visits,
        "hotspots": found.hotspots,
        "moments": found.moments,
        "trained_moments": found.trained,
        "level": found.settings.level,
        "method": found.attack.gain.method,
        "seed": found.seed,
        "seeds": found.settings.seeds,
        "warnings": list(found.notes),
    }


def attack_object(attack: Attack) -> dict[str, Any]:
    """One attack: the contract's figures first."""
    zone = attack.longest_dead_zone
    return {
        "auc_static": round(attack.auc_static, PLACES),
        "auc_history": round(attack.auc_history, PLACES),
        **_spread("gain", attack.gain),
        **_spread("log_loss_skill", attack.log_loss_skill),
        **_spread("safest_decile_ratio", attack.safest_decile_ratio),
        "longest_dead_zone_minutes": zone.minutes,
        "dead_zone": {"area": zone.area, "begins": zone.begins},
        "auc_insider": None if attack.auc_insider is None else round(attack.auc_insider, PLACES),
        **_spread("insider_gain", attack.insider_gain),
    }


def _spread(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    values = (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), (round(v, PLACES) for v in values), strict=True))


def _calibration(attack: Attack) -> list[dict[str, float]]:
    return [
        {
            "decile": d.decile,
            "moments": d.moments,
            "foretold": round(d.foretold, PLACES),
            "timetable": round(d.timetable, PLACES),
            "observed": round(d.observed, PLACES),
        }
        for d in attack.calibration
    ]


def _row(name: str, held: dict[str, Any]) -> list[object]:
    keys = (name, f"{name}_low", f"{name}_high")
    return [name, *(held.get(key) for key in keys), *(held["floor"].get(key) for key in keys)]


def _print_table(found: Certificate, held: dict[str, Any]) -> None:
    console, s = on_screen(), found.settings
    say(
        console,
        f"{found.visits:,} visits at {found.hotspots} hotspots, {found.first_day} to {found.last_day} "
        f"({found.time_zone}): {s.train_days} days watched, {s.test_days} foretold.",
        f"Does a visit start within {s.window_minutes} minutes? {found.moments:,} moments were foretold.",
    )
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("figure", "this log", "chance alone"):
        table.add_column(heading, justify="left" if heading == "figure" else "right", no_wrap=True)
    for name, words in FIGURES:
        table.add_row(words, _text(name, held), _text(name, held["floor"]))
    console.print(table)
    zone = found.attack.longest_dead_zone
    if zone.minutes:
        where = f" in {zone.area}" if zone.area else ""
        say(console, f"The longest dead zone{where} begins at {zone.begins}.")
    say(console, *reading(found.attack))
    say(console, *(f"warning: {note}" for note in found.notes))
    say(
        console,
        f"Intervals hold {s.level:.0%} ({found.attack.gain.method}); seed {found.seed}, seeds {s.seeds}. "
        "Chance alone: independent visits at the same rates.",
    )


def reading(attack: Attack) -> tuple[str, ...]:
    """What the figures mean, held against what becalm asks of its own plans; intervals decide, not values."""
    gain, skill, safest = attack.gain, attack.log_loss_skill, attack.safest_decile_ratio
    fixed = (
        f"The timetable alone foretells most visits (AUC {attack.auc_static:.2f}): they come at set times.",
    )
    if gain.low > MOST_GAIN or skill.low > MOST_SKILL or (safest is not None and safest.high < LEAST_SAFEST):
        past = "Whoever has watched the visits so far foretells the next ones better than a timetable does."
    elif (
        gain.high <= MOST_GAIN and skill.high <= MOST_SKILL and (safest is None or safest.low >= LEAST_SAFEST)
    ):
        past = "Having watched the visits so far gives an attacker nothing to speak of."
    else:
        past = "Whether having watched gives an attacker anything cannot be told: see the intervals."
    aims = f"gain up to {MOST_GAIN}, skill up to {MOST_SKILL}, safest decile from {LEAST_SAFEST}"
    return (*(fixed if attack.auc_static >= SET_TIMES_AUC else ()), f"{past} (Asked of a plan: {aims}.)")


def _text(name: str, held: dict[str, Any]) -> str:
    value, low = held[name], held.get(f"{name}_low")
    if value is None:
        return "not known"
    if name == "longest_dead_zone_minutes":
        return str(value)
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {held[name + '_high']:.3f})"
