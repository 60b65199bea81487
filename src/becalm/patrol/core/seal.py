"""Binding a plan to a secret before it is drawn, so that nobody can try again until the plan suits.

And was each period planned once, from the one seed that was sealed for it? Read from the ledger's entries.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any, Final

from becalm.ledger import Entry
from becalm.terms import PlanError

SEED_BYTES: Final = 32
LEAST_SHARE_BYTES: Final = 16
KEY_WORDS: Final = b"becalm patrol key 1"
# Facts that a record holds under the same name as their event.
HISTORY_TEXTS: Final = ("area", "inputs_sha256", "seed_mark", "reason", "replaces", "share_sha256")
PLAN_TEXTS: Final = ("plan_sha256", "visits_sha256", "unit", "reason", "share_sha256")
SEED_EVENT_KINDS: Final = (
    "patrol_seed_committed",
    "patrol_replan_begun",
    "bursts_planned",
    "patrol_seed_revealed",
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What is committed to and kept sealed: the seed, and a nonce so that the seed cannot be guessed at."""

    seed: bytes
    nonce: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES or len(self.nonce) != SEED_BYTES:
            raise PlanError(
                f"A seed of {8 * len(self.seed)} and a nonce of {8 * len(self.nonce)} bits were given. "
                f"Each must have {8 * SEED_BYTES}, drawn by the operating system."
            )


def compute_commitment(secret: Secret, *, inputs_sha256: str, version: str) -> str:
    """The SHA-256, in hex, that binds seed, nonce, inputs and program without telling the seed.

    It is of one line of canonical JSON, so that anybody can take it again from the opened seed:
    {"becalm":"patrol seed 1","inputs_sha256":…,"nonce":…,"seed":…,"version":…}
    """
    # The nonce is bound too: seed, inputs and version of a small plan could be tried one after another.
    sealed_content = {
        "becalm": "patrol seed 1",
        "inputs_sha256": inputs_sha256,
        "nonce": secret.nonce.hex(),
        "seed": secret.seed.hex(),
        "version": version,
    }
    canonical_json = json.dumps(sealed_content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def hash_seed(seed: bytes) -> str:
    """A mark by which a seed that comes twice is known, though nobody can tell the seed from it."""
    return hashlib.sha256(b"becalm patrol seed mark 1" + seed).hexdigest()


def derive_sampling_key(secret: Secret, *, commitment: str, share: bytes = b"") -> bytes:
    """The 32 bytes that bursts are drawn with: the seed, mixed with the overseer's share.

    HKDF-SHA256 with the share as salt and the commitment as information: with one of the two unknown
    and random, so is the key.

    Source: Krawczyk and Eronen, HMAC-based Extract-and-Expand Key Derivation Function, RFC 5869 (2010).
    """
    # A share that came after the seed was sealed cannot be chosen to suit, nor can the seed: neither the
    # planner nor the overseer alone decides where patrols go.
    extracted_key = hmac.digest(share or bytes(SEED_BYTES), secret.seed, "sha256")
    return hmac.digest(extracted_key, KEY_WORDS + bytes.fromhex(commitment) + b"\x01", "sha256")


def check_share(share: bytes) -> bytes:
    """Refuse an overseer's share that is short enough to be guessed."""
    if share and len(share) < LEAST_SHARE_BYTES:
        raise PlanError(
            f"The overseer's share has {len(share)} bytes and could be guessed. "
            f"Give at least {LEAST_SHARE_BYTES} random ones, e.g. from `openssl rand -hex 32`."
        )
    return share


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan that was made of a sealed seed; replan 0 is the first one of its days."""

    seq: int
    recorded_at: datetime
    plan_sha256: str
    visits_sha256: str
    replan: int
    unit: str
    reason: str
    share_sha256: str


@dataclass(frozen=True, slots=True)
class SeedHistory:
    """What became of one sealed seed."""

    commitment: str
    seq: int
    committed_at: datetime
    actor: str
    first_day: date
    days: int
    area: str  # "" for all areas
    inputs_sha256: str
    version: str
    seed_mark: str
    reason: str  # why these days were committed to again; "" for the first time
    replaces: str
    share_sha256: str  # of an overseer's share that was known when the seed was sealed
    reveal_after: datetime | None
    announced_replans: tuple[int, ...] = ()  # noted before they were drawn
    plans: tuple[PlanRecord, ...] = ()
    revealed_seq: int | None = None
    secret: Secret | None = None
    share: bytes = b""

    @property
    def last_day(self) -> date:
        """The last day that it is for."""
        return self.first_day + timedelta(days=self.days - 1)

    def overlaps(self, first_day: date, days: int, area: str) -> bool:
        """Does it plan any of these days for this area?"""
        is_apart = self.last_day < first_day or first_day + timedelta(days=days) <= self.first_day
        return not is_apart and (not self.area or not area or self.area == area)


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something an auditor should know. A grave one is a broken rule; the others are declared or due."""

    grave: bool
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class SeedAudit:
    """Every sealed seed, oldest first, and what is to be said about them."""

    histories: tuple[SeedHistory, ...]
    findings: tuple[AuditFinding, ...]
    unsealed_plans: tuple[PlanRecord, ...] = field(default=())  # plans of no sealed seed


def audit_seeds(entries: Iterable[Entry], *, now: datetime) -> SeedAudit:
    """What became of every sealed seed, and was a rule broken?"""
    histories, unsealed_plans = build_seed_histories(entries)
    unsealed_text = "a plan was made without a seed sealed before it"
    findings = [
        *(finding for history in histories for finding in _audit_history(history, now)),
        *(finding for history_pair in combinations(histories, 2) for finding in _audit_pair(*history_pair)),
        *(AuditFinding(True, f"entry {plan.seq}", unsealed_text) for plan in unsealed_plans),
    ]
    return SeedAudit(tuple(histories), tuple(findings), tuple(unsealed_plans))


def build_seed_histories(entries: Iterable[Entry]) -> tuple[list[SeedHistory], list[PlanRecord]]:
    """Gather the entries of each seed, in the ledger's order; and the plans that belong to none."""
    history_of_commitment: dict[str, SeedHistory] = {}
    unsealed_plans: list[PlanRecord] = []
    for entry in entries:
        commitment = _text(entry, "commitment")
        history = history_of_commitment.get(commitment)
        if entry.event.kind == "patrol_seed_committed":
            reveal_text = _text(entry, "reveal_after")
            history_of_commitment[commitment] = history or SeedHistory(
                commitment=commitment,
                seq=entry.seq,
                committed_at=entry.recorded_at,
                actor=entry.event.actor,
                first_day=date.fromisoformat(_text(entry, "first_day") or "0001-01-01"),
                days=int(_text(entry, "days") or 1),
                version=_text(entry, "program"),
                **_texts(entry, HISTORY_TEXTS),
                reveal_after=datetime.fromisoformat(reveal_text) if reveal_text else None,
            )
        elif history is not None:
            history_of_commitment[commitment] = _continue_history(history, entry)
        elif entry.event.kind == "bursts_planned":
            unsealed_plans.append(_plan_record(entry))
    return list(history_of_commitment.values()), unsealed_plans


def _text(entry: Entry, name: str) -> str:
    return str(entry.event.facts.get(name) or "")


def _texts(entry: Entry, names: Iterable[str]) -> dict[str, Any]:
    return {name: _text(entry, name) for name in names}


def _continue_history(history: SeedHistory, entry: Entry) -> SeedHistory:
    if entry.event.kind == "patrol_replan_begun":
        replan_index = int(_text(entry, "replan") or 0)
        return replace(history, announced_replans=(*history.announced_replans, replan_index))
    if entry.event.kind == "bursts_planned":
        return replace(history, plans=(*history.plans, _plan_record(entry)))
    if entry.event.kind == "patrol_seed_revealed" and history.revealed_seq is None:
        share, secret = bytes.fromhex(_text(entry, "share")), None
        with suppress(ValueError, PlanError):  # what was opened may be no seed: the audit says so
            secret = Secret(bytes.fromhex(_text(entry, "seed")), bytes.fromhex(_text(entry, "nonce")))
        return replace(history, revealed_seq=entry.seq, secret=secret, share=share)
    return history


def _plan_record(entry: Entry) -> PlanRecord:
    return PlanRecord(
        seq=entry.seq,
        recorded_at=entry.recorded_at,
        replan=int(_text(entry, "replan") or 0),
        **_texts(entry, PLAN_TEXTS),
    )


def _name_seed(history: SeedHistory) -> str:
    return f"seed {history.commitment[:12]}, {history.first_day} to {history.last_day}"


def _audit_history(history: SeedHistory, now: datetime) -> Iterator[AuditFinding]:
    seed_name = _name_seed(history)
    first_plans = [plan for plan in history.plans if plan.replan == 0]
    if not first_plans:
        yield AuditFinding(False, seed_name, "was sealed, but no plan was made from it")
    if len({plan.plan_sha256 for plan in first_plans}) > 1:
        yield AuditFinding(
            True, seed_name, f"{len(first_plans)} plans were made from it; one seed makes one plan"
        )
    replan_indices = [plan.replan for plan in history.plans if plan.replan]
    lost_indices = sorted(set(history.announced_replans) - set(replan_indices))
    if lost_indices:
        finding_text = (
            f"re-plan {', '.join(map(str, lost_indices))} was begun and never kept: its result is not known"
        )
        yield AuditFinding(True, seed_name, finding_text)
    unannounced_indices = sorted(set(replan_indices) - set(history.announced_replans))
    if unannounced_indices:
        finding_text = f"re-plan {', '.join(map(str, unannounced_indices))} was not noted before it was drawn"
        yield AuditFinding(True, seed_name, finding_text)
    if len(replan_indices) > len(set(replan_indices)):
        yield AuditFinding(True, seed_name, "two re-plans have the same number")
    if history.revealed_seq is not None:
        yield from _audit_opening(history, seed_name)
    elif history.reveal_after is not None and history.reveal_after < now:
        finding_text = f"was to be opened after {history.reveal_after:%Y-%m-%d} and is still sealed"
        yield AuditFinding(False, seed_name, finding_text)


def _audit_opening(history: SeedHistory, seed_name: str) -> Iterator[AuditFinding]:
    secret = history.secret
    if secret is None:
        yield AuditFinding(True, seed_name, "what was opened is not a seed")
        return
    commitment = compute_commitment(secret, inputs_sha256=history.inputs_sha256, version=history.version)
    if commitment != history.commitment:
        yield AuditFinding(True, seed_name, "the opened seed is not the one that was sealed")
    if history.seed_mark and hash_seed(secret.seed) != history.seed_mark:
        yield AuditFinding(True, seed_name, "its mark does not match the seed that was opened")
    if any(plan.seq > (history.revealed_seq or 0) for plan in history.plans):
        yield AuditFinding(True, seed_name, "a plan was made from it after it was opened")


def _audit_pair(earlier: SeedHistory, later: SeedHistory) -> Iterator[AuditFinding]:
    seed_name = _name_seed(later)
    if earlier.seed_mark and earlier.seed_mark == later.seed_mark:
        finding_text = f"is the seed of {earlier.commitment[:12]} again: a seed is used once"
        yield AuditFinding(True, seed_name, finding_text)
    if later.overlaps(earlier.first_day, earlier.days, earlier.area):
        reason_text = f"the reason given: {later.reason}" if later.reason else "no reason was given"
        finding_text = (
            f"is a re-roll: {earlier.commitment[:12]} had already been sealed for some of these days; "
            f"{reason_text}"
        )
        yield AuditFinding(not later.reason, seed_name, finding_text)
