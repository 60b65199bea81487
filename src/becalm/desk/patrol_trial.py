"""A trial of dosage: what it could see, and which place is in which arm on which day."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from becalm.desk.core import Desk
from becalm.desk.find import find_hotspots
from becalm.desk.mark import marked
from becalm.desk.patrol_inputs import PatrolQuestion, gather_inputs
from becalm.patrol.arms import ArmDraw, draw_arms
from becalm.patrol.power import Power, trial_power
from becalm.publish.patrol_trial import arms_csv, trial_json
from becalm.terms.errors import UsageError
from becalm.terms.event import Fact

ASKED = "patrol trial: which place is in which arm on which day"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was stated, what was drawn, and where it stands (nowhere, if only the power was asked)."""

    power: Power
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

    Without `dispersion`, the one that the list of hotspots measured on months held out. Every draw leaves its
    mark in the ledger with the hashes of its files, so that drawing again until it suits is seen.
    """
    if out is not None and out.exists():
        raise UsageError(f"{out} exists already. Name a new folder: a draw is never written over.")
    found = find_hotspots(desk, question.find) if question.hotspots is None else None
    gathered = gather_inputs(desk, question, found=found, fit=False)
    places, rule = gathered.request.places, gathered.book.arms
    measured = found.hotspots.burst if found else None
    varies = max(1.0, dispersion or measured or 1.0)
    power = trial_power(places, rule.arms, days=question.days, effect=effect, dispersion=varies, level=level)
    if out is None:
        return Trial(power, None, None, None, gathered.notes)
    key = desk.draw_key()
    draw = draw_arms(places, rule, first=question.first_day, days=question.days, key=key)
    arms = arms_csv(draw)
    sheet = trial_json(draw, power, rule, key=key, arms_sha256=_sha256(arms))
    facts: dict[str, Fact] = {
        "question": ASKED,
        "files": (("arms.csv", _sha256(arms)), ("trial.json", _sha256(sheet))),
    }
    with marked(desk, "report_published", purpose="patrol", facts=facts) as entry:
        out.mkdir(parents=True)
        (out / "arms.csv").write_text(arms, "utf-8", newline="")
        (out / "trial.json").write_text(sheet, "utf-8", newline="")
    return Trial(power, draw, out, entry.seq, (*draw.notes, *gathered.notes))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
