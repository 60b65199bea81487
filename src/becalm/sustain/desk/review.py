"""Reviews of alarms, their history, and the steps that a watch stands on."""

from becalm.desk import Desk, record_event
from becalm.ledger import Entry
from becalm.sustain.core import events
from becalm.sustain.core.request import HistoryRequest, ReviewRequest
from becalm.sustain.desk.watch import past_alarms


def review_alarm(desk: Desk, request: ReviewRequest) -> Entry:
    """Record what an alarm was.

    Raises UsageError where it was never raised, has a review already, or no reason is given.
    """
    events.check_review(request.alarm, request.reason, past_alarms(desk))
    facts = {"alarm": request.alarm, "decision": request.decision, "reason": request.reason.strip()}
    return record_event(desk, events.ALARM_REVIEWED, purpose="measurement", facts=facts)


def list_history(
    desk: Desk, request: HistoryRequest
) -> tuple[tuple[events.PastAlarm, ...], tuple[events.DetectorRecord, ...]]:
    """Which alarms were raised, what became of them, and how often was each detector right?"""
    alarms = past_alarms(desk)
    if request.detector is not None:
        alarms = tuple(alarm for alarm in alarms if alarm.detector == request.detector)
    return alarms, events.summarise_detectors(alarms)
