"""The sealed seed of a plan: drawn by the operating system, committed to in the ledger before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from becalm import __version__
from becalm.desk import Desk
from becalm.desk.audit import note_configuration, record_event
from becalm.ledger.event import Fact
from becalm.patrol.core.seal import (
    SEED_EVENT_KINDS,
    Secret,
    SeedAudit,
    SeedHistory,
    audit_seeds,
    check_share,
    compute_commitment,
    derive_sampling_key,
    hash_seed,
)
from becalm.patrol.files.sealed_box import SealedBox, SealedKey
from becalm.terms import PlanError

PROGRAM: Final = f"becalm {__version__}"
PURPOSE: Final = "patrol"
REVEAL_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Period:
    """The days that a seed is for, and the one area (all where it is empty)."""

    first_day: date
    days: int
    area: str = ""

    def __str__(self) -> str:
        last = self.first_day + timedelta(days=self.days - 1)
        return f"{self.first_day} to {last}" + (f", {self.area}" if self.area else "")


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A commitment in the ledger, and the key that bursts are drawn with."""

    story: SeedHistory
    key: bytes
    share_sha256: str


def sealed_box(desk: Desk) -> SealedBox:
    """What this workspace keeps sealed."""
    return SealedBox(desk.workspace.path)


def audit_patrol(desk: Desk) -> SeedAudit:
    """What became of every sealed seed, and was a rule broken?"""
    return audit_seeds(desk.open_ledger().entries(kinds=SEED_EVENT_KINDS), now=desk.now())


def story_of(desk: Desk, commitment: str) -> SeedHistory:
    """What the ledger tells of this commitment; raises PlanError where it tells nothing."""
    found = next((s for s in audit_patrol(desk).histories if s.commitment == commitment), None)
    if found is None:
        raise PlanError(
            f"The ledger of {desk.workspace.path} knows no commitment {commitment[:12] or '(none)'}. "
            "Either the plan was made in another workspace, or nothing was sealed before it was drawn."
        )
    return found


def standing(histories: Sequence[SeedHistory], period: Period) -> SeedHistory | None:
    """The newest seed for exactly this period, if there is one."""
    same = (
        s for s in histories if (s.first_day, s.days, s.area) == (period.first_day, period.days, period.area)
    )
    return max(same, key=lambda s: s.seq, default=None)


def seal_seed(
    desk: Desk,
    period: Period,
    *,
    inputs_sha256: str,
    again: str = "",
    share: bytes = b"",
    reveal_days: int = REVEAL_DAYS,
) -> SeedHistory:
    """Draw a seed, keep it sealed, and commit to it in the ledger.

    Raises
    ------
    PlanError
        where a day of the period was committed to before and no reason is given: that is a re-roll; or
        where the operating system gave a seed that was used before.
    """
    check_share(share)
    histories = audit_patrol(desk).histories
    earlier = [s for s in histories if s.overlaps(period.first_day, period.days, period.area)]
    if earlier and not again.strip():
        raise PlanError(_is_a_re_roll(period, earlier[-1]))
    secret = Secret(desk.draw_key(), desk.draw_key())
    _require_new(secret, histories)
    commitment = compute_commitment(secret, inputs_sha256=inputs_sha256, version=PROGRAM)
    sealed_box(desk).keep_key(commitment, SealedKey(secret.seed, secret.nonce, share))
    last = period.first_day + timedelta(days=period.days + reveal_days)
    facts: dict[str, Fact] = {
        "commitment": commitment,
        "inputs_sha256": inputs_sha256,
        "program": PROGRAM,
        "first_day": period.first_day.isoformat(),
        "days": period.days,
        "seed_mark": hash_seed(secret.seed),
        "reveal_after": f"{last.isoformat()}T00:00:00Z",
    }
    optional: dict[str, Fact] = {
        "area": period.area,
        "share_sha256": hashlib.sha256(share).hexdigest() if share else "",
        "reason": again.strip() if earlier else "",
        "replaces": earlier[-1].commitment if earlier else "",
    }
    facts |= {name: value for name, value in optional.items() if value}
    note_configuration(desk)
    record_event(desk, "patrol_seed_committed", purpose=PURPOSE, facts=facts)
    return story_of(desk, commitment)


def open_sealed(desk: Desk, story: SeedHistory, *, share: bytes = b"") -> SealedSeed:
    """The key of this commitment, from the workspace's own sealed box.

    An overseer's share that is brought now is kept beside the seed; one that is there already must be
    the same. Raises PlanError where the sealed seed is not the one that was committed to.
    """
    check_share(share)
    box = sealed_box(desk)
    held = box.key(story.commitment)
    if share and held.share and share != held.share:
        raise PlanError(
            f"Another overseer's share was mixed into {story.commitment[:12]} before. One share is for good."
        )
    if share and not held.share:
        if any(plan.replan == 0 for plan in story.plans):
            raise PlanError("The plan was drawn already; a share can be mixed in only before that.")
        held = SealedKey(held.seed, held.nonce, share)
        box.keep_key(story.commitment, held)
    secret = Secret(held.seed, held.nonce)
    again = compute_commitment(secret, inputs_sha256=story.inputs_sha256, version=story.version)
    if again != story.commitment:
        raise PlanError(
            f"The sealed seed in {box.folder(story.commitment)} is not the one that was committed to. "
            "It was altered or replaced: restore it from a backup."
        )
    key = derive_sampling_key(secret, commitment=story.commitment, share=held.share)
    return SealedSeed(story, key, hashlib.sha256(held.share).hexdigest() if held.share else "")


def _require_new(secret: Secret, histories: Sequence[SeedHistory]) -> None:
    mark = hash_seed(secret.seed)
    used = next((s for s in histories if s.seed_mark == mark), None)
    if used is not None:
        raise PlanError(
            f"This seed was used before, for {used.first_day} to {used.last_day} (entry {used.seq}). A seed "
            "is used once: have the machine's source of random numbers looked at."
        )


def _is_a_re_roll(period: Period, earlier: SeedHistory) -> str:
    made = "and a plan was drawn from it" if earlier.plans else "and no plan was drawn from it yet"
    return (
        f"A seed was sealed for {earlier.first_day} to {earlier.last_day} before (entry {earlier.seq}, "
        f"{earlier.committed_at:%Y-%m-%d %H:%M} UTC, {earlier.commitment[:12]}), {made}. Another one for "
        f"{period} is a re-roll. Plan all boroughs of these days together, or each patrol area by itself "
        "(--area). If a re-roll must be, give the reason with --again; it will stand in the plan and in "
        "`becalm patrol audit` for all to see."
    )
