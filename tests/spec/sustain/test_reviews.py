"""Alarms in the ledger: raised once, reviewed once, and how often each detector was right."""

from __future__ import annotations

import pytest
from entries import event, numbered

from becalm.sustain.core.events import check_review, read_alarms, summarise_detectors
from becalm.terms import UsageError

HASH = "0" * 64


def raised(alarm: str, detector: str = "ramp") -> object:
    facts = {"alarm": alarm, "series": "x", "detector": detector, "week": "2020-W27", "run_sha256": HASH}
    return event("alarm_raised", facts, purpose="measurement")


def reviewed(alarm: str, decision: str) -> object:
    facts = {"alarm": alarm, "decision": decision, "reason": "looked"}
    return event("alarm_reviewed", facts, purpose="measurement")


ALARMS = read_alarms(
    numbered(raised("a"), raised("b"), raised("c", "sisters"), reviewed("a", "real"), reviewed("b", "chance"))
)


def test_a_review_belongs_to_its_alarm():
    assert [(a.alarm, a.decision) for a in ALARMS] == [("a", "real"), ("b", "chance"), ("c", None)]


def test_a_detector_is_right_as_often_as_its_reviewed_alarms_were_real_or_known():
    ramp, sisters = summarise_detectors(ALARMS)
    assert (ramp.alarm_count, ramp.reviewed, ramp.right_share) == (2, 2, 0.5)
    assert (sisters.alarm_count, sisters.reviewed, sisters.right_share) == (1, 0, None)


def test_a_review_that_cannot_be_is_refused_with_all_that_is_wrong():
    check_review("c", "seen on the street", ALARMS)
    with pytest.raises(UsageError, match=r"was never raised .*\n.*reason  is empty"):
        check_review("zz", " ", ALARMS)
    with pytest.raises(UsageError, match="was reviewed on"):
        check_review("a", "again", ALARMS)
