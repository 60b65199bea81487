"""A trial of dosage: what it could see, and which place is in which arm on which day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

from becalm.desk import Desk, record_event, recorded_action
from becalm.formats.durable_files import make_private_folder, sha256_of, sha256_of_text, write_durably
from becalm.ledger import Entry, Fact
from becalm.patrol.core import trial as trial_core
from becalm.patrol.core.plan_inputs import Arm, PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.patrol.core.request import OverrideRequest, TrialRequest
from becalm.patrol.core.seal import Secret, compute_commitment
from becalm.patrol.core.seed_history import Ground
from becalm.patrol.desk.hotspots import list_hotspots
from becalm.patrol.desk.inputs import load_inputs
from becalm.patrol.desk.seed import PROGRAM, PURPOSE, audit_patrol
from becalm.patrol.files.trial_arms import (
    SealedArms,
    arms_csv,
    arms_inputs_sha256,
    read_arms,
    trial_json,
    trial_places_csv,
)
from becalm.terms import PlanError, UsageError

TRIAL_QUESTION = "patrol trial: which place is in which arm on which day"
LEVEL = 0.95  # of the test that a trial is planned for


@dataclass(frozen=True, slots=True)
class RecordedOverride:
    """An override that was recorded: the arm that stays, and how many of the trial's place-days have one."""

    override: trial_core.Override
    arm: Arm
    entry: int
    overrides: int
    share: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What was stated, what was drawn, and where it lies (nowhere, if only the power was asked)."""

    power: trial_core.TrialPower
    draw: trial_core.ArmDraw | None
    folder: Path | None
    entry: int | None
    notes: tuple[str, ...]


def plan_trial(desk: Desk, request: TrialRequest) -> Trial:
    """What could a trial on these days see? With `out`, its arms are drawn, written there and recorded.

    Without `dispersion`, the one that the list of hotspots measured on months held out. Every draw is
    committed to in the ledger before it is made, so that drawing again until it suits is seen.
    """
    trial_folder, day_count = Path(request.out) if request.out else None, request.inputs.days
    if trial_folder is not None and trial_folder.exists():
        raise UsageError(f"{trial_folder} exists already. Name a new folder: a draw is never written over.")
    hotspot_list = list_hotspots(desk, request.inputs) if request.inputs.hotspots is None else None
    inputs = load_inputs(desk, request.inputs, hotspot_list=hotspot_list, is_fitted=False)
    places, rule = inputs.plan_inputs.places, inputs.book.arms
    measured_dispersion = hotspot_list.hotspots.burst if hotspot_list else None
    dispersion = max(1.0, request.dispersion or measured_dispersion or 1.0)
    trial_power = trial_core.assess_trial_power(
        places, rule.arms, days=day_count, effect=request.effect, dispersion=dispersion, level=LEVEL
    )
    if trial_folder is None:
        return Trial(trial_power, None, None, None, inputs.notes)
    first_day = request.inputs.first_day
    sealed_arms = _commit_arms(desk, places, rule, first_day, day_count, again=request.again.strip())
    arm_draw = trial_core.draw_arms(
        places, rule, first=first_day, days=day_count, key=sealed_arms.secret.seed
    )
    arms_text = arms_csv(arm_draw)
    trial_text = trial_json(arm_draw, trial_power, rule, sealed_arms, arms_sha256=sha256_of_text(arms_text))
    texts = {"arms.csv": arms_text, "places.csv": trial_places_csv(places), "trial.json": trial_text}
    entry = _write_trial(desk, trial_folder, texts)
    return Trial(trial_power, arm_draw, trial_folder, entry.seq, (*arm_draw.notes, *inputs.notes))


def _commit_arms(
    desk: Desk, places: tuple[PatrolPlace, ...], rule: ArmRule, first_day: date, days: int, *, again: str
) -> SealedArms:
    """Draw a key for the arms, and commit to it in the ledger before an arm is drawn.

    Raises PlanError where arms were drawn for some of these days and places before, and no reason is given.
    """
    trial_ground = Ground.of(places)
    recorded_trials = audit_patrol(desk).records.trials
    earlier_trial = next(
        (trial for trial in recorded_trials if trial.overlaps(first_day, days, trial_ground)), None
    )
    if earlier_trial is not None and not again:
        raise PlanError(
            f"Arms were drawn for some of these days and places before (entry {earlier_trial.seq}, "
            f"{earlier_trial.recorded_at:%Y-%m-%d %H:%M} UTC). Use them: drawing until the arms "
            "suit is no trial. "
            "If they must be drawn again, give the reason with `again`; the audit shows it."
        )
    secret = Secret(desk.draw_key(), desk.draw_key())
    inputs_sha256 = arms_inputs_sha256(places, rule, first=first_day, days=days)
    commitment = compute_commitment(secret, inputs_sha256=inputs_sha256, version=PROGRAM)
    event_facts: dict[str, Fact] = {
        "commitment": commitment,
        "inputs_sha256": inputs_sha256,
        "first_day": first_day.isoformat(),
        "days": days,
        **trial_ground.facts(),
        **({"reason": again} if earlier_trial is not None else {}),
    }
    record_event(desk, "trial_committed", purpose=PURPOSE, facts=event_facts)
    return SealedArms(secret, inputs_sha256, PROGRAM, commitment)


def _write_trial(desk: Desk, folder: Path, files: Mapping[str, str]) -> Entry:
    file_hashes = tuple((file_name, sha256_of_text(file_text)) for file_name, file_text in files.items())
    event_facts: dict[str, Fact] = {"question": TRIAL_QUESTION, "files": file_hashes}
    with recorded_action(desk, "report_published", purpose=PURPOSE, facts=event_facts) as entry:
        make_private_folder(folder)
        for file_name, file_text in files.items():
            write_durably(folder / file_name, file_text)
    return entry


def override_arm(desk: Desk, request: OverrideRequest) -> RecordedOverride:
    """Record that somebody did otherwise than an arm says. The place-day stays in its arm.

    Raises PlanError where the trial has no such place-day, nobody or no reason is named, or the ledger knows
    nothing of these arms.
    """
    trial_path = Path(request.trial)
    arms_path = trial_path / "arms.csv" if trial_path.is_dir() else trial_path
    arm_by_day, arms_sha256 = read_arms(arms_path), sha256_of(arms_path)
    check_recorded(desk, arms_sha256, arms_path)
    arm_days = tuple(
        trial_core.ArmDay(hotspot, day, drawn_arm, "", "", 0.0)
        for (hotspot, day), drawn_arm in arm_by_day.items()
    )
    earlier_overrides = list_overrides(desk, arms_sha256)
    override = trial_core.Override(request.hotspot, request.day, request.gave, request.by, request.reason)
    override_share = trial_core.check_overrides(
        trial_core.ArmDraw(arm_days, 0, 0), (*earlier_overrides, override)
    )
    drawn_arm = arm_by_day[override.hotspot, override.day]
    event_facts: dict[str, Fact] = {
        "arms_sha256": arms_sha256,
        "hotspot": override.hotspot,
        "day": override.day.isoformat(),
        "arm": drawn_arm,
        "gave": override.gave,
        "by": override.by,
        "reason": override.reason,
    }
    entry = record_event(desk, "trial_arm_overridden", purpose=PURPOSE, facts=event_facts)
    return RecordedOverride(override, drawn_arm, entry.seq, len(earlier_overrides) + 1, override_share)


def list_overrides(desk: Desk, sha256: str) -> tuple[trial_core.Override, ...]:
    """The overrides of these arms that hold: a corrected one does not."""
    entries = tuple(desk.open_ledger().entries(kinds=("trial_arm_overridden",)))
    corrected_seqs = {entry.event.corrects for entry in entries}
    return tuple(
        _read_override(entry)
        for entry in entries
        if entry.event.facts["arms_sha256"] == sha256 and entry.seq not in corrected_seqs
    )


def _read_override(entry: Entry) -> trial_core.Override:
    fact_texts = {name: str(value) for name, value in entry.event.facts.items()}
    day = date.fromisoformat(fact_texts["day"])
    return trial_core.Override(
        fact_texts["hotspot"], day, cast("Arm", fact_texts["gave"]), fact_texts["by"], fact_texts["reason"]
    )


def check_recorded(desk: Desk, sha256: str, path: Path) -> None:
    """Raises PlanError where the ledger holds no draw that gave this file."""
    report_entries = desk.open_ledger().entries(kinds=("report_published",))
    trial_entries = (entry for entry in report_entries if entry.event.facts.get("question") == TRIAL_QUESTION)
    if not any(sha256 in str(entry.event.facts["files"]) for entry in trial_entries):
        raise PlanError(
            f"{path} is not what a draw in this workspace's ledger gave: it was altered, or drawn elsewhere. "
            "Name the folder that `becalm patrol trial` wrote."
        )
