"""A trial of dosage: what it could see, and which place is in which arm on which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

from becalm.archive.manifest import sha256_of
from becalm.desk import Desk
from becalm.desk.audit import record_event, recorded
from becalm.ledger.event import Entry, Fact
from becalm.patrol.core.places_and_shifts import Arm, PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.patrol.core.seal import Secret, compute_commitment
from becalm.patrol.core.trial import (
    ArmDay,
    ArmDraw,
    Override,
    TrialPower,
    assess_trial_power,
    check_overrides,
    draw_arms,
)
from becalm.patrol.desk.hotspots import list_to_patrol
from becalm.patrol.desk.inputs import PatrolQuestion, gather_inputs
from becalm.patrol.desk.seed import PROGRAM
from becalm.patrol.files.arms import SealedArms, arms_csv, arms_inputs_sha256, read_arms, trial_json
from becalm.patrol.files.folder import sha256_of_text
from becalm.terms import PlanError, UsageError

ASKED = "patrol trial: which place is in which arm on which day"


@dataclass(frozen=True, slots=True)
class ArmOverridden:
    """An override that was recorded: the arm that stays, and how many of the trial's place-days have one."""

    override: Override
    arm: Arm
    entry: int
    overrides: int
    share: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What was stated, what was drawn, and where it stands (nowhere, if only the power was asked)."""

    power: TrialPower
    draw: ArmDraw | None
    folder: Path | None
    entry: int | None
    notes: tuple[str, ...]


def plan_trial(
    desk: Desk,
    question: PatrolQuestion,
    *,
    effect: float,
    dispersion: float | None = None,
    level: float = 0.95,
    out: Path | None = None,
) -> Trial:
    """What could a trial on these days see? With `out`, its arms are drawn, written there and recorded.

    Without `dispersion`, the one that the list of hotspots measured on months held out. Every draw is
    committed to in the ledger before it is made, so that drawing again until it suits is seen.
    """
    if out is not None and out.exists():
        raise UsageError(f"{out} exists already. Name a new folder: a draw is never written over.")
    found = list_to_patrol(desk, question.find) if question.hotspots is None else None
    gathered = gather_inputs(desk, question, found=found, fit=False)
    places, rule = gathered.plan_inputs.places, gathered.book.arms
    measured = found.hotspots.burst if found else None
    varies = max(1.0, dispersion or measured or 1.0)
    power = assess_trial_power(
        places, rule.arms, days=question.days, effect=effect, dispersion=varies, level=level
    )
    if out is None:
        return Trial(power, None, None, None, gathered.notes)
    sealed = _commit(desk, places, rule, question)
    draw = draw_arms(places, rule, first=question.first_day, days=question.days, key=sealed.secret.seed)
    arms = arms_csv(draw)
    sheet = trial_json(draw, power, rule, sealed, arms_sha256=sha256_of_text(arms))
    facts: dict[str, Fact] = {
        "question": ASKED,
        "files": (("arms.csv", sha256_of_text(arms)), ("trial.json", sha256_of_text(sheet))),
    }
    with recorded(desk, "report_published", purpose="patrol", facts=facts) as entry:
        out.mkdir(parents=True)
        (out / "arms.csv").write_text(arms, "utf-8", newline="")
        (out / "trial.json").write_text(sheet, "utf-8", newline="")
    return Trial(power, draw, out, entry.seq, (*draw.notes, *gathered.notes))


def override_arm(desk: Desk, folder: Path, override: Override) -> ArmOverridden:
    """Record that somebody did otherwise than an arm says. The place-day stays in its arm.

    Raises
    ------
    PlanError
        where the trial has no such place-day, nobody or no reason is named, or the ledger knows
        nothing of these arms.
    """
    path = folder / "arms.csv" if folder.is_dir() else folder
    arms, sha256 = read_arms(path), sha256_of(path)
    _require_drawn(desk, sha256, path)
    rows = tuple(ArmDay(hotspot, day, arm, "", "", 0.0) for (hotspot, day), arm in arms.items())
    before = tuple(_override(entry) for entry in _overrides(desk, sha256))
    share = check_overrides(ArmDraw(rows, 0, 0), (*before, override))
    facts: dict[str, Fact] = {
        "arms_sha256": sha256,
        "hotspot": override.hotspot,
        "day": override.day.isoformat(),
        "arm": arms[override.hotspot, override.day],
        "gave": override.gave,
        "by": override.by,
        "reason": override.reason,
    }
    entry = record_event(desk, "trial_arm_overridden", purpose="patrol", facts=facts)
    return ArmOverridden(override, arms[override.hotspot, override.day], entry.seq, len(before) + 1, share)


def _commit(
    desk: Desk, places: tuple[PatrolPlace, ...], rule: ArmRule, question: PatrolQuestion
) -> SealedArms:
    """Draw a key for the arms, and commit to it in the ledger before an arm is drawn."""
    secret = Secret(desk.draw_key(), desk.draw_key())
    inputs = arms_inputs_sha256(places, rule, first=question.first_day, days=question.days)
    commitment = compute_commitment(secret, inputs_sha256=inputs, version=PROGRAM)
    facts: dict[str, Fact] = {
        "commitment": commitment,
        "inputs_sha256": inputs,
        "first_day": question.first_day.isoformat(),
    }
    record_event(desk, "trial_committed", purpose="patrol", facts=facts)
    return SealedArms(secret, inputs, PROGRAM, commitment)


def _overrides(desk: Desk, sha256: str) -> tuple[Entry, ...]:
    """The overrides of these arms that stand: a corrected one does not."""
    entries = tuple(desk.open_ledger().entries(kinds=("trial_arm_overridden",)))
    corrected = {entry.event.corrects for entry in entries}
    own = (entry for entry in entries if entry.event.facts["arms_sha256"] == sha256)
    return tuple(entry for entry in own if entry.seq not in corrected)


def _override(entry: Entry) -> Override:
    facts = {name: str(value) for name, value in entry.event.facts.items()}
    day = date.fromisoformat(facts["day"])
    return Override(facts["hotspot"], day, cast("Arm", facts["gave"]), facts["by"], facts["reason"])


def _require_drawn(desk: Desk, sha256: str, path: Path) -> None:
    published = desk.open_ledger().entries(kinds=("report_published",))
    drawn = (entry for entry in published if entry.event.facts.get("question") == ASKED)
    if not any(sha256 in str(entry.event.facts["files"]) for entry in drawn):
        raise PlanError(
            f"{path} is not what a draw in this workspace's ledger gave: it was altered, or drawn elsewhere. "
            "Name the folder that `becalm patrol trial --out` wrote."
        )
