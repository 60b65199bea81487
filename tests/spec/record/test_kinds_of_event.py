"""What may be recorded: kinds with their facts, and every fault of an event told at once."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from entries import A_HASH, event

import becalm
from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger import EventKinds, check_events
from becalm.terms import EventError

NOW = datetime(2020, 5, 1, tzinfo=UTC)


def faults_of(*args: Any, **more: Any) -> list[str]:
    with pytest.raises(EventError) as refused:
        check_events([event(*args, **more)], EVENT_KINDS, NOW)
    return [str(fault) for fault in refused.value.faults]


def test_an_event_that_fits_its_kind_is_let_through() -> None:
    check_events([event()], EVENT_KINDS, NOW)


def test_no_two_kinds_share_a_name_and_version() -> None:
    assert len(EVENT_KINDS.by_key) == len(EVENT_KINDS.kinds)
    with pytest.raises(ValueError, match=r"declared twice.*arrest_made"):
        EventKinds((*EVENT_KINDS.kinds, *EVENT_KINDS.versions("arrest_made")))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"unit": "VSU 1"}, "fact activity  is missing"),
        ({"unit": "VSU 1", "activity": "x", "activty": "y"}, "did you mean 'activity'?"),
        ({"unit": 7, "activity": "x"}, "fact unit  7 does not fit"),
        ({"unit": "VSU 1", "activity": "two\nlines"}, "does not fit"),
        ({"unit": "VSU 1", "activity": "x", "place_easting_m": 5.5}, "5.5 does not fit"),
        ({"unit": "VSU 1", "activity": "x", "place_easting_m": True}, "True does not fit"),
        ({"unit": "VSU 1", "activity": "x", "import_sha256": "abc"}, "a SHA-256 in hex"),
        ({"unit": "VSU 1", "activity": None}, "fact activity  is missing"),
    ],
)
def test_a_fact_that_does_not_fit_is_named_with_what_would(facts: dict[str, Any], told: str) -> None:
    (fault,) = faults_of(facts=facts)
    assert told in fault


@pytest.mark.parametrize("name", ["kind", "actor", "role", "purpose"])
def test_an_event_says_who_did_what_in_which_role_and_what_for(name: str) -> None:
    with pytest.raises(EventError, match=rf"came without {name}\. Say who"):
        replace(event(), **{name: " "})
    with pytest.raises(EventError, match="names no time zone"):
        replace(event(), occurred_at=datetime(2020, 4, 30))  # noqa: DTZ001  # that is the fault
    elsewhere = replace(event(), occurred_at=NOW.astimezone(timezone(timedelta(hours=1))))
    assert elsewhere.occurred_at.isoformat() == NOW.isoformat()  # told by the clock of UTC


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    (fault,) = faults_of("arrest_mad")
    assert "did you mean 'arrest_made'?" in fault


def test_what_has_not_happened_yet_is_refused() -> None:
    (fault,) = faults_of(occurred_at=NOW + timedelta(seconds=1))
    assert "in the future" in fault


def test_an_event_about_a_person_names_whom_and_what_for() -> None:
    told = " ".join(faults_of("visit_made", {"visit": 1, "response": "interested"}, purpose="curiosity"))
    assert "subject  is missing" in told
    assert "'curiosity' is not allowed" in told


def test_all_faults_of_all_events_come_together() -> None:
    wrong = event(facts={}, occurred_at=NOW + timedelta(days=1))
    with pytest.raises(EventError) as refused:
        check_events([event(), wrong, event("arrest_mad")], EVENT_KINDS, NOW)
    places = [fault.where.split(":")[0] for fault in refused.value.faults]
    assert places == ["event 2 (arrest_made)"] * 3 + ["event 3 (arrest_mad)"]


def test_a_withdrawal_names_the_entry_that_it_withdraws() -> None:
    (fault,) = faults_of("entry_withdrawn", {"reason": "written twice"})
    assert "corrects  is missing" in fault


def test_what_tells_of_an_access_cannot_be_corrected() -> None:
    told = faults_of("record_accessed", {"what": "entry"}, subject="p1", purpose="audit", corrects=4)
    assert told == ["record_accessed: corrects  4 is named -> this kind corrects nothing: leave it out"]


@pytest.mark.parametrize("name", ["Ann Example", "ann", "Ann-Example", "O'Hara 7", "аnn1", "smith1980", "p-"])
def test_a_name_in_the_place_of_a_pseudonym_is_refused(name: str) -> None:
    (fault,) = faults_of("record_accessed", {"what": "entry"}, subject=name, purpose="audit")
    assert "is not a pseudonym" in fault
    assert "P-0071" in fault


@pytest.mark.parametrize("pseudonym", ["p1", "P-0071", "c-7f3a91", "abc-00ff-12", "unnamed"])
def test_what_has_the_form_of_a_pseudonym_is_taken(pseudonym: str) -> None:
    check_events(
        [event("record_accessed", {"what": "entry"}, subject=pseudonym, purpose="audit")], EVENT_KINDS, NOW
    )


def test_an_unknown_version_is_told_with_the_known_ones() -> None:
    from dataclasses import replace

    with pytest.raises(EventError, match="the known ones are 1"):
        check_events([replace(event(), version=2)], EVENT_KINDS, NOW)


def test_a_hash_in_hex_fits_where_a_hash_is_asked_for() -> None:
    check_events(
        [event("configuration_changed", {"what": "made", "config_sha256": A_HASH})], EVENT_KINDS, NOW
    )


def test_every_event_that_a_job_declares_is_handed_to_the_ledger() -> None:
    names = [
        m.name
        for m in pkgutil.walk_packages(becalm.__path__, "becalm.")
        if m.name.endswith((".events", ".account_events"))
    ]
    declared = [importlib.import_module(name) for name in names if name != "becalm.app.events"]
    assert len(declared) >= 6
    assert {kind for module in declared for kind in module.KINDS} == set(EVENT_KINDS.kinds)
    assert {fold.table for module in declared for fold in getattr(module, "FOLDS", ())} == {
        fold.table for fold in FOLDS
    }
