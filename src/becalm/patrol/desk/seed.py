"""The sealed seed of a plan: drawn by the operating system, committed to in the ledger before it is used."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from becalm import __version__
from becalm.desk import Desk, note_configuration, record_event
from becalm.ledger import Fact
from becalm.patrol.core import seal
from becalm.patrol.core.request import SealRequest
from becalm.patrol.files.sealed_box import SealedBox, SealedKey
from becalm.terms import PlanError, UsageError

PROGRAM: Final = f"becalm {__version__}"
PURPOSE: Final = "patrol"
LONGEST_NAME: Final = 256  # a longer text names no file


@dataclass(frozen=True, slots=True)
class SeedPeriod:
    """The days that a seed is for, and the one area (all where it is empty)."""

    first_day: date
    days: int
    area: str = ""

    def __str__(self) -> str:
        last_day = self.first_day + timedelta(days=self.days - 1)
        return f"{self.first_day} to {last_day}" + (f", {self.area}" if self.area else "")


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A commitment in the ledger, and the key that bursts are drawn with."""

    history: seal.SeedHistory
    key: bytes
    share_sha256: str


def sealed_box(desk: Desk) -> SealedBox:
    """What this workspace keeps sealed."""
    return SealedBox(desk.workspace.path)


def audit_patrol(desk: Desk) -> seal.SeedAudit:
    """What became of every sealed seed, and was a rule broken?"""
    return seal.audit_seeds(desk.open_ledger().entries(kinds=seal.SEED_EVENT_KINDS), now=desk.now())


def find_seed_history(desk: Desk, commitment: str) -> seal.SeedHistory:
    """What the ledger tells of this commitment; raises PlanError where it tells nothing."""
    histories = audit_patrol(desk).histories
    history = next((history for history in histories if history.commitment == commitment), None)
    if history is None:
        raise PlanError(
            f"The ledger of {desk.workspace.path} knows no commitment {commitment[:12] or '(none)'}. "
            "Either the plan was made in another workspace, or nothing was sealed before it was drawn."
        )
    return history


def find_active_seed(desk: Desk, period: SeedPeriod) -> seal.SeedHistory | None:
    """The newest seed for exactly this period, if there is one."""
    histories = (
        history
        for history in audit_patrol(desk).histories
        if SeedPeriod(history.first_day, history.days, history.area) == period
    )
    return max(histories, key=lambda history: history.seq, default=None)


def read_share(text: str | None) -> bytes:
    """An overseer's share from a file or from hex; none where nothing was brought."""
    if text is None:
        return b""
    share_path = Path(text)
    is_file = len(text) < LONGEST_NAME and share_path.is_file()
    share_content = share_path.read_bytes().strip() if is_file else text.encode()
    try:
        return seal.check_share(bytes.fromhex(share_content.decode("ascii")))
    except ValueError:
        if is_file:
            return seal.check_share(share_content)
    raise UsageError(
        f"`overseer_share` {text!r:.40} is neither a file nor hex. `openssl rand -hex 32` makes one."
    )


def seal_seed(
    desk: Desk, period: SeedPeriod, request: SealRequest, *, inputs_sha256: str, share: bytes = b""
) -> seal.SeedHistory:
    """Draw a seed, keep it sealed, and commit to it in the ledger.

    Raises PlanError where a day of the period was committed to before and no reason is given: that is a
    re-roll; or where the operating system gave a seed that was used before.
    """
    histories = audit_patrol(desk).histories
    earlier_seeds = [h for h in histories if h.overlaps(period.first_day, period.days, period.area)]
    if earlier_seeds and not request.again.strip():
        raise PlanError(_reroll_refusal(period, earlier_seeds[-1]))
    secret = seal.Secret(desk.draw_key(), desk.draw_key())
    _check_new(secret, histories)
    commitment = seal.compute_commitment(secret, inputs_sha256=inputs_sha256, version=PROGRAM)
    sealed_box(desk).keep_key(commitment, SealedKey(secret.seed, secret.nonce, share))
    reveal_day = period.first_day + timedelta(days=period.days + request.reveal_days)
    event_facts: dict[str, Fact] = {
        "commitment": commitment,
        "inputs_sha256": inputs_sha256,
        "program": PROGRAM,
        "first_day": period.first_day.isoformat(),
        "days": period.days,
        "seed_mark": seal.hash_seed(secret.seed),
        "reveal_after": f"{reveal_day.isoformat()}T00:00:00Z",
    }
    optional_facts: dict[str, Fact] = {
        "area": period.area,
        "share_sha256": _share_sha256(share),
        "reason": request.again.strip() if earlier_seeds else "",
        "replaces": earlier_seeds[-1].commitment if earlier_seeds else "",
    }
    event_facts |= {name: value for name, value in optional_facts.items() if value}
    note_configuration(desk)
    record_event(desk, "patrol_seed_committed", purpose=PURPOSE, facts=event_facts)
    return find_seed_history(desk, commitment)


def open_sealed(desk: Desk, history: seal.SeedHistory, *, share: bytes = b"") -> SealedSeed:
    """The key of this commitment, from the workspace's own sealed box.

    An overseer's share that is brought now is kept beside the seed; one that is there already must be
    the same. Raises PlanError where the sealed seed is not the one that was committed to.
    """
    box = sealed_box(desk)
    sealed_key = box.key(history.commitment)
    if share and share != sealed_key.share:
        _check_share_is_welcome(history, sealed_key)
        sealed_key = SealedKey(sealed_key.seed, sealed_key.nonce, share)
        box.keep_key(history.commitment, sealed_key)
    secret = seal.Secret(sealed_key.seed, sealed_key.nonce)
    commitment = seal.compute_commitment(secret, inputs_sha256=history.inputs_sha256, version=history.version)
    if commitment != history.commitment:
        raise PlanError(
            f"The sealed seed in {box.folder(history.commitment)} is not the one that was committed to. "
            "It was altered or replaced: restore it from a backup."
        )
    key = seal.derive_sampling_key(secret, commitment=history.commitment, share=sealed_key.share)
    return SealedSeed(history, key, _share_sha256(sealed_key.share))


def _share_sha256(share: bytes) -> str:
    return hashlib.sha256(share).hexdigest() if share else ""


def _check_share_is_welcome(history: seal.SeedHistory, sealed_key: SealedKey) -> None:
    if sealed_key.share:
        raise PlanError(
            f"Another overseer's share was added to {history.commitment[:12]} before. One share is for good."
        )
    if any(plan.replan == 0 for plan in history.plans):
        raise PlanError("The plan was drawn already; a share can be added only before that.")


def _check_new(secret: seal.Secret, histories: Sequence[seal.SeedHistory]) -> None:
    seed_mark = seal.hash_seed(secret.seed)
    first_use = next((history for history in histories if history.seed_mark == seed_mark), None)
    if first_use is not None:
        raise PlanError(
            f"This seed was used before, for {first_use.first_day} to {first_use.last_day} (entry "
            f"{first_use.seq}). A seed is used once: have the machine's random number source checked."
        )


def _reroll_refusal(period: SeedPeriod, earlier: seal.SeedHistory) -> str:
    state_text = "and a plan was drawn from it" if earlier.plans else "and no plan was drawn from it yet"
    return (
        f"A seed was sealed for {earlier.first_day} to {earlier.last_day} before (entry {earlier.seq}, "
        f"{earlier.committed_at:%Y-%m-%d %H:%M} UTC, {earlier.commitment[:12]}), {state_text}. Another for "
        f"{period} is a re-roll. Plan all boroughs of these days together, or each patrol area by itself "
        "(`area`). If a re-roll must be, give the reason with `again`; it will stand in the plan and in "
        "`becalm patrol audit` for all to see."
    )
