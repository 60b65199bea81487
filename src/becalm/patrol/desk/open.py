"""Opening a sealed seed, and drawing its plan again from it, byte for byte."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import record_event
from becalm.ledger.event import Fact
from becalm.patrol.core.plan import fit_distribution
from becalm.patrol.core.plan_result import Propensities, RouteDistribution
from becalm.patrol.core.seal import SeedHistory, compute_commitment, derive_sampling_key
from becalm.patrol.desk.replan import drawn_again
from becalm.patrol.desk.seed import PROGRAM, PURPOSE, audit_patrol, open_sealed, sealed_box, story_of
from becalm.patrol.files.folder import PROPENSITIES_NAME, plan_files, sha256_of_text
from becalm.patrol.files.plan import PlanDocument, inputs_object, sha256_of_inputs
from becalm.patrol.files.read_plan import read_plan
from becalm.terms import PlanError, ReplayError, UsageError

LAW_STEPS = 4  # of 1/1024 nat, by which a law fitted on another machine may differ
COMPARED = ("plan.json", "visits.csv", PROPENSITIES_NAME)


@dataclass(frozen=True, slots=True)
class SeedOpened:
    """A seed that lies open, and the entry of the ledger that says so."""

    story: SeedHistory
    entry: int
    already: bool


@dataclass(frozen=True, slots=True)
class PlanReplayed:
    """A plan that was drawn again, and its files that were found the same to the byte."""

    plan: PlanDocument
    story: SeedHistory
    equal: tuple[str, ...]


def reveal_seed(desk: Desk, path: Path, *, early: str = "", second: str = "") -> SeedOpened:
    """Open the seed of this plan to everybody who may read the ledger.

    Raises
    ------
    PlanError
        before its time, unless an auditor and a second person agree and give the reason.
    """
    story = story_of(desk, _commitment(read_plan(path), path))
    if story.revealed_seq is not None:
        return SeedOpened(story, story.revealed_seq, already=True)
    if story.reveal_after is not None and desk.now() < story.reveal_after:
        _require_two(desk, story.reveal_after, early, second)
    open_sealed(desk, story)
    held = sealed_box(desk).key(story.commitment)
    facts: dict[str, Fact] = {
        "commitment": story.commitment,
        "seed": held.seed.hex(),
        "nonce": held.nonce.hex(),
    }
    optional = {"share": held.share.hex(), "reason": early.strip(), "second": second.strip()}
    facts |= {name: value for name, value in optional.items() if value}
    entry = record_event(desk, "patrol_seed_revealed", purpose=PURPOSE, facts=facts)
    return SeedOpened(story_of(desk, story.commitment), entry.seq, already=False)


def replay_plan(desk: Desk, path: Path) -> PlanReplayed:
    """Does the opened seed give this plan again, byte for byte?

    Raises
    ------
    ReplayError
        where the seed is not open, is not the one that was sealed, was used twice, or gives another plan;
        the first difference is named.
    """
    plan = read_plan(path)
    folder = path if path.is_dir() else path.parent
    story = story_of(desk, _commitment(plan, path))
    key = _opened_key(plan, story)
    _require_used_once(desk, story)
    made = plan_files(*draw_again(plan, key))
    held = {name: (folder / name).read_bytes() for name in COMPARED if (folder / name).is_file()}
    for name, text in held.items():
        _require_equal(name, text, made[name], folder)
    _require_recorded(story, plan, held)
    return PlanReplayed(plan, story, tuple(held))


def draw_again(plan: PlanDocument, key: bytes) -> tuple[PlanDocument, Propensities]:
    """Draw this plan again with this key; all that was not drawn is taken from it as it is."""
    _require_fitted(fit_distribution(plan.inputs), plan.distribution)
    return drawn_again(plan, key)


def draw_sealed(desk: Desk, plan: PlanDocument) -> PlanDocument:
    """Draw this plan again from the seed that lies sealed in this workspace."""
    story = story_of(desk, str(plan.commitment.get("commitment") or ""))
    return drawn_again(plan, open_sealed(desk, story).key)[0]


def _require_fitted(fitted: RouteDistribution, held: RouteDistribution) -> None:
    """Refuse a law that the inputs do not give; the last digits may differ from machine to machine."""
    if fitted == held:
        return
    pairs = (
        (a, b)
        for rows in ((fitted.hour_weights, held.hour_weights), (fitted.length_weights, held.length_weights))
        for one, other in zip(*rows, strict=False)
        for a, b in zip(one, other, strict=False)
    )
    if fitted.hotspots != held.hotspots or max(abs(a - b) for a, b in pairs) > LAW_STEPS:
        raise ReplayError(
            "The law in plan.json is not the one that its inputs give: places were favoured or shunned by "
            "hand, or a program that becalm stands on has changed."
        )


def _opened_key(plan: PlanDocument, story: SeedHistory) -> bytes:
    if story.secret is None:
        after = f" It may be opened after {story.reveal_after:%Y-%m-%d}." if story.reveal_after else ""
        raise ReplayError(
            f"The seed {story.commitment[:12]} lies sealed; a plan can be drawn again when it is open."
            f"{after} Open it with `becalm patrol reveal`."
        )
    if plan.version != PROGRAM:
        raise ReplayError(
            f"The plan was drawn by {plan.version}, and this is {PROGRAM}: it may draw in another way. "
            f"Install {plan.version} to draw it again."
        )
    inputs_sha256 = sha256_of_inputs(inputs_object(plan.inputs, plan.distribution, crs=plan.crs))
    again = compute_commitment(story.secret, inputs_sha256=inputs_sha256, version=plan.version)
    if again != story.commitment:
        raise ReplayError(
            f"The opened seed and the inputs of the plan hash to {again[:12]}, not to the commitment "
            f"{story.commitment[:12]} of entry {story.seq}: another seed was opened, or the inputs were "
            "altered."
        )
    return derive_sampling_key(story.secret, commitment=story.commitment, share=story.share)


def _require_used_once(desk: Desk, story: SeedHistory) -> None:
    others = [
        s for s in audit_patrol(desk).histories if s.seed_mark == story.seed_mark and s.seq != story.seq
    ]
    if others:
        raise ReplayError(
            f"The seed of {story.commitment[:12]} was used twice: entry {others[0].seq} was sealed with it "
            "as well. Neither plan was free of the other; tell the overseer."
        )


def _require_recorded(story: SeedHistory, plan: PlanDocument, held: Mapping[str, bytes]) -> None:
    index = len(plan.commitment.get("replans") or ())
    noted = {p.plan_sha256 for p in story.plans if p.replan == index}
    sha256 = sha256_of_text(held["plan.json"])
    if sha256 not in noted:
        raise ReplayError(
            f"The plan can be drawn from its seed, but the ledger recorded another one for it "
            f"({', '.join(sorted(p[:12] for p in noted)) or 'none'}, not {sha256[:12]})."
        )


def _require_equal(name: str, held: bytes, made: str | bytes, folder: Path) -> None:
    now = made if isinstance(made, bytes) else made.encode()
    if name.endswith(".gz"):
        held, now = gzip.decompress(held), gzip.decompress(now)
    if held == now:
        return
    place = first_difference(name, held.decode(errors="replace"), now.decode())
    raise ReplayError(
        f"{folder / name} is not what the opened seed gives: {place}. It was altered after it was drawn, or "
        "a program that becalm stands on (see `pip freeze`) has changed."
    )


def first_difference(name: str, held: str, made: str) -> str:
    """Where do two versions of a file begin to differ, in words?"""
    if name == "plan.json":
        was, now = json.loads(held), json.loads(made)
        key = next((k for k in [*now, *was] if was.get(k) != now.get(k)), "its layout")
        return f"the first entry that differs is {key!r}"
    lines = zip_longest(held.splitlines(), made.splitlines(), fillvalue="(no line)")
    number, (was, now) = next((n, pair) for n, pair in enumerate(lines, start=1) if pair[0] != pair[1])
    return f"line {number} says {was!r}, and the seed gives {now!r}"


def _require_two(desk: Desk, after: datetime, early: str, second: str) -> None:
    if not (early.strip() and second.strip()):
        raise PlanError(
            f"The seed may be opened after {after:%Y-%m-%d}: until then it could tell where patrols will be. "
            "Earlier, only an auditor may open it together with a second person: give --early REASON and "
            "--second NAME."
        )
    if desk.role != "auditor":
        raise PlanError(
            f"You ask as {desk.role!r}. Before its time a seed is opened by an auditor (BECALM_ROLE=auditor)."
        )
    if second.strip().casefold() == desk.actor.casefold():
        raise UsageError(f"--second {second!r} is you. The second person is somebody else.")


def _commitment(plan: PlanDocument, path: Path) -> str:
    named = str(plan.commitment.get("commitment") or "")
    if not named:
        raise PlanError(f"{path} names no commitment: it was drawn from no sealed seed.")
    return named
