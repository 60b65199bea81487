"""What an audit of seeds found, as plain data and as a page for an overseer to read."""

from collections.abc import Iterator
from typing import Any

from becalm import __version__
from becalm.patrol.core.seed_audit import SeedAudit
from becalm.patrol.core.seed_history import ReplanNote, SeedHistory
from becalm.render import number_format as words
from becalm.render.pages import self_contained


def audit_object(audit: SeedAudit) -> dict[str, Any]:
    """Every seed with its plans and re-plans, every share and trial, the findings, and the limits."""
    records = audit.records
    return {
        "seeds": [_seed_object(history) for history in records.histories],
        "shares": [
            {"entry": share.seq, "by": share.actor, "share_sha256": share.share_sha256}
            for share in records.shares
        ],
        "trials": [
            {
                "entry": trial.seq,
                "by": trial.actor,
                "from": trial.first_day.isoformat(),
                "days": trial.days,
                "again": trial.reason,
            }
            for trial in records.trials
        ],
        "findings": [{"grave": f.grave, "where": f.where, "what": f.what} for f in audit.findings],
        "limits": {
            "most_reveal_days": audit.rule.most_reveal_days,
            "most_replans_per_shift": audit.rule.most_replans_per_shift,
        },
    }


def _seed_object(history: SeedHistory) -> dict[str, Any]:
    plan_records = [
        {"entry": plan.seq, "replan": plan.replan, "plan_sha256": plan.plan_sha256, "reason": plan.reason}
        for plan in history.plans
    ]
    return {
        "commitment": history.commitment,
        "entry": history.seq,
        "committed_at": history.committed_at.isoformat(),
        "by": history.actor,
        "from": history.first_day.isoformat(),
        "days": history.days,
        "area": history.area,
        "units": len(history.ground.units),
        "places": len(history.ground.positions_m),
        "again": history.reason,
        "replaces": history.replaces,
        "plans": plan_records,
        "replans": [_replan_object(history, note) for note in history.announced_replans],
        "revealed": history.revealed_seq,
        "reveal_after": history.reveal_after.isoformat() if history.reveal_after else None,
    }


def _replan_object(history: SeedHistory, note: ReplanNote) -> dict[str, Any]:
    changed_share = history.changed_share(note.index)
    return {
        "replan": note.index,
        "entry": note.seq,
        "noted_at": note.recorded_at.isoformat(),
        "begins_at": note.begins_at.isoformat() if note.begins_at else None,
        "units": list(note.units),
        "area": note.area,
        "reason": note.reason,
        "second": note.second,
        "changed_share": None if changed_share is None else round(changed_share, 4),
    }


def replan_text(replan: dict[str, Any]) -> str:
    """A re-plan in words: whose tours, from when, why, how much of the plan it changed, and who agreed."""
    if replan["changed_share"] is None:
        changed_text = "change not recorded"
    else:
        changed_text = f"{words.share(replan['changed_share'])} of the plan’s bursts changed"
    begins_at = str(replan["begins_at"] or replan["noted_at"])[:16].replace("T", " ")
    agreed_text = f"; agreed by {replan['second']}" if replan["second"] else ""
    units_text = (
        words.join_words(replan["units"]) if len(replan["units"]) <= 4 else f"{len(replan['units'])} units"
    )
    return (
        f"re-plan {replan['replan']} of {units_text or 'unnamed units'} from {begins_at} UTC: "
        f"“{replan['reason']}”; {changed_text}{agreed_text}"
    )


def limits_text(limits: dict[str, int]) -> str:
    """The limits in words: planners can change their policy, and an overseer should see by which one."""
    days, replans = limits["most_reveal_days"], limits["most_replans_per_shift"]
    return (
        f"a seed is opened at most {days} day{'s' * (days != 1)} after its last day, and more than {replans} "
        f"re-plan{'s' * (replans != 1)} of one shift ask for a second person"
    )


def audit_lines(audit: SeedAudit) -> Iterator[str]:
    """The audit for a screen."""
    audit_data = audit_object(audit)
    if not audit.histories and not audit.records.unsealed_plans:
        yield "No seed has been sealed here yet. `becalm patrol plan` seals the first."
    for history, seed in zip(audit.histories, audit_data["seeds"], strict=True):
        area_text = f", {history.area}" if history.area else ""
        replan_count = sum(plan.replan > 0 for plan in history.plans)
        plans_text = (
            f"planned, {replan_count} re-plan{'s' * (replan_count != 1)}" if history.plans else "not planned"
        )
        opening_text = f"opened in entry {history.revealed_seq}" if history.revealed_seq else "sealed"
        period_text = f"{history.first_day} to {history.last_day}{area_text}"
        seed_text = f"{history.commitment[:12]} by {history.actor}"
        yield f"entry {history.seq}: {period_text}: {seed_text}; {plans_text}; {opening_text}"
        if history.reason:
            yield f"  re-roll of {history.replaces[:12]}: {history.reason}"
        yield from (f"  {replan_text(replan)}" for replan in seed["replans"])
    for trial in audit_data["trials"]:
        again_text = f"; drawn again: {trial['again']}" if trial["again"] else ""
        yield f"entry {trial['entry']}: trial from {trial['from']}, {trial['days']} days{again_text}"
    for finding in audit.findings:
        yield f"{'BROKEN RULE' if finding.grave else 'note'}: {finding.where}: {finding.what}"
    if audit.histories:
        yield f"Limits of this workspace's policy: {limits_text(audit_data['limits'])}."
    if audit.histories and not audit.findings:
        yield "Each seed was sealed before its plan was drawn, and planned once."


def audit_page(audit: SeedAudit) -> str:
    """The audit as a page: first what needs explaining, then what was declared, then every draw."""
    audit_data = audit_object(audit)
    return self_contained(
        "patrol_audit.html",
        {"replan_text": replan_text, "limits_text": limits_text},
        audit=audit_data,
        grave=[finding for finding in audit_data["findings"] if finding["grave"]],
        declared=[finding for finding in audit_data["findings"] if not finding["grave"]],
        title="Audit of patrol plans",
        subtitle="Patrol audit for overseers",
        version=f"becalm {__version__}",
        colophon="Made from the ledger and the policy’s limits; `becalm record verify` checks the ledger.",
    )
