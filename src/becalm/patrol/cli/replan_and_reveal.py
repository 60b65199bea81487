"""`becalm patrol replan`, `reveal`, `replay` and `audit`: what becomes of a sealed seed once it was used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.console.emit import View
from becalm.patrol.cli.plan import say_first_use
from becalm.patrol.core.request import AuditRequest, ReplanRequest, ReplayRequest, RevealRequest, ShareRequest
from becalm.terms import AuditError

if TYPE_CHECKING:
    from becalm.patrol.core.seed_audit import SeedAudit
    from becalm.patrol.desk.open_seed import Replay, SeedReveal
    from becalm.patrol.desk.replan import Replan


def replan(session: Session, request: ReplanRequest) -> None:
    """Draw the rest of a tour again from where the unit is now; bursts that have begun stay."""
    from becalm.patrol.desk.replan import replan_patrol

    say_first_use()
    patrol_replan = replan_patrol(session.open_desk(), request)
    unit_rows = [{"replan": patrol_replan.index, "unit": unit} for unit in patrol_replan.units]
    session.emit(patrol_replan, View(_replan_data, lambda _: unit_rows, _replan_lines))


def _replan_data(replan: Replan) -> dict[str, object]:
    return {
        "folder": str(replan.folder),
        "replan": replan.index,
        "units": list(replan.units),
        "dropped": replan.dropped_count,
        "drawn": len(replan.new_bursts),
        "lost": dict(replan.lost_by_place),
        "commitment": replan.plan.commitment["commitment"],
    }


def _replan_lines(replan: Replan) -> Iterator[str]:
    change_text = describe_change(replan.dropped_count, len(replan.new_bursts))
    yield f"Re-plan {replan.index} of {', '.join(replan.units)}: {change_text}."
    if replan.lost_by_place:
        lost_text = ", ".join(
            f"{burst_count} at {name}" for name, burst_count in replan.lost_by_place.items()
        )
        yield f"Lost, and owed in the next plan: {lost_text}."
    yield f"The plan in {replan.folder} is the new one; its number and reason are in the ledger."


def describe_change(dropped: int, new: int) -> str:
    """How many bursts a re-plan took away, and how many it drew, in words."""
    return f"{dropped} burst{'s' * (dropped != 1)} dropped, {new} new"


def reveal(session: Session, request: RevealRequest) -> None:
    """Open the sealed seed of a plan in the ledger, after the delay."""
    from becalm.patrol.desk.open_seed import reveal_seed

    seed_reveal = reveal_seed(session.open_desk(), request)
    session.emit(seed_reveal, View(_reveal_data, lambda answer: [_reveal_data(answer)], _reveal_lines))


def _reveal_data(seed_reveal: SeedReveal) -> dict[str, object]:
    history = seed_reveal.history
    assert history.secret is not None
    return {
        "commitment": history.commitment,
        "entry": seed_reveal.entry,
        "seed": history.secret.seed.hex(),
        "nonce": history.secret.nonce.hex(),
        "share": history.share.hex(),
        "inputs_sha256": history.inputs_sha256,
        "version": history.version,
    }


def _reveal_lines(seed_reveal: SeedReveal) -> Iterator[str]:
    history, reveal_data = seed_reveal.history, _reveal_data(seed_reveal)
    state_text = "was already open" if seed_reveal.was_open else "is now open"
    yield f"The seed of {history.first_day} to {history.last_day} {state_text}: entry {seed_reveal.entry}."
    for key_name in ("seed", "nonce", *(("share",) if history.share else ())):
        yield f"  {key_name:<6} {reveal_data[key_name]}"
    sealed_values = {
        key_name: reveal_data[key_name] for key_name in ("inputs_sha256", "nonce", "seed", "version")
    }
    sealed_line = json.dumps({"becalm": "patrol seed 1", **sealed_values}, separators=(",", ":"))
    yield "Anyone can check it: this command must print the commitment."
    yield f"  printf '%s' '{sealed_line}' | sha256sum"
    yield f"  {history.commitment}"


def replay(session: Session, request: ReplayRequest) -> None:
    """Draw a plan again from its opened seed, and check that every byte is the same."""
    from becalm.patrol.desk.open_seed import replay_plan

    say_first_use()
    plan_replay = replay_plan(session.open_desk(), request)
    file_rows = [{"file": name, "equal": "true"} for name in plan_replay.equal_files]
    session.emit(plan_replay, View(_replay_data, lambda _: file_rows, _replay_lines))


def _replay_data(replay: Replay) -> dict[str, object]:
    return {
        "equal": list(replay.equal_files),
        "bursts": len(replay.plan.bursts),
        "commitment": replay.history.commitment,
    }


def _replay_lines(replay: Replay) -> Iterator[str]:
    yield f"The opened seed gives {len(replay.plan.bursts):,} bursts, the same as in the plan."
    yield f"Identical files: {', '.join(replay.equal_files)}."
    yield f"It was sealed in entry {replay.history.seq} and opened in entry {replay.history.revealed_seq}."


def audit(session: Session, _request: AuditRequest) -> None:
    """Check every seed, share, re-plan and trial: drawn once, or explained. --out PAGE.html is a page."""
    from becalm.patrol.desk.seed import audit_patrol
    from becalm.patrol.files.audit_page import audit_lines, audit_object, audit_page

    seed_audit = audit_patrol(session.open_desk())
    findings = audit_object(seed_audit)["findings"]
    finding_rows = [{**finding, "grave": str(finding["grave"]).lower()} for finding in findings]
    view: View[SeedAudit] = View(
        audit_object,
        lambda _: finding_rows,
        audit_lines,
        columns=("grave", "where", "what"),
        files={".html": audit_page},
    )
    session.emit(seed_audit, view)
    grave_count = sum(finding["grave"] for finding in findings)
    if grave_count:
        raise AuditError(f"{grave_count} broken rule{'s' * (grave_count > 1)} to explain: see above.")


def share(session: Session, request: ShareRequest) -> None:
    """Record the hash of an overseer's random bytes, before the seed that they are for is sealed."""
    from becalm.patrol.desk.seed import commit_share

    entry = commit_share(session.open_desk(), request)
    share_facts = {
        "entry": entry.seq,
        "by": entry.event.actor,
        "share_sha256": entry.event.facts["share_sha256"],
    }
    answer_lines = (
        f"Recorded in entry {entry.seq} by {entry.event.actor}: SHA-256 {share_facts['share_sha256']}.",
        "Keep the bytes to yourself until the seed is sealed. The planner then adds them to it.",
    )
    session.emit(share_facts, View(lambda _: share_facts, lambda _: [share_facts], lambda _: answer_lines))
