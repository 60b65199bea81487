"""`becalm divert consent`, `refer`, `session`, `funnel` and `providers`: help, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.divert.cli.visits.calls import emit_steps
from becalm.divert.core.visits import request as ask

if TYPE_CHECKING:
    from becalm.divert.core.visits.funnel import Funnel, FunnelGroup
    from becalm.divert.desk.visits.funnel import ProviderAnswer
    from becalm.terms import Estimate


def consent(session: Session, request: ask.ConsentRequest) -> None:
    """Record that somebody agrees to be referred to a provider, or no longer does."""
    from becalm.divert.desk.visits.referrals import change_consent

    emit_steps(session, (change_consent(session.open_desk(), request),))


def refer(session: Session, request: ask.ReferRequest) -> None:
    """Refer somebody with consent, move a referral, record an answer, or end it with a report."""
    from becalm.divert.desk.visits.referrals import refer as record_step

    emit_steps(session, record_step(session.open_desk(), request))


def session_held(session: Session, request: ask.SessionRequest) -> None:
    """Record a session of help, or set and judge a goal. Not coming has no consequence for anybody."""
    from becalm.divert.desk.visits.referrals import record_session

    emit_steps(session, record_session(session.open_desk(), request))


def funnel(session: Session, request: ask.FunnelRequest) -> None:
    """Show how many of those who were selected were reached, offered help, and helped, beside 2020."""
    from becalm.console.emit import View
    from becalm.divert.core.visits.funnel import funnel_data
    from becalm.divert.desk.visits.funnel import show_funnel

    view = View(funnel_data, _funnel_rows, _funnel_lines)
    session.emit(show_funnel(session.open_desk(), request), view)


def _funnel_rows(answer: Funnel) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "group": "all",
            "stage": s.stage,
            "count": s.count,
            "share": s.share.value if s.share else None,
            "low": s.share.low if s.share else None,
            "high": s.share.high if s.share else None,
            "in_2020": s.in_2020,
        }
        for s in answer.stages
    ]
    rows += [
        {
            "group": group.group,
            "stage": stage,
            "count": count,
            "share": share.value if (share := group.shares[stage]) else None,
            "low": share.low if share else None,
            "high": share.high if share else None,
        }
        for group in answer.groups
        for stage, count in group.counts.items()
    ]
    return rows


def _funnel_lines(answer: Funnel) -> Iterable[object]:
    from becalm.console.screen import string_table

    yield f"As of {answer.as_of}, {answer.protocol}. Every share is of the selected of the allocation date."
    rows = [
        (
            s.stage.replace("_", " "),
            _number(s.count),
            _percent(s.share) if s.count is not None else "",
            "" if s.in_2020 is None else f"{s.in_2020:,} of about 1,000",
        )
        for s in answer.stages
    ]
    yield string_table(("stage", "people", "share (95% interval)", "in 2020"), rows, left=("stage",))
    away_text = _number(answer.not_at_address)
    yield f"Attempts: {_number(answer.attempts)}. People who were not at their address: {away_text}."
    if answer.groups:
        yield from _group_lines(answer)


def _group_lines(answer: Funnel) -> Iterable[object]:
    """People in each group and stage, with the interval of what is asked first: were they met, and twice?"""
    from becalm.console.screen import string_table

    stages = tuple(answer.groups[0].counts)
    columns = ("group", *(stage.replace("_", " ") for stage in stages))
    rows = [(g.group, *(_number(n) for n in g.counts.values())) for g in answer.groups]
    yield string_table(columns, rows, left=("group",))
    shown_stages = ("first_contact", "second_contact", "interested", "completed")
    share_rows = [(g.group, *(_share_text(g, stage) for stage in shown_stages)) for g in answer.groups]
    titles = tuple(f"{stage.replace('_', ' ')} (95% interval)" for stage in shown_stages)
    yield string_table(("group", *titles), share_rows, left=("group",))


def _share_text(group: FunnelGroup, stage: str) -> str:
    return _percent(group.shares[stage]) if group.counts[stage] is not None else "withheld"


def _number(count: int | None) -> str:
    return "withheld" if count is None else f"{count:,}"


def _percent(share: Estimate | None) -> str:
    if share is None:
        return "nobody yet"
    return f"{100 * share.value:.1f}% ({100 * share.low:.1f} to {100 * share.high:.1f})"


def providers(session: Session, request: ask.ProvidersRequest) -> None:
    """Show who offers help, who is waiting there, and what came of it."""
    from becalm.console.emit import View
    from becalm.divert.desk.visits.funnel import show_providers

    view = View(_provider_data, _provider_rows, _provider_lines)
    session.emit(show_providers(session.open_desk(), request), view)


def _provider_rows(answer: ProviderAnswer) -> list[dict[str, object]]:
    return [
        {
            **{name: value for name, value in asdict(report).items() if not name.endswith("_share")},
            "started_share": _percent(report.started_share),
            "completed_share": _percent(report.completed_share),
        }
        for report in answer.reports
    ]


def _provider_data(answer: ProviderAnswer) -> dict[str, object]:
    directory = [
        {name: str(value) if "contract" in name or name == "agreement_until" else value
         for name, value in asdict(provider).items()}
        for provider in answer.providers
    ]  # fmt: skip
    return {
        "as_of": answer.day.isoformat(),
        "providers": [asdict(report) for report in answer.reports],
        "directory": directory,
    }


def _provider_lines(answer: ProviderAnswer) -> Iterable[object]:
    from becalm.console.screen import string_table

    yield f"As of {answer.day}. Waiting: referred, no session yet. Overdue: the next step should have come."
    columns = (
        *("provider", "capacity", "referred", "waiting", "overdue", "reports_missing"),
        *("started_share", "completed_share"),
    )
    rows = [tuple(str(row[name]) for name in columns) for row in _provider_rows(answer)]
    yield string_table(
        tuple(c.replace("_share", "").replace("_", " ") for c in columns), rows, left=("provider",)
    )
