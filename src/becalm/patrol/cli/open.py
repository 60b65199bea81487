"""`becalm patrol replan`, `reveal`, `replay` and `audit`: what becomes of a sealed seed once it was used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.patrol.cli.plan import say_first_use
from becalm.patrol.core.request import AuditRequest, ReplanRequest, ReplayRequest, RevealRequest
from becalm.terms import PlanError

if TYPE_CHECKING:
    from becalm.patrol.core.seal import SeedAudit, SeedHistory
    from becalm.patrol.desk.open import Replay, SeedReveal
    from becalm.patrol.desk.replan import Replan


def replan(session: Session, request: ReplanRequest) -> None:
    """Draw the rest of a tour again from where the unit is now; bursts that have begun stay."""
    from becalm.console.emit import View
    from becalm.patrol.desk.replan import replan_patrol

    say_first_use()
    replan = replan_patrol(session.open_desk(), request)
    unit_rows = [{"replan": replan.index, "unit": unit} for unit in replan.units]
    session.emit(replan, View(_replan_data, lambda _: unit_rows, _replan_lines))


def _replan_data(replan: Replan) -> dict[str, object]:
    return {
        "folder": str(replan.folder),
        "replan": replan.index,
        "units": list(replan.units),
        "dropped": replan.dropped_count,
        "drawn": len(replan.new_bursts),
        "commitment": replan.plan.commitment["commitment"],
    }


def _replan_lines(replan: Replan) -> Iterator[str]:
    change_text = describe_change(replan.dropped_count, len(replan.new_bursts))
    yield f"Re-plan {replan.index} of {', '.join(replan.units)}: {change_text}."
    yield f"The plan in {replan.folder} is the new one; its number and reason are in the ledger."


def describe_change(dropped: int, new: int) -> str:
    """How many bursts a re-plan took away, and how many it drew, in words."""
    return f"{dropped} burst{'s' * (dropped != 1)} dropped, {new} new"


def reveal(session: Session, request: RevealRequest) -> None:
    """Open the sealed seed of a plan in the ledger, after the delay."""
    from becalm.console.emit import View
    from becalm.patrol.desk.open import reveal_seed

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
    from becalm.console.emit import View
    from becalm.patrol.desk.open import replay_plan

    say_first_use()
    replay = replay_plan(session.open_desk(), request)
    file_rows = [{"file": name, "equal": "true"} for name in replay.equal_files]
    session.emit(replay, View(_replay_data, lambda _: file_rows, _replay_lines))


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
    """Check every seed that was ever sealed: planned once, opened in time, nothing drawn twice."""
    from becalm.console.emit import View
    from becalm.patrol.desk.seed import audit_patrol

    seed_audit = audit_patrol(session.open_desk())
    session.emit(
        seed_audit, View(_audit_data, _finding_rows, _audit_lines, columns=("grave", "where", "what"))
    )
    grave_count = sum(finding.grave for finding in seed_audit.findings)
    if grave_count:
        raise PlanError(f"{grave_count} broken rule{'s' * (grave_count > 1)}: see above.")


def _audit_data(seed_audit: SeedAudit) -> dict[str, object]:
    return {
        "seeds": [_seed_data(history) for history in seed_audit.histories],
        "findings": [{"grave": f.grave, "where": f.where, "what": f.what} for f in seed_audit.findings],
    }


def _seed_data(history: SeedHistory) -> dict[str, object]:
    return {
        "commitment": history.commitment,
        "entry": history.seq,
        "committed_at": history.committed_at.isoformat(),
        "by": history.actor,
        "from": history.first_day.isoformat(),
        "days": history.days,
        "area": history.area,
        "again": history.reason,
        "replaces": history.replaces,
        "plans": [
            {"entry": p.seq, "replan": p.replan, "plan_sha256": p.plan_sha256, "reason": p.reason}
            for p in history.plans
        ],
        "revealed": history.revealed_seq,
        "reveal_after": history.reveal_after.isoformat() if history.reveal_after else None,
    }


def _finding_rows(seed_audit: SeedAudit) -> Iterator[Mapping[str, object]]:
    for finding in seed_audit.findings:
        yield {"grave": str(finding.grave).lower(), "where": finding.where, "what": finding.what}


def _audit_lines(seed_audit: SeedAudit) -> Iterator[str]:
    if not seed_audit.histories and not seed_audit.unsealed_plans:
        yield "No seed has been sealed here yet. `becalm patrol plan` seals the first."
    for history in seed_audit.histories:
        area_text = f", {history.area}" if history.area else ""
        replan_count = sum(plan.replan > 0 for plan in history.plans)
        plans_text = (
            f"planned, {replan_count} re-plan{'s' * (replan_count != 1)}" if history.plans else "not planned"
        )
        opening = f"opened in entry {history.revealed_seq}" if history.revealed_seq else "sealed"
        period = f"{history.first_day} to {history.last_day}{area_text}"
        seed_text = f"{history.commitment[:12]} by {history.actor}"
        yield f"entry {history.seq}: {period}: {seed_text}; {plans_text}; {opening}"
        if history.reason:
            yield f"  re-roll of {history.replaces[:12]}: {history.reason}"
    for finding in seed_audit.findings:
        yield f"{'BROKEN RULE' if finding.grave else 'note'}: {finding.where}: {finding.what}"
    if seed_audit.histories and not seed_audit.findings:
        yield "Each seed was sealed before its plan was drawn, and planned once."
