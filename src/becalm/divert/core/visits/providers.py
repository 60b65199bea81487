"""Organisations that help: where, for whom, how many at a time, until when; and what came of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from becalm.ledger import Row
from becalm.methods.rate_ratio_score import wilson_interval
from becalm.terms import Estimate, Fault

ANSWER_DAYS = 5  # for a provider to take a referral on
START_DAYS = 10  # beside the waiting days, for the first session
REVIEW_DAYS = 90  # for help that goes on to be looked at with the provider
RETURN_DAYS = 5  # after a rejection: to ask another provider, or to end it
REPORT_DAYS = 10  # after the end, for the report
OPEN_STATES = ("sent", "accepted", "started")
TASKS = {
    "sent": "the provider's answer",
    "accepted": "a first session offered",
    "started": "a review with the provider",
    "rejected": "another provider asked, or an end",
    "ended": "the report on the help",
}
"""What is due in each state of a referral: of staff and providers, never of the person."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class HelpProvider:
    """One organisation of the directory."""

    key: str
    name: str
    needs: tuple[str, ...]
    areas: tuple[str, ...]  # boroughs; empty for everywhere
    languages: tuple[str, ...]
    capacity: int  # people at a time
    waiting_days: int
    contract_from: date
    contract_until: date
    agreement: str  # the number of the sharing agreement
    agreement_until: date


def fit_faults(provider: HelpProvider, *, area: str, needs: Sequence[str]) -> Iterator[Fault]:
    """Why does this provider not fit what somebody wants help with, or where they live?"""
    if needs and not set(needs) & set(provider.needs):
        problem = f"it helps with {', '.join(provider.needs)}, not with what the person named"
        yield Fault(provider.key, problem, "choose another provider, or ask the person again")
    if provider.areas and area not in provider.areas:
        problem = f"it helps in {', '.join(provider.areas)} alone"
        yield Fault(provider.key, problem, "choose a provider of the person's own area")


def referral_faults(
    provider: HelpProvider, *, day: date, open_count: int, has_consent: bool, person: str
) -> Iterator[Fault]:
    """Why may somebody not be referred there today?"""
    if not has_consent:
        remedy = "ask, and record it: becalm divert consent"
        yield Fault(person, f"gave no consent to be referred to {provider.key}", remedy)
    if not provider.contract_from <= day <= provider.contract_until:
        dates = f"{provider.contract_from} to {provider.contract_until}"
        yield Fault(provider.key, f"its contract runs from {dates}", "choose another provider")
    if day > provider.agreement_until:
        problem = f"its sharing agreement {provider.agreement} ended on {provider.agreement_until}"
        yield Fault(provider.key, problem, "renew it first; nothing may be passed on")
    if open_count >= provider.capacity:
        yield Fault(
            provider.key, f"it is full: {open_count} of {provider.capacity}", "choose another, or wait"
        )


def step_faults(row: Row | None, step: str, person: str, referral: str) -> Iterator[Fault]:
    """Why does this step not follow?"""
    allowed_from = {
        "accept": ("sent",),
        "reject": ("sent",),
        "start": ("accepted",),
        "end": (*OPEN_STATES, "rejected"),
        "move": (*OPEN_STATES, "rejected"),
        "report": ("ended",),
    }[step]
    if row is None or row["subject"] != person:
        yield Fault("referral", f"{referral!r} is no referral of {person}", "look at the funnel or the case")
    elif row["state"] not in allowed_from:
        remedy = f"this step follows {' or '.join(allowed_from)}"
        yield Fault("step", f"the referral is {row['state']} already", remedy)


def goal_results(row: Row) -> list[tuple[str, str]]:
    """Each goal of a referral and what came of it, the latest word last."""
    goals = row["goals"]
    assert isinstance(goals, tuple)
    return [(str(goal[0]), str(goal[1])) for goal in goals if isinstance(goal, tuple)]


def end_faults(row: Row, code: str, report: str) -> Iterator[Fault]:
    """Why may help not end like this? It ends with a report, and what is completed with its goals."""
    if int(str(row["sessions"])) > 0 and not report.strip():
        yield Fault("report", "is missing", "say what came of the help; it can be erased")
    open_goals = [goal for goal, result in goal_results(row) if result == "set"]
    if code == "completed" and open_goals:
        problem = f"goal {', '.join(open_goals)} was set and not judged"
        yield Fault("goal", problem, "say achieved, partly or not: becalm divert session")
    if code == "completed" and not int(str(row["attended"])):
        yield Fault("code", "no session was attended", "choose the code that says how it ended")


def deadline(row: Row, provider: HelpProvider | None) -> date | None:
    """By when must the next step have come? Derived, never stored; None where nothing is due."""
    since, state = date.fromisoformat(str(row["since"])[:10]), row["state"]
    sessions = int(str(row.get("sessions") or 0))
    days = {"sent": ANSWER_DAYS, "rejected": RETURN_DAYS, "started": REVIEW_DAYS}.get(str(state))
    if state == "accepted" and not sessions:  # whoever was offered a session and did not come is no task
        days = START_DAYS + (provider.waiting_days if provider else 0)
    if state == "ended" and sessions and not row.get("is_reported"):
        days = REPORT_DAYS
    return None if days is None else since + timedelta(days=days)


def score_estimate(count: int, total: int) -> Estimate | None:
    """The share with its score interval (Wilson); None where there is nobody.

    >>> e = score_estimate(8, 10); round(e.low, 3), round(e.high, 3)
    (0.49, 0.943)
    """
    if not total:
        return None
    low, high = wilson_interval(count, total, LEVEL)
    share = count / total
    return Estimate(share, min(low, share), max(high, share), LEVEL, "Wilson")


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """What became of the people who were referred to one provider."""

    provider: str
    name: str
    referred: int
    waiting: int
    started: int  # of those referred, whatever came after
    completed: int
    capacity: int
    overdue: int
    reports_missing: int
    started_share: Estimate | None
    completed_share: Estimate | None


def report_providers(
    providers: Sequence[HelpProvider], rows: Sequence[Row], *, day: date
) -> tuple[ProviderReport, ...]:
    """What became of referrals, by provider; a referral that moved counts where it is now."""
    by_key: Mapping[str, HelpProvider] = {provider.key: provider for provider in providers}
    keys = sorted({*by_key, *(str(row["provider"]) for row in rows)})
    return tuple(
        _report(key, by_key.get(key), [r for r in rows if r["provider"] == key], day) for key in keys
    )


def _report(key: str, provider: HelpProvider | None, rows: Sequence[Row], day: date) -> ProviderReport:
    started = sum(row["state"] == "started" or int(str(row["sessions"])) > 0 for row in rows)
    completed = sum(row["end_code"] == "completed" for row in rows)
    deadlines = [deadline(row, provider) for row in rows]
    return ProviderReport(
        provider=key,
        name=provider.name if provider else "not in the directory",
        referred=len(rows),
        waiting=Counter(row["state"] in ("sent", "accepted") for row in rows)[True],
        started=started,
        completed=completed,
        capacity=provider.capacity if provider else 0,
        overdue=sum(last_day is not None and last_day < day for last_day in deadlines),
        reports_missing=sum(
            row["state"] == "ended" and int(str(row["sessions"])) > 0 and not row.get("is_reported")
            for row in rows
        ),
        started_share=score_estimate(started, len(rows)),
        completed_share=score_estimate(completed, len(rows)),
    )
