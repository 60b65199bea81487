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
OPEN_STATES = ("sent", "accepted", "started")
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
        "end": OPEN_STATES,
        "move": OPEN_STATES,
    }[step]
    if row is None or row["subject"] != person:
        yield Fault("referral", f"{referral!r} is no referral of {person}", "look at the funnel or the case")
    elif row["state"] not in allowed_from:
        remedy = f"this step follows {' or '.join(allowed_from)}"
        yield Fault("step", f"the referral is {row['state']} already", remedy)


def deadline(row: Row, provider: HelpProvider | None) -> date | None:
    """By when must the next step have come? Derived, never stored; None where nothing is due."""
    since = date.fromisoformat(str(row["since"])[:10])
    if row["state"] == "sent":
        return since + timedelta(days=ANSWER_DAYS)
    if row["state"] == "accepted":
        return since + timedelta(days=START_DAYS + (provider.waiting_days if provider else 0))
    return None


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
        started_share=score_estimate(started, len(rows)),
        completed_share=score_estimate(completed, len(rows)),
    )
