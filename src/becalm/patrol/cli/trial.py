"""`becalm patrol trial` and `override`: what could a trial see, which arm is drawn, and what came instead?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.console.emit import View
from becalm.patrol.core.request import OverrideRequest, TrialRequest

if TYPE_CHECKING:
    from becalm.patrol.desk.trial import RecordedOverride, Trial

MOST_OVERRIDDEN = 0.10  # of place-days: beyond, a trial says little about what caused what


def trial(session: Session, request: TrialRequest) -> None:
    """Show what a trial could detect, and draw its arms: off, low or high dosage for each place and day."""
    from becalm.patrol.desk.trial import plan_trial

    view: View[Trial] = View(
        lambda trial: {**_trial_row(trial), "notes": list(trial.notes)},
        lambda trial: [_trial_row(trial)],
        _trial_lines,
    )
    session.emit(plan_trial(session.open_desk(), request), view)


def _trial_row(trial: Trial) -> dict[str, object]:
    from becalm.patrol.files.trial_arms import power_object

    arm_draw = trial.draw
    return {
        **power_object(trial.power),
        "clusters": arm_draw.clusters if arm_draw else None,
        "split_neighbours": arm_draw.split_neighbours if arm_draw else None,
        "folder": str(trial.folder) if trial.folder else None,
        "entry": trial.entry,
    }


def _trial_lines(trial: Trial) -> Iterator[str]:
    power = trial.power
    yield (
        f"{power.days} days, {power.treated} against {power.control}: about {power.expected_control:,.0f} "
        "incidents in each arm if nothing changes."
    )
    yield (
        f"  power       {power.power:.0%} to find that {power.effect:.0%} are prevented (level "
        f"{power.level:.0%}, variance {power.dispersion:.2f} times the mean)"
    )
    effect_text = f"{power.detectable:.0%} or more, four times in five" if power.detectable else "nothing"
    yield f"  detectable  {effect_text}"
    if power.days_needed:
        yield f"  days needed {power.days_needed:,} to find {power.effect:.0%} four times in five"
    if trial.draw and trial.folder:
        arms_path = trial.folder / "arms.csv"
        yield f"The arms are drawn: {arms_path} (entry {trial.entry} of the ledger)."
        yield f"Plan with them: becalm patrol plan --from DATE --arms {arms_path}"
        yield f"The power of this very draw, by running its analysis: becalm evaluate power {trial.folder}"
    else:
        yield "Nothing is drawn yet: give --out FOLDER to draw the arms."
    yield from trial.notes


def override(session: Session, request: OverrideRequest) -> None:
    """Record that a trial place got another dosage on one day. It stays in its arm."""
    from becalm.patrol.desk.trial import override_arm

    answer = override_arm(session.open_desk(), request)
    session.emit(answer, View(_override_data, lambda answer: [_override_data(answer)], _override_lines))


def _override_data(answer: RecordedOverride) -> dict[str, object]:
    override = answer.override
    return {
        "hotspot": override.hotspot,
        "day": override.day.isoformat(),
        "arm": answer.arm,
        "gave": override.gave,
        "overrides": answer.overrides,
        "share": round(answer.share, 6),
        "entry": answer.entry,
    }


def _override_lines(answer: RecordedOverride) -> Iterator[str]:
    override, override_count = answer.override, answer.overrides
    yield f"{override.hotspot} stays in arm {answer.arm} on {override.day}, and was given {override.gave}."
    yield f"Recorded as entry {answer.entry}. Overrides so far: {override_count} ({answer.share:.1%})."
    if answer.share > MOST_OVERRIDDEN:
        limit_text = f"{MOST_OVERRIDDEN:.0%}"
        yield f"More than {limit_text} of place-days: the trial can hardly show cause and effect."
