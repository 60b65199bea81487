"""Officers freed from elsewhere: what the airport, school or event that gave them then lacks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from becalm.staff.core.crews import Crew
from becalm.staff.core.force import Span
from becalm.staff.core.moves import Move
from becalm.staff.core.rule_book import REST_DAY


@dataclass(frozen=True, slots=True)
class DonorLack:
    """What one donor lacks on one day because its officers serve here."""

    donor: str
    day: date
    officers: int
    hours: float
    recall_on: date | None  # the earliest


def find_freed_span(spans: Sequence[Span], staff_number: str, day: date) -> Span | None:
    """The span in which this officer is freed at noon of this day, if any."""
    noon = datetime.combine(day, time(12))
    return next((s for s in spans if s.staff_number == staff_number and s.since <= noon < s.until), None)


def measure_donor_lack(crews: Iterable[Crew], freed_spans: Sequence[Span]) -> tuple[DonorLack, ...]:
    """Officers and hours that each donor lacks on each day, by the tours that its officers work here."""
    hours: dict[tuple[str, date], list[float]] = defaultdict(list)
    recalls: dict[tuple[str, date], list[date]] = defaultdict(list)
    for crew in crews:
        for officer in crew.officers:
            span = find_freed_span(freed_spans, officer.staff_number, crew.day)
            if span is not None:
                hours[span.donor, crew.day].append(crew.hours)
                recalls[span.donor, crew.day] += [span.recall_on] if span.recall_on else []
    return tuple(
        DonorLack(*key, len(tour_hours), sum(tour_hours), min(recalls[key], default=None))
        for key, tour_hours in sorted(hours.items())
    )


def explain_donors(
    moves: Iterable[Move], freed_spans: Sequence[Span], lacks: Iterable[DonorLack]
) -> tuple[Move, ...]:
    """The same moves; those of freed officers say who gave them, and what that donor lacks on the day."""
    lack_of_day = {(lack.donor, lack.day): lack for lack in lacks}
    explained_moves = []
    for move in moves:
        span = find_freed_span(freed_spans, move.staff_number, move.day)
        if span is not None and move.new != REST_DAY:
            lack = lack_of_day[span.donor, move.day]
            recall_text = f"; recalled on {span.recall_on}" if span.recall_on else ""
            donor_text = f"freed from {span.donor}, which lacks {lack.hours:g} hours that day{recall_text}"
            move = replace(move, why=f"{move.why}; {donor_text}")
        explained_moves.append(move)
    return tuple(explained_moves)
