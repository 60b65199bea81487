"""What was done with one person so far, read from the entries about them; and what that allows next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from becalm.divert.core.visits import events
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.wishes import VisitWishes
from becalm.ledger import WITHDRAWN, Entry
from becalm.terms import Fault

CARD_DIGITS = 8
NO_WISHES = VisitWishes()


@dataclass(frozen=True, slots=True)
class DoorCall:
    """One call at a door: somebody was met (`is_met`), or not."""

    visit: int
    is_met: bool
    code: str  # the response, or the class of the result
    day: date
    daypart: str
    crew: str
    at: datetime
    is_agreed: bool = False  # at a time that the person chose: it says nothing of usual hours


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether something may be passed on to a provider."""

    is_given: bool
    shared_fields: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class VisitHistory:
    """Everything that was done with one person, in the order of the ledger."""

    calls: tuple[DoorCall, ...] = ()
    cards: tuple[str, ...] = ()  # the numbers on the cards: each pack that was opened has one
    rest_until: date | None = None
    response: str = ""  # to the latest offer
    is_offered: bool = False
    offer_seq: int = 0  # the entry of the latest offer that was made; 0 for none
    consents: Mapping[str, Consent] = field(default_factory=dict)
    wishes_seq: int = 0  # the entry beside which the wishes in force stand; 0 where none were recorded

    @property
    def contacts(self) -> tuple[DoorCall, ...]:
        """The calls at which somebody was met: the first two count as visits."""
        return tuple(call for call in self.calls if call.is_met)

    @property
    def due_visit(self) -> int:
        """1 or 2, or 3 where both were made."""
        return 1 + min(len({call.visit for call in self.contacts}), 2)

    @property
    def last_attempt(self) -> DoorCall | None:
        """The latest call that was really made at the door; None where there was none."""
        return next((call for call in reversed(self.calls) if call.code != "called_off"), None)

    def attempts(self, visit: int) -> tuple[DoorCall, ...]:
        """The calls for one visit that were really made at the door."""
        return tuple(call for call in self.calls if call.visit == visit and call.code != "called_off")

    def count_tries(self, visit: int, protocol: VisitProtocol) -> tuple[int, ...]:
        """How often each daypart of the protocol was tried for this visit."""
        daypart_names = [call.daypart for call in self.attempts(visit)]
        return tuple(daypart_names.count(part.name) for part in protocol.dayparts)

    def count_contacts(self, protocol: VisitProtocol, *, is_met: bool) -> tuple[int, ...]:
        """How often somebody was met, or missed, in each daypart, at times that were not agreed."""
        daypart_names = [
            call.daypart
            for call in self.calls
            if call.is_met == is_met and not call.is_agreed and call.code not in ("called_off", "away")
        ]
        return tuple(daypart_names.count(part.name) for part in protocol.dayparts)

    def has_card(self, number: str) -> bool:
        """Was a card with this number left for this person?"""
        return number in self.cards


def entries_in_force(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each first entry with the facts that its corrections leave, but for those that were withdrawn."""
    entry_by_seq: dict[int, Entry] = {}
    for entry in entries:
        first_seq = entry.event.corrects
        if first_seq is None:
            entry_by_seq[entry.seq] = entry
        elif entry.event.kind == WITHDRAWN:
            entry_by_seq.pop(first_seq, None)
        elif first_seq in entry_by_seq:
            entry_by_seq[first_seq] = replace(entry_by_seq[first_seq], event=entry.event)
    yield from entry_by_seq.values()


def read_history(entries: Iterable[Entry]) -> VisitHistory:
    """What was done with one person, from the entries about them."""
    history = VisitHistory()
    for entry in entries_in_force(entries):
        event, facts = entry.event, entry.event.facts
        if event.kind in (events.VISIT, events.ATTEMPT):
            history = replace(history, calls=(*history.calls, _read_call(entry)))
        elif event.kind == events.PACK:
            history = replace(history, cards=(*history.cards, entry.hash[:CARD_DIGITS]))
        elif event.kind == events.LETTER:
            history = replace(history, rest_until=date.fromisoformat(str(facts["rest_until"])))
        elif event.kind == events.OFFER:
            is_made = bool(facts["made"])
            offer_seq = entry.seq if is_made else history.offer_seq
            history = replace(
                history, is_offered=is_made, response=str(facts["response"]), offer_seq=offer_seq
            )
        elif event.kind == events.WISHES:
            history = replace(history, wishes_seq=entry.seq)
        elif event.kind == events.CONSENT:
            shared_fields = facts["what"]
            assert isinstance(shared_fields, tuple)
            consent = Consent(facts["change"] == "given", tuple(map(str, shared_fields)), event.occurred_at)
            history = replace(history, consents={**history.consents, str(facts["provider"]): consent})
    return history


def _read_call(entry: Entry) -> DoorCall:
    event, facts = entry.event, entry.event.facts
    is_met = event.kind == events.VISIT
    day = date.fromisoformat(str(facts["day"])) if "day" in facts else event.occurred_at.date()
    return DoorCall(
        visit=int(str(facts.get("visit") or 1)),
        is_met=is_met,
        code=str(facts["response" if is_met else "result"]),
        day=day,
        daypart=str(facts.get("daypart") or ""),
        crew=str(facts.get("crew") or ""),
        at=event.occurred_at,
        is_agreed=bool(facts.get("appointment")),
    )


def call_faults(
    history: VisitHistory,
    protocol: VisitProtocol,
    moment: datetime,
    *,
    has_appointment: bool,
    wishes: VisitWishes = NO_WISHES,
) -> Iterator[Fault]:
    """Why may nobody call now? `moment` is in the city's own time.

    An appointment sets aside the dayparts and the spacing, since the person chose the time; never the hours
    of visits, the number of attempts, or a time in which somebody asked to be left alone.
    """
    visit, daypart = history.due_visit, protocol.daypart_at(moment)
    if visit > 2:
        yield Fault("visit", "both visits were made", "nothing is due")
        return
    if daypart is None:
        yield Fault("hours", f"{moment:%H:%M} is outside the hours of visits", "come between 09:00 and 20:00")
    elif not wishes.is_free(moment):
        problem = f"the person asked for no visit on {moment:%A} at {moment:%H:%M}"
        yield Fault("wishes", problem, "choose another time; the person alone changes it: visit wishes")
    if history.rest_until and moment.date() < history.rest_until:
        yield Fault("letter", f"nobody calls until {history.rest_until}", "wait until the person rings")
    attempt_count = len(history.attempts(visit))
    if attempt_count >= protocol.attempts:
        yield Fault(
            "attempts", f"{attempt_count} were made for visit {visit}", "leave the letter: visit letter"
        )
    yield from _spacing_faults(history, protocol, moment, has_appointment=has_appointment)
    if daypart is not None and not has_appointment:
        yield from _daypart_faults(history, protocol, daypart.name)


def _spacing_faults(
    history: VisitHistory, protocol: VisitProtocol, moment: datetime, *, has_appointment: bool
) -> Iterator[Fault]:
    last_call = history.last_attempt
    if last_call is None or has_appointment:
        return
    hours = protocol.hours_between_attempts
    if moment - last_call.at < timedelta(hours=hours):
        yield Fault("spacing", f"a crew called on {last_call.day}", f"wait {hours} hours between attempts")
    if history.due_visit == 2 and history.contacts:
        days = (moment.date() - history.contacts[0].day).days
        if not protocol.second_after_days <= days <= protocol.second_until_days:
            bounds = f"{protocol.second_after_days} to {protocol.second_until_days} days"
            yield Fault("spacing", f"the first visit was {days} days ago", f"the second follows in {bounds}")


def _daypart_faults(history: VisitHistory, protocol: VisitProtocol, name: str) -> Iterator[Fault]:
    tries = history.count_tries(history.due_visit, protocol)
    count = tries[[part.name for part in protocol.dayparts].index(name)]
    if count > min(tries):
        untried = [part.name for part, n in zip(protocol.dayparts, tries, strict=True) if n == min(tries)]
        yield Fault("daypart", f"{name} was tried {count} times", f"try {', '.join(untried)} first")
