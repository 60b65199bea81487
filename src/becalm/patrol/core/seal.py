"""Binding a plan to a secret before it is drawn, so that nobody can try again until the plan suits.

Was each period planned once, from the one seed that was sealed for it? Read from the ledger's entries.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Final

from becalm.ledger.event import Entry
from becalm.terms import PlanError

SEED_BYTES: Final = 32
LEAST_SHARE_BYTES: Final = 16
KEY_WORDS: Final = b"becalm patrol key 1"
KINDS: Final = (
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
                f"A seed of {8 * len(self.seed)} and a nonce of {8 * len(self.nonce)} bits came. "
                f"Each has {8 * SEED_BYTES}, drawn by the operating system."
            )


def compute_commitment(secret: Secret, *, inputs_sha256: str, version: str) -> str:
    """The SHA-256, in hex, that binds seed, nonce, inputs and program without telling the seed.

    It is of one line of canonical JSON, so that anybody can take it again from the opened seed:
    {"becalm":"patrol seed 1","inputs_sha256":…,"nonce":…,"seed":…,"version":…}
    """
    held = {
        "becalm": "patrol seed 1",
        "inputs_sha256": inputs_sha256,
        "nonce": secret.nonce.hex(),
        "seed": secret.seed.hex(),
        "version": version,
    }
    text = json.dumps(held, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_seed(seed: bytes) -> str:
    """A mark by which a seed that comes twice is known, though nobody can tell the seed from it."""
    return hashlib.sha256(b"becalm patrol seed mark 1" + seed).hexdigest()


def derive_sampling_key(secret: Secret, *, commitment: str, share: bytes = b"") -> bytes:
    """The 32 bytes that bursts are drawn with: the seed, mixed with the overseer's share.

    HKDF-SHA256 with the share as salt and the commitment as information: with one of the two unknown
    and random, so is the key.

    Source: Krawczyk and Eronen, HMAC-based Extract-and-Expand Key Derivation Function, RFC 5869 (2010).
    """
    extracted = hmac.digest(share or bytes(SEED_BYTES), secret.seed, "sha256")
    return hmac.digest(extracted, KEY_WORDS + bytes.fromhex(commitment) + b"\x01", "sha256")


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
    mark: str
    reason: str  # why these days were committed to again; "" for the first time
    replaces: str
    share_sha256: str  # of an overseer's share that was known when the seed was sealed
    reveal_after: datetime | None
    begun: tuple[int, ...] = ()  # indices of re-plans, noted before they were drawn
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
        apart = self.last_day < first_day or first_day + timedelta(days=days) <= self.first_day
        return not apart and (not self.area or not area or self.area == area)


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
    strays: tuple[PlanRecord, ...] = field(default=())  # plans of no sealed seed


def audit_seeds(entries: Iterable[Entry], *, now: datetime) -> SeedAudit:
    """What became of every sealed seed, and was a rule broken?"""
    histories, strays = build_seed_histories(entries)
    findings = [
        *(found for story in histories for found in _of_one(story, now)),
        *(found for pair in combinations(histories, 2) for found in _of_two(*pair)),
        *(
            AuditFinding(True, f"entry {plan.seq}", "a plan was made of no seed that was sealed before it")
            for plan in strays
        ),
    ]
    return SeedAudit(tuple(histories), tuple(findings), tuple(strays))


def build_seed_histories(entries: Iterable[Entry]) -> tuple[list[SeedHistory], list[PlanRecord]]:
    """Gather the entries of each seed, in the ledger's order; and the plans that belong to none."""
    histories: dict[str, SeedHistory] = {}
    strays: list[PlanRecord] = []
    for entry in entries:
        commitment = str(entry.event.facts.get("commitment") or "")
        story = histories.get(commitment)
        if entry.event.kind == "patrol_seed_committed":
            histories.setdefault(commitment, _begin(entry, commitment))
        elif entry.event.kind == "bursts_planned" and story is None:
            strays.append(_plan(entry))
        elif story is not None:
            histories[commitment] = _go_on(story, entry)
    return list(histories.values()), strays


def _begin(entry: Entry, commitment: str) -> SeedHistory:
    facts = entry.event.facts

    def text(name: str) -> str:
        return str(facts.get(name) or "")

    after = text("reveal_after")
    return SeedHistory(
        commitment=commitment,
        seq=entry.seq,
        committed_at=entry.recorded_at,
        actor=entry.event.actor,
        first_day=date.fromisoformat(text("first_day") or "0001-01-01"),
        days=int(text("days") or 1),
        area=text("area"),
        inputs_sha256=text("inputs_sha256"),
        version=text("program"),
        mark=text("seed_mark"),
        reason=text("reason"),
        replaces=text("replaces"),
        share_sha256=text("share_sha256"),
        reveal_after=datetime.fromisoformat(after) if after else None,
    )


def _go_on(story: SeedHistory, entry: Entry) -> SeedHistory:
    facts = entry.event.facts
    if entry.event.kind == "patrol_replan_begun":
        return replace(story, begun=(*story.begun, int(str(facts.get("replan") or 0))))
    if entry.event.kind == "bursts_planned":
        return replace(story, plans=(*story.plans, _plan(entry)))
    if entry.event.kind == "patrol_seed_revealed" and story.revealed_seq is None:
        share = bytes.fromhex(str(facts.get("share") or ""))
        return replace(story, revealed_seq=entry.seq, secret=_secret(entry), share=share)
    return story


def _secret(entry: Entry) -> Secret | None:
    facts = entry.event.facts
    try:
        return Secret(bytes.fromhex(str(facts.get("seed"))), bytes.fromhex(str(facts.get("nonce"))))
    except (ValueError, PlanError):
        return None


def _plan(entry: Entry) -> PlanRecord:
    facts = entry.event.facts
    return PlanRecord(
        seq=entry.seq,
        recorded_at=entry.recorded_at,
        plan_sha256=str(facts.get("plan_sha256") or ""),
        visits_sha256=str(facts.get("visits_sha256") or ""),
        replan=int(str(facts.get("replan") or 0)),
        unit=str(facts.get("unit") or ""),
        reason=str(facts.get("reason") or ""),
        share_sha256=str(facts.get("share_sha256") or ""),
    )


def _of_one(story: SeedHistory, now: datetime) -> Iterator[AuditFinding]:
    where = f"seed {story.commitment[:12]}, {story.first_day} to {story.last_day}"
    first = [plan for plan in story.plans if plan.replan == 0]
    if not first:
        yield AuditFinding(False, where, "was sealed, and no plan was made of it")
    if len({plan.plan_sha256 for plan in first}) > 1:
        yield AuditFinding(True, where, f"{len(first)} plans were made of it, and one seed makes one plan")
    yield from _of_replans(story, where)
    yield from _of_reveal(story, where, now)


def _of_replans(story: SeedHistory, where: str) -> Iterator[AuditFinding]:
    made = [plan.replan for plan in story.plans if plan.replan]
    lost = sorted(set(story.begun) - set(made))
    if lost:
        listed = ", ".join(map(str, lost))
        yield AuditFinding(
            True, where, f"re-plan {listed} was begun and never kept: what it gave is not known"
        )
    secret = sorted(set(made) - set(story.begun))
    if secret:
        yield AuditFinding(
            True, where, f"re-plan {', '.join(map(str, secret))} was not noted before it was drawn"
        )
    if len(made) > len(set(made)):
        yield AuditFinding(True, where, "two re-plans have one index")


def _of_reveal(story: SeedHistory, where: str, now: datetime) -> Iterator[AuditFinding]:
    if story.revealed_seq is None:
        if story.reveal_after is not None and story.reveal_after < now:
            yield AuditFinding(
                False, where, f"was to be opened after {story.reveal_after:%Y-%m-%d}, and is not yet"
            )
        return
    if story.secret is None:
        yield AuditFinding(True, where, "what was opened is no seed")
        return
    again = compute_commitment(story.secret, inputs_sha256=story.inputs_sha256, version=story.version)
    if again != story.commitment:
        yield AuditFinding(True, where, "the seed that was opened is not the one that was sealed")
    if story.mark and hash_seed(story.secret.seed) != story.mark:
        yield AuditFinding(True, where, "its mark is not that of the seed that was opened")
    late = [plan for plan in story.plans if plan.seq > story.revealed_seq]
    if late:
        yield AuditFinding(True, where, "a plan was made of it after it was opened")


def _of_two(earlier: SeedHistory, later: SeedHistory) -> Iterator[AuditFinding]:
    where = f"seed {later.commitment[:12]}, {later.first_day} to {later.last_day}"
    if earlier.mark and earlier.mark == later.mark:
        yield AuditFinding(
            True, where, f"is the seed of {earlier.commitment[:12]} again: a seed is used once"
        )
    if later.overlaps(earlier.first_day, earlier.days, earlier.area):
        why = f"the reason given: {later.reason}" if later.reason else "no reason was given"
        yield AuditFinding(
            not later.reason,
            where,
            f"is a re-roll: {earlier.commitment[:12]} had been sealed for days of it before; {why}",
        )
