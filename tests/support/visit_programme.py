"""A programme of visits with a desk for each role at one clock: what several tests of visits share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from visit_cases import MONDAY, Clock, approve, desk_for

from becalm.desk import Desk
from becalm.divert.core.request import LoadRequest
from becalm.divert.core.visits import request as ask
from becalm.divert.desk.context import records_file
from becalm.divert.desk.people import load_people
from becalm.divert.desk.visits import calls, outcomes, referrals
from becalm.divert.desk.visits.funnel import show_funnel
from becalm.divert.desk.visits.price import price_visits
from becalm.divert.desk.visits.schedule import schedule_visits
from becalm.divert.desk.visits.wishes import change_wishes
from becalm.divert.files.visits.schedule_folder import read_assignments
from becalm.terms import CaseError

PEOPLE = 12


def crews_csv(days: int) -> str:
    lines = ["day,unit,area,base,mode,start,hours,crew,burst_share,pair,use"]
    for offset in range(days):
        day = MONDAY.date() + timedelta(days=offset)
        for crew in ("A 09:30 1 visits", "B 12:00 8 visits", "C 09:00 8 patrol"):
            unit, start, hours, use = crew.split()
            lines.append(f"{day},{unit},Ash,base Ash,vehicle,{start},{hours},2,0.9,,{use}")
    return "\n".join(lines) + "\n"


class Programme:
    """A workspace whose people are approved, with a desk for each role at one clock."""

    def __init__(self, workspace: Path) -> None:
        self.workspace, self.clock = workspace, Clock()
        names = records_file(self.desk("analyst")).read().people["person"].to_pylist()
        self.people = sorted(names)[:PEOPLE]

    def desk(self, role: str) -> Desk:
        return desk_for(self.workspace, self.clock, role)

    def go_to(self, day: date, hour_utc: int) -> None:
        self.clock.at = datetime(day.year, day.month, day.day, hour_utc, tzinfo=UTC)

    def schedule(self, first_day: date, **changes: Any) -> Any:
        request = ask.ScheduleRequest(
            first_day=first_day,
            crews=str(self.workspace / "crews.csv"),
            out=str(self.workspace / "plan"),
            work=20,
            purpose="visit",
        )
        return schedule_visits(self.desk("coordinator"), replace(request, **changes)).schedule

    def crew_of(self, person: str) -> str:
        return next(v.crew for v in read_assignments(self.workspace).visits if v.person == person)

    def check(self, person: str, result: str = "go", **changes: Any) -> None:
        day = self.clock.at.date()
        calls.check_visit(
            self.desk("coordinator"), ask.CheckRequest(person=person, day=day, result=result, **changes)
        )

    def pack(self, person: str, crew: str | None = None) -> Any:
        request = ask.PackRequest(person=person, crew=crew or self.crew_of(person))
        return calls.open_pack(self.desk("visiting officer"), request)

    def outcome(self, person: str, result: str, **changes: Any) -> Any:
        request = ask.OutcomeRequest(
            **{"person": person, "crew": self.crew_of(person), "result": result, **changes}
        )
        return outcomes.record_outcome(self.desk("visiting officer"), request)

    def wish(self, person: str, **wishes: Any) -> Any:
        request = ask.WishesRequest(person=person, **wishes)
        return change_wishes(self.desk("coordinator"), request)

    def appoint(self, person: str, at: str, **changes: Any) -> Any:
        request = ask.AppointRequest(person=person, at=at, **changes)
        return calls.appoint(self.desk("coordinator"), request)

    def consent(self, person: str, provider: str, change: str = "given") -> Any:
        request = ask.ConsentRequest(person=person, change=change, provider=provider)
        return referrals.change_consent(self.desk("coordinator"), request)

    def refer(self, person: str, step: str, **changes: Any) -> Any:
        request = ask.ReferRequest(person=person, step=step, **changes)
        return referrals.refer(self.desk("coordinator"), request)[0]

    def session(self, person: str, referral: str, **changes: Any) -> Any:
        request = ask.SessionRequest(person=person, referral=referral, **changes)
        return referrals.record_session(self.desk("coordinator"), request)

    def funnel(self, **changes: Any) -> Any:
        return show_funnel(self.desk("coordinator"), ask.FunnelRequest(**changes))

    def size(self) -> int:
        return self.desk("coordinator").open_ledger().head().size


def prepare(workspace: Path, town: Path) -> Programme:
    """Take the town's people in, approve the first ones, and sign the protocol."""
    (workspace / "crews.csv").write_text(crews_csv(40), "utf-8")
    files = LoadRequest(persons=str(town / "persons.csv"), events=str(town / "events.csv"))
    load_people(desk_for(workspace, Clock(), "analyst"), files)
    programme = Programme(workspace)
    approve(programme.desk("approver"), programme.people, date(2020, 5, 3))
    price = ask.PriceRequest(people=50, chance=(0.45,), crews=2, cities=1, sign=True)
    price_visits(programme.desk("programme owner"), price)
    return programme


def refused(match: str) -> Any:
    return pytest.raises(CaseError, match=match)
