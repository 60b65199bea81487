"""Opening a sealed seed, and drawing its plan again from it, byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from becalm.desk import Desk, record_event
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact
from becalm.patrol.core.plan import fit_distribution
from becalm.patrol.core.plan_result import check_same_distribution
from becalm.patrol.core.request import ReplayRequest, RevealRequest
from becalm.patrol.core.seal import compute_commitment, derive_sampling_key
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.desk import seed
from becalm.patrol.desk.replan import redraw_plan
from becalm.patrol.files.plan_files import plan_files
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.write_plan import PlanDocument, inputs_object, sha256_of_inputs
from becalm.terms import PlanError, ReplayError, UsageError

COMPARED_FILES = ("plan.json", "visits.csv")


@dataclass(frozen=True, slots=True)
class SeedReveal:
    """A seed that lies open, and the entry of the ledger that says so."""

    history: SeedHistory
    entry: int
    was_open: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """A plan that was drawn again, and its files that are the same byte for byte."""

    plan: PlanDocument
    history: SeedHistory
    equal_files: tuple[str, ...]


def reveal_seed(desk: Desk, request: RevealRequest) -> SeedReveal:
    """Open the seed of this plan to everybody who may read the ledger.

    Raises PlanError before its time, unless an auditor and a second person agree and give the reason.
    """
    history = seed.find_seed_history(desk, _read_commitment(read_plan(Path(request.plan)), request.plan))
    if history.revealed_seq is not None:
        return SeedReveal(history, history.revealed_seq, was_open=True)
    if history.reveal_after is not None and desk.now() < history.reveal_after:
        _check_two_agree(desk, history.reveal_after, request)
    seed.open_sealed(desk, history)  # that the seed is the one that was committed to
    sealed_key = seed.sealed_box(desk).key(history.commitment)
    event_facts: dict[str, Fact] = {
        "commitment": history.commitment,
        "seed": sealed_key.seed.hex(),
        "nonce": sealed_key.nonce.hex(),
    }
    optional_facts = {
        "share": sealed_key.share.hex(),
        "reason": request.early.strip(),
        "second": request.second.strip(),
    }
    event_facts |= {name: value for name, value in optional_facts.items() if value}
    entry = record_event(desk, "patrol_seed_revealed", purpose=seed.PURPOSE, facts=event_facts)
    return SeedReveal(seed.find_seed_history(desk, history.commitment), entry.seq, was_open=False)


def replay_plan(desk: Desk, request: ReplayRequest) -> Replay:
    """Does the opened seed reproduce this plan, byte for byte?

    Raises ReplayError where the seed is not open, is not the one that was sealed, was used twice, or gives
    another plan; the first difference is named.
    """
    path = Path(request.plan)
    plan = read_plan(path)
    folder = path if path.is_dir() else path.parent
    history = seed.find_seed_history(desk, _read_commitment(plan, request.plan))
    sampling_key = _opened_key(plan, history)
    _check_used_once(desk, history)
    check_same_distribution(fit_distribution(plan.sealed_inputs), plan.distribution)
    new_files = plan_files(redraw_plan(plan, sampling_key)[0])
    file_contents = {
        name: (folder / name).read_bytes() for name in COMPARED_FILES if (folder / name).is_file()
    }
    for name, content in file_contents.items():
        _check_equal(name, content, new_files[name], folder)
    _check_recorded(history, plan, file_contents)
    return Replay(plan, history, tuple(file_contents))


def redraw_sealed(desk: Desk, plan: PlanDocument) -> PlanDocument:
    """Draw this plan again from the seed that lies sealed in this workspace."""
    history = seed.find_seed_history(desk, str(plan.commitment.get("commitment") or ""))
    return redraw_plan(plan, seed.open_sealed(desk, history).key)[0]


def _opened_key(plan: PlanDocument, history: SeedHistory) -> bytes:
    if history.secret is None:
        wait_text = (
            f" It may be opened after {history.reveal_after:%Y-%m-%d}." if history.reveal_after else ""
        )
        raise ReplayError(
            f"The seed {history.commitment[:12]} is still sealed; a plan can be drawn again only when "
            f"it is open.{wait_text} Open it with `becalm patrol reveal`."
        )
    if refusal := seed.explain_planner(plan.version):
        raise ReplayError(refusal)
    inputs_sha256 = sha256_of_inputs(inputs_object(plan.sealed_inputs, plan.distribution, crs=plan.crs))
    commitment = compute_commitment(history.secret, inputs_sha256=inputs_sha256, version=plan.version)
    if commitment != history.commitment:
        raise ReplayError(
            f"The opened seed and the inputs of the plan hash to {commitment[:12]}, not to the commitment "
            f"{history.commitment[:12]} of entry {history.seq}: another seed was opened, or the inputs were "
            "altered."
        )
    return derive_sampling_key(history.secret, commitment=history.commitment, share=history.share)


def _check_used_once(desk: Desk, history: SeedHistory) -> None:
    reused_seeds = [
        reuse
        for reuse in seed.audit_patrol(desk).histories
        if reuse.seed_mark == history.seed_mark and reuse.seq != history.seq
    ]
    if reused_seeds:
        raise ReplayError(
            f"The seed of {history.commitment[:12]} was used twice: entry {reused_seeds[0].seq} was "
            "sealed with it "
            "as well. Neither plan can be relied on; inform the overseer."
        )


def _check_recorded(history: SeedHistory, plan: PlanDocument, contents: Mapping[str, bytes]) -> None:
    replan_index = len(plan.commitment.get("replans") or ())
    recorded_hashes = {record.plan_sha256 for record in history.plans if record.replan == replan_index}
    plan_sha256 = sha256_of_text(contents["plan.json"])
    if plan_sha256 not in recorded_hashes:
        raise ReplayError(
            f"The plan can be drawn from its seed, but the ledger recorded another one for it "
            f"({', '.join(sorted(p[:12] for p in recorded_hashes)) or 'none'}, not {plan_sha256[:12]})."
        )


def _check_equal(name: str, content: bytes, replayed: str | bytes, folder: Path) -> None:
    new_content = replayed if isinstance(replayed, bytes) else replayed.encode()
    if content == new_content:
        return
    where_text = describe_first_difference(name, content.decode(errors="replace"), new_content.decode())
    raise ReplayError(
        f"{folder / name} is not what the opened seed gives: {where_text}. It was altered later, "
        "or a package that becalm depends on (see `pip freeze`) has changed."
    )


def describe_first_difference(name: str, text: str, replayed: str) -> str:
    """Where do two versions of a file begin to differ, in words?"""
    if name == "plan.json":
        old, new = json.loads(text), json.loads(replayed)
        differing_key = next(
            (
                differing_key
                for differing_key in [*new, *old]
                if old.get(differing_key) != new.get(differing_key)
            ),
            "its layout",
        )
        return f"the first entry that differs is {differing_key!r}"
    line_pairs = zip_longest(text.splitlines(), replayed.splitlines(), fillvalue="(no line)")
    number, (old, new) = next((n, pair) for n, pair in enumerate(line_pairs, start=1) if pair[0] != pair[1])
    return f"line {number} says {old!r}, and the seed gives {new!r}"


def _check_two_agree(desk: Desk, reveal_after: datetime, request: RevealRequest) -> None:
    if not (request.early.strip() and request.second.strip()):
        raise PlanError(
            f"The seed may be opened after {reveal_after:%Y-%m-%d}: until then it could show where patrols "
            "will be. Earlier, only an auditor may open it together with a second person: give "
            "`early REASON` and `second NAME`."
        )
    if desk.role != "auditor":
        raise PlanError(
            f"You ask as {desk.role!r}. Before its time a seed is opened by an auditor (BECALM_ROLE=auditor)."
        )
    if request.second.strip().casefold() == desk.actor.casefold():
        raise UsageError(f"`second` {request.second!r} is you. The second person is somebody else.")


def _read_commitment(plan: PlanDocument, name: str) -> str:
    commitment = str(plan.commitment.get("commitment") or "")
    if not commitment:
        raise PlanError(f"{name} names no commitment: it was drawn from no sealed seed.")
    return commitment
