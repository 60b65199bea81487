"""The events of alarms: one was raised, one was reviewed. Released kinds are frozen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast, get_args

from becalm.ledger import Entry, EventKind, required_fact
from becalm.ledger.events import REASON
from becalm.sustain.core.request import Decision
from becalm.terms import Fault, UsageError, suggest_word

ALARM_RAISED, ALARM_REVIEWED = "alarm_raised", "alarm_reviewed"
READ_KINDS = (ALARM_RAISED, ALARM_REVIEWED)

KINDS = (
    EventKind(
        ALARM_RAISED,
        "The watch raised an alarm: a series began to rise since its step.",
        (
            required_fact("alarm", "text", "its name: week, area, offence group and detector"),
            required_fact("series", "text", "the area and offence group, or all"),
            required_fact("detector", "text", "the alarm method that raised it"),
            required_fact("week", "text", "the ISO week in which its score reached the threshold"),
            required_fact("run_sha256", "hash", "of the run record of the watch"),
        ),
        purposes=("measurement",),
    ),
    EventKind(
        ALARM_REVIEWED,
        "Somebody looked into an alarm and said what it was.",
        (
            required_fact("alarm", "text", "its name"),
            required_fact("decision", "text", f"one of {', '.join(get_args(Decision))}"),
            REASON,
        ),
        purposes=("measurement",),
    ),
)


@dataclass(frozen=True, slots=True)
class PastAlarm:
    """An alarm that was raised, and its review where there is one."""

    alarm: str
    series: str
    detector: str
    week: str
    raised_on: date
    decision: Decision | None = None
    reason: str = ""
    reviewed_on: date | None = None
    reviewed_by: str = ""


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """How often was a detector right, by the reviews of its alarms?"""

    detector: str
    alarm_count: int
    reviewed: int
    decisions: Mapping[str, int]

    @property
    def right_share(self) -> float | None:
        """The share of reviewed alarms that were real or known rises; None where none was reviewed."""
        right_count = self.decisions.get("real", 0) + self.decisions.get("known", 0)
        return right_count / self.reviewed if self.reviewed else None


def read_alarms(entries: Iterable[Entry]) -> tuple[PastAlarm, ...]:
    """Every alarm that was raised, in order, with its review."""
    alarm_by_name: dict[str, PastAlarm] = {}
    for entry in entries:
        facts, day = entry.event.facts, entry.recorded_at.date()
        name = str(facts["alarm"])
        if entry.event.kind == ALARM_RAISED:
            alarm_by_name[name] = PastAlarm(
                name, str(facts["series"]), str(facts["detector"]), str(facts["week"]), day
            )
        elif name in alarm_by_name:
            alarm = alarm_by_name[name]
            alarm_by_name[name] = PastAlarm(
                alarm.alarm,
                alarm.series,
                alarm.detector,
                alarm.week,
                alarm.raised_on,
                cast(Decision, facts["decision"]),
                str(facts["reason"]),
                day,
                entry.event.actor,
            )
    return tuple(alarm_by_name.values())


def check_review(alarm: str, reason: str, alarms: Sequence[PastAlarm]) -> None:
    """Refuse a review of an alarm that does not exist or has one, and one without a reason."""
    faults = []
    past_alarm = next((past for past in alarms if past.alarm == alarm), None)
    if past_alarm is None:
        known_names = [past.alarm for past in alarms]
        remedy = suggest_word(alarm, known_names) if known_names else "run `becalm sustain watch` first"
        faults.append(Fault("alarm", f"{alarm!r} was never raised", remedy))
    elif past_alarm.decision is not None:
        fault_text = f"was reviewed on {past_alarm.reviewed_on} as {past_alarm.decision!r}"
        faults.append(Fault("alarm", fault_text, "see `becalm sustain history`; a review is not changed"))
    if not reason.strip():
        faults.append(Fault("reason", "is empty", "say what was found"))
    if faults:
        raise UsageError("The review cannot be recorded", tuple(faults))


def summarise_detectors(alarms: Sequence[PastAlarm]) -> tuple[DetectorRecord, ...]:
    """How often was each detector right?"""
    records = []
    for detector in sorted({alarm.detector for alarm in alarms}):
        own_alarms = [alarm for alarm in alarms if alarm.detector == detector]
        decisions = [alarm.decision for alarm in own_alarms if alarm.decision]
        counts: dict[str, int] = {d: decisions.count(d) for d in sorted(set(decisions))}
        records.append(DetectorRecord(detector, len(own_alarms), len(decisions), counts))
    return tuple(records)
