"""Help step by step: consent, referral with its provider's answers, sessions and goals."""

from __future__ import annotations

from collections.abc import Iterator

from becalm.desk import Desk
from becalm.divert.core.visits import events, providers
from becalm.divert.core.visits import request as ask
from becalm.divert.core.visits.providers import HelpProvider
from becalm.divert.desk.visits.cases import OpenCase, draw_number, open_case, read_entry_details, refuse
from becalm.divert.files.visits.read_providers import find_providers, read_providers
from becalm.ledger import Entry, EventToAppend, Fact, Row
from becalm.terms import CaseError, Fault, suggest_word

STEP_KINDS = {
    "accept": events.REFERRAL_ACCEPTED,
    "reject": events.REFERRAL_REJECTED,
    "start": events.REFERRAL_STARTED,
    "end": events.REFERRAL_ENDED,
}
PASSED_ON = ("name", "phone", "address", "needs", "interpreter")


def change_consent(desk: Desk, request: ask.ConsentRequest) -> Entry:
    """Record that somebody agrees to be referred, or no longer does; open referrals end with it at once."""
    case = open_case(desk, request.person, "consent", purpose=request.purpose, may_be_closed=True)
    provider = find_provider(case.desk, request.provider)
    refuse(_consent_faults(case, request, provider))
    facts: dict[str, Fact] = {
        "change": request.change,
        "provider": provider.key,
        "what": tuple(request.shared_fields),
    }
    to_append = [case.event(events.CONSENT, facts, {"note": request.note})]
    if request.change == "withdrawn":
        to_append += [
            case.event(
                events.REFERRAL_ENDED,
                {
                    "referral": str(row["referral"]),
                    "provider": provider.key,
                    "end_code": "withdrew_consent",
                },
            )
            for row in case.state_rows("referral")
            if row["provider"] == provider.key and row["state"] in providers.OPEN_STATES
        ]
    return case.append(*to_append)[0]


def _consent_faults(case: OpenCase, request: ask.ConsentRequest, provider: HelpProvider) -> Iterator[Fault]:
    for name in request.shared_fields:
        if name not in PASSED_ON:
            yield Fault("shared_fields", f"{name!r} may not be passed on", f"one of {', '.join(PASSED_ON)}")
    consent = case.history.consents.get(provider.key)
    if request.change == "withdrawn" and (consent is None or not consent.is_given):
        yield Fault("change", f"no consent for {provider.key} is in force", "there is nothing to withdraw")


def find_provider(desk: Desk, key: str) -> HelpProvider:
    """The provider with this key; raises CaseError where the directory has none."""
    directory = read_providers(find_providers(desk.workspace.path, None))
    by_key = {provider.key: provider for provider in directory}
    if key not in by_key:
        fault = Fault("provider", f"{key!r} is not in the directory", suggest_word(key, by_key))
        raise CaseError("The step is not allowed; nothing was recorded", (fault,))
    return by_key[key]


def _has_consent(case: OpenCase, provider: str) -> bool:
    consent = case.history.consents.get(provider)
    return consent is not None and consent.is_given


def _send_faults(case: OpenCase, provider: HelpProvider) -> Iterator[Fault]:
    area, needs = case.details().get("borough", ""), _named_needs(case)
    yield from providers.fit_faults(provider, area=area, needs=needs)
    open_count = sum(
        row["provider"] == provider.key and row["state"] in providers.OPEN_STATES
        for row in case.desk.open_ledger().state_rows("referral")
    )
    yield from providers.referral_faults(
        provider,
        day=case.local_now().date(),
        open_count=open_count,
        has_consent=_has_consent(case, provider.key),
        person=case.person,
    )


def _named_needs(case: OpenCase) -> list[str]:
    """What the person named at the latest offer; nothing where no need was recorded, or it was erased."""
    if not case.history.offer_seq:
        return []
    needs = read_entry_details(case, case.history.offer_seq).get("needs")
    return [str(need) for need in needs] if isinstance(needs, list) else []


def refer(desk: Desk, request: ask.ReferRequest) -> tuple[Entry, ...]:
    """Refer somebody with consent, move the referral, record a provider's answer, or end it with its report.

    Raises CaseError where there is no consent, the provider is full, its contract or sharing agreement has
    ended, or the step does not follow.
    """
    case = open_case(
        desk,
        request.person,
        "refer",
        purpose=request.purpose,
        may_be_closed=request.step in ("end", "report"),
    )
    row = case.state_row("referral", "referral", request.referral) if request.referral else None
    if request.step in ("send", "move"):
        provider = find_provider(case.desk, request.provider)
        refuse(_send_faults(case, provider))
        if request.step == "move":
            refuse(providers.step_faults(row, "move", case.person, request.referral))
        number = request.referral if request.step == "move" else draw_number(case.desk, "R")
        facts: dict[str, Fact] = {"referral": number, "provider": provider.key}
        return case.append(case.event(events.REFERRAL_SENT, facts))
    refuse(_answer_faults(case, request, row))
    assert row is not None
    if request.step == "report":
        return case.append(_report(case, row, request.report))
    facts = {"referral": request.referral, "provider": row["provider"]}
    if request.step in ("reject", "end"):
        facts["code" if request.step == "reject" else "end_code"] = request.code
    details = {"note": request.note} if request.step == "reject" else {}
    to_append = [case.event(STEP_KINDS[request.step], facts, details)]
    if request.step == "end" and request.report:
        to_append.append(_report(case, row, request.report))
    return case.append(*to_append)


def _report(case: OpenCase, row: Row, text: str) -> EventToAppend:
    """The report at the end of help: what took place, and what came of its goals as counts."""
    results = [result for _, result in providers.goal_results(row)]
    facts: dict[str, Fact] = {
        "referral": row["referral"],
        "provider": row["provider"],
        "sessions": row["sessions"],
        "attended": row["attended"],
        "achieved": results.count("achieved"),
        "partly": results.count("partly"),
        "missed": results.count("not"),
    }
    return case.event(events.REPORT, facts, {"report": text})


def _answer_faults(case: OpenCase, request: ask.ReferRequest, row: Row | None) -> Iterator[Fault]:
    yield from providers.step_faults(row, request.step, case.person, request.referral)
    codes = {"reject": events.REJECTION_CODES, "end": events.END_CODES}.get(request.step)
    if codes is not None and request.code not in codes:
        yield Fault("code", f"{request.code!r} is none", f"one of {', '.join(codes)}")
    if row is not None and request.step == "end":
        yield from providers.end_faults(row, request.code, request.report)
    if request.step == "report" and not request.report.strip():
        yield Fault("report", "is missing", "say what came of the help; it can be erased")
    if row is not None and request.step == "start" and not _has_consent(case, str(row["provider"])):
        yield Fault("consent", "was withdrawn", "end the referral: `step` end")


def record_session(desk: Desk, request: ask.SessionRequest) -> tuple[Entry, ...]:
    """Record a session, and goals that were set or judged; the first session that was attended is the start.

    Raises CaseError where the referral is not under way, or what is said does not fit together.
    """
    case = open_case(desk, request.person, "session", purpose=request.purpose)
    row = case.state_row("referral", "referral", request.referral)
    refuse(_session_faults(case, request, row))
    assert row is not None
    to_append = []
    if request.attended:
        number = int(str(row["sessions"])) + 1
        day = request.day or case.local_now().date()
        facts: dict[str, Fact] = {
            "referral": request.referral,
            "session": number,
            "day": day.isoformat(),
            "attended": request.attended,
            **({"reason": request.reason} if request.reason else {}),
        }
        if row["state"] == "accepted" and request.attended != "no":
            started = {"referral": request.referral, "provider": row["provider"]}
            to_append.append(case.event(events.REFERRAL_STARTED, started))
        to_append.append(case.event(events.SESSION, facts, {"note": request.note}))
    if request.goal:
        facts = {"referral": request.referral, "goal": request.goal, "result": request.result}
        to_append.append(case.event(events.GOAL, facts, {"goal": request.note}))
    return case.append(*to_append)


def _session_faults(case: OpenCase, request: ask.SessionRequest, row: Row | None) -> Iterator[Fault]:
    if row is None:
        yield Fault("referral", f"{request.referral!r} is no referral of {case.person}", "see the funnel")
    if not request.attended and not request.goal:
        yield Fault("attended", "is missing", "say whether the person came, or name a `goal`")
    if (request.attended == "no") != bool(request.reason):
        yield Fault("reason", "does not fit `attended`", "give it where nobody came, and only there")
    if bool(request.goal) != bool(request.result):
        yield Fault("result", "does not fit `goal`", "give both, or neither")
    if request.day and request.day > case.local_now().date():
        yield Fault("day", f"{request.day} is in the future", "record it when it has happened")
    if row is not None and not _has_consent(case, str(row["provider"])):
        yield Fault("consent", f"for {row['provider']} is not in force", "no session is recorded without it")
