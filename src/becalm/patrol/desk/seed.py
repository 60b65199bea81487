"""The sealed seed of a plan: drawn by the operating system, committed to in the ledger before it is used."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from becalm import __version__
from becalm.desk import Desk, note_configuration, record_event
from becalm.ledger import Entry, Fact
from becalm.patrol.core import seal
from becalm.patrol.core.plan_result import LAW
from becalm.patrol.core.policy import SealRule
from becalm.patrol.core.request import SealRequest, ShareRequest
from becalm.patrol.core.seed_audit import SeedAudit, audit_seeds, explain_share
from becalm.patrol.core.seed_history import SEED_EVENT_KINDS, Ground, SeedHistory
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.sealed_box import SealedBox, SealedKey
from becalm.terms import PlanError, UsageError
from becalm.workspace.config import POLICY_FILE

PROGRAM: Final = f"becalm {__version__}"
PLANNER: Final = f"{PROGRAM}, law {LAW}"
PURPOSE: Final = "patrol"
LONGEST_NAME: Final = 256  # a longer text names no file


@dataclass(frozen=True, slots=True)
class SeedPeriod:
    """The days that a seed is for, the one area (all where it is empty), and its units and places."""

    first_day: date
    days: int
    area: str = ""
    ground: Ground = field(default=Ground(), compare=False)

    def __str__(self) -> str:
        last_day = self.first_day + timedelta(days=self.days - 1)
        return f"{self.first_day} to {last_day}" + (f", {self.area}" if self.area else "")


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A commitment in the ledger, and the key that bursts are drawn with."""

    history: SeedHistory
    key: bytes
    share_sha256: str


def sealed_box(desk: Desk) -> SealedBox:
    """What this workspace keeps sealed."""
    return SealedBox(desk.workspace.path)


def audit_patrol(desk: Desk) -> SeedAudit:
    """What became of every sealed seed, and was a rule broken? By the limits of the workspace's policy."""
    entries = desk.open_ledger().entries(kinds=SEED_EVENT_KINDS)
    return audit_seeds(entries, now=desk.now(), rule=load_seal_rule(desk))


def load_seal_rule(desk: Desk) -> SealRule:
    """The limits of the workspace's own policy, else of the one that ships."""
    policy_path = desk.workspace.path / POLICY_FILE
    return load_policy(policy_path if policy_path.is_file() else None).seals


def find_seed_history(desk: Desk, commitment: str) -> SeedHistory:
    """What the ledger tells of this commitment; raises PlanError where it tells nothing."""
    histories = audit_patrol(desk).histories
    seed_history = next(
        (seed_history for seed_history in histories if seed_history.commitment == commitment), None
    )
    if seed_history is None:
        raise PlanError(
            f"The ledger of {desk.workspace.path} knows no commitment {commitment[:12] or '(none)'}. "
            "Either the plan was made in another workspace, or nothing was sealed before it was drawn."
        )
    return seed_history


def find_active_seed(desk: Desk, period: SeedPeriod) -> SeedHistory | None:
    """The newest seed for exactly this period, if there is one."""
    histories = (
        history
        for history in audit_patrol(desk).histories
        if SeedPeriod(history.first_day, history.days, history.area) == period
    )
    return max(histories, key=lambda history: history.seq, default=None)


def explain_planner(version: str) -> str:
    """Why can this becalm not draw a plan of that version again? "" where it can."""
    if version == PLANNER:
        return ""
    planner = version if ", law " in version else f"{version}, from before laws had numbers (law 1 or 2)"
    return (
        f"The plan was drawn by {planner}. This is {PLANNER}: from the same seed it draws other tours. "
        "Use the version that drew it."
    )


def check_planner(version: str) -> None:
    """Refuse to go on with a plan that another law gave: its weights mean something else here."""
    refusal = explain_planner(version)
    if refusal:
        raise PlanError(refusal)


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


def commit_share(desk: Desk, request: ShareRequest) -> Entry:
    """Record the hash of an overseer's share, so that it counts for a seed that is sealed later.

    Raises PlanError where the share is too short or too long, or was committed to before.
    """
    hash_text = request.share.removeprefix("sha256:").strip().lower()
    if request.share.startswith("sha256:"):
        if not re.fullmatch(r"[0-9a-f]{64}", hash_text):
            raise UsageError(
                f"`share` {request.share!r:.80} is not a SHA-256. Give sha256: and 64 hex digits."
            )
        share_sha256 = hash_text
    else:
        share_sha256 = _share_sha256(read_share(request.share))
    records = audit_patrol(desk).records
    earlier_share = next((share for share in records.shares if share.share_sha256 == share_sha256), None)
    if earlier_share is not None:
        raise PlanError(
            f"This share was committed to before, in entry {earlier_share.seq}. A share is used "
            "once: make a new "
            "one, e.g. with `openssl rand -hex 32`."
        )
    facts: dict[str, Fact] = {"share_sha256": share_sha256}
    return record_event(desk, "patrol_share_committed", purpose=PURPOSE, facts=facts)


def check_share_counts(desk: Desk, share: bytes, active_seed: SeedHistory | None) -> None:
    """Refuse a share that its maker, somebody else than who seals the seed, had not committed to before."""
    if not share:
        return
    sealed_seq, actor = (active_seed.seq, active_seed.actor) if active_seed else (None, desk.actor)
    refusal_text = explain_share(
        _share_sha256(share), audit_patrol(desk).records, sealed_seq=sealed_seq, actor=actor
    )
    if refusal_text:
        raise PlanError(
            f"The overseer's share does not count: {refusal_text}. The overseer records its hash "
            "with `becalm "
            "patrol share` first, then the seed is sealed, then the share is added."
        )


def seal_seed(
    desk: Desk,
    period: SeedPeriod,
    request: SealRequest,
    rule: SealRule,
    *,
    inputs_sha256: str,
    share: bytes = b"",
) -> SeedHistory:
    """Draw a seed, keep it sealed, and commit to it in the ledger.

    Raises PlanError where a day of the period was committed to before and no reason is given: that is a
    re-roll, whatever the area is called now; where it would stay sealed for longer than the policy allows;
    or where the operating system gave a seed that was used before.
    """
    if request.reveal_days > rule.most_reveal_days:
        raise PlanError(
            f"`reveal_days` is {request.reveal_days}, and the policy allows at most {rule.most_reveal_days}. "
            "Open the seed earlier, or have the policy changed ([seals] most_reveal_days)."
        )
    histories = audit_patrol(desk).histories
    days, ground = (period.first_day, period.days), period.ground
    earlier_seeds = [history for history in histories if history.overlaps(*days, period.area, ground)]
    if earlier_seeds and not request.again.strip():
        raise PlanError(_reroll_refusal(period, earlier_seeds[-1]))
    secret = seal.Secret(desk.draw_key(), desk.draw_key())
    _check_new(secret, histories)
    commitment = seal.compute_commitment(secret, inputs_sha256=inputs_sha256, version=PLANNER)
    sealed_box(desk).keep_key(commitment, SealedKey(secret.seed, secret.nonce, share))
    reveal_day = period.first_day + timedelta(days=period.days + request.reveal_days)
    event_facts: dict[str, Fact] = {
        "commitment": commitment,
        "inputs_sha256": inputs_sha256,
        "program": PLANNER,
        "first_day": period.first_day.isoformat(),
        "days": period.days,
        "seed_mark": seal.hash_seed(secret.seed),
        "reveal_after": f"{reveal_day.isoformat()}T00:00:00Z",
    }
    optional_facts: dict[str, Fact] = {
        **ground.facts(),
        "area": period.area,
        "share_sha256": _share_sha256(share),
        "reason": request.again.strip() if earlier_seeds else "",
        "replaces": earlier_seeds[-1].commitment if earlier_seeds else "",
    }
    event_facts |= {name: value for name, value in optional_facts.items() if value}
    note_configuration(desk)
    record_event(desk, "patrol_seed_committed", purpose=PURPOSE, facts=event_facts)
    return find_seed_history(desk, commitment)


def open_sealed(desk: Desk, history: SeedHistory, *, share: bytes = b"") -> SealedSeed:
    """The key of this commitment, from the workspace's own sealed box.

    An overseer's share that is brought now is kept beside the seed; one that is there already must be
    the same. Raises PlanError where the sealed seed is not the one that was committed to.
    """
    sealed_store = sealed_box(desk)
    sealed_key = sealed_store.key(history.commitment)
    if share and share != sealed_key.share:
        _check_share_is_welcome(history, sealed_key)
        sealed_key = SealedKey(sealed_key.seed, sealed_key.nonce, share)
        sealed_store.keep_key(history.commitment, sealed_key)
    secret = seal.Secret(sealed_key.seed, sealed_key.nonce)
    commitment = seal.compute_commitment(secret, inputs_sha256=history.inputs_sha256, version=history.version)
    if commitment != history.commitment:
        raise PlanError(
            f"The sealed seed in {sealed_store.folder(history.commitment)} is not the one that was "
            "committed to. "
            "It was altered or replaced: restore it from a backup."
        )
    sampling_key = seal.derive_sampling_key(secret, commitment=history.commitment, share=sealed_key.share)
    return SealedSeed(history, sampling_key, _share_sha256(sealed_key.share))


def _share_sha256(share: bytes) -> str:
    return hashlib.sha256(share).hexdigest() if share else ""


def _check_share_is_welcome(history: SeedHistory, sealed_key: SealedKey) -> None:
    if sealed_key.share:
        raise PlanError(
            f"Another overseer's share was added to {history.commitment[:12]} before. One share is for good."
        )
    if any(plan.replan == 0 for plan in history.plans):
        raise PlanError("The plan was drawn already; a share can be added only before that.")


def _check_new(secret: seal.Secret, histories: Sequence[SeedHistory]) -> None:
    seed_mark = seal.hash_seed(secret.seed)
    first_use = next((history for history in histories if history.seed_mark == seed_mark), None)
    if first_use is not None:
        raise PlanError(
            f"This seed was used before, for {first_use.first_day} to {first_use.last_day} (entry "
            f"{first_use.seq}). A seed is used once: have the machine's random number source checked."
        )


def _reroll_refusal(period: SeedPeriod, earlier: SeedHistory) -> str:
    state_text = "and a plan was drawn from it" if earlier.plans else "and no plan was drawn from it yet"
    return (
        f"A seed was sealed for {earlier.first_day} to {earlier.last_day} before (entry {earlier.seq}, "
        f"{earlier.committed_at:%Y-%m-%d %H:%M} UTC, {earlier.commitment[:12]}), {state_text}. Another for "
        f"{period} is a re-roll. Plan all boroughs of these days together, or each patrol area by itself "
        "(`area`). If a re-roll must be, give the reason with `again`; it will stand in the plan and in "
        "`becalm patrol audit` for all to see."
    )
