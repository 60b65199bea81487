"""Questions to a record of visits: what was delivered of a plan, and how well can the next one be foretold?

Raw traces are read, reduced to visits, and dropped before an answer is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm.desk import Desk
from becalm.desk.collect_errors import collect_errors
from becalm.patrol.core.attack import certify
from becalm.patrol.core.certificate import AttackSettings, Certificate
from becalm.patrol.core.delivered import (
    DeliveredVisit,
    DeliveredVisits,
    Delivery,
    compare_delivery,
    visits_from_check_ins,
    visits_from_traces,
)
from becalm.patrol.core.places_and_shifts import Span
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.request import VisitColumns
from becalm.patrol.core.roster import day_span
from becalm.patrol.desk.inputs import policy_file
from becalm.patrol.files.delivered import delivered_csv, read_check_ins, read_traces
from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.read_hotspots import read_outlines
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.visit_log import read_visit_log
from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class DeliveredQuestion:
    """Which plan is compared with which traces and check-ins, on which days (all of the plan without)?"""

    plan: Path
    traces: tuple[Path, ...] = ()
    check_ins: tuple[Path, ...] = ()
    outlines: Path | None = None  # hotspots as GeoJSON, whose outlines are used instead of circles
    policy: Path | None = None
    first_day: date | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The comparison, and the visits that it rests on: the finest that is kept."""

    delivery: Delivery
    visits: tuple[DeliveredVisit, ...]


def delivered(desk: Desk, question: DeliveredQuestion, *, out: Path | None = None) -> Delivered:
    """How much of the plan was delivered, and what patrol came beside it? Visits also written to `out`.

    Raises
    ------
    InputError
        with every fault of the plan, the traces, the check-ins and the outlines.
    """
    if not question.traces and not question.check_ins:
        raise UsageError("Nothing says what was delivered. Give --traces, --check-ins, or both.")
    crs = desk.workspace.city.crs
    plan, book, outlines = collect_errors(
        lambda: read_plan(question.plan),
        lambda: load_policy(policy_file(desk.workspace, question.policy)),
        lambda: read_outlines(question.outlines, crs=crs) if question.outlines else {},
    )
    traced, told = collect_errors(
        lambda: _traced(question, plan, book, outlines, crs),
        lambda: read_check_ins(question.check_ins, hotspots=_known(plan)),
    )
    stated = visits_from_check_ins(once := tuple(dict.fromkeys(told)))
    visits = tuple(sorted((*traced.visits, *stated), key=lambda v: (v.span.start, v.hotspot, v.unit)))
    delivery = compare_delivery(
        plan.bursts,
        visits,
        plan.inputs.places,
        book.delivered,
        span=_span(question, plan),
        notes=(*traced.notes, *_repeated(len(told) - len(once))),
    )
    if out is not None:
        _write(out, delivered_csv(visits))
    return Delivered(delivery, visits)


def _traced(
    question: DeliveredQuestion,
    plan: PlanDocument,
    book: PolicyBook,
    outlines: Mapping[str, BaseGeometry],
    crs: str,
) -> DeliveredVisits:
    """The visits alone leave this function; the positions are forgotten with it."""
    if not question.traces:
        return DeliveredVisits((), ("No traces were given: check-ins are an officer's word alone.",))
    traces = read_traces(question.traces, crs=crs)
    return visits_from_traces(traces, plan.inputs.places, book.delivered, outlines=outlines)


def _repeated(check_ins: int) -> tuple[str, ...]:
    stand = "check-in stands" if check_ins == 1 else "check-ins stand"
    return (f"{check_ins:,} {stand} in the files again: counted once.",) if check_ins else ()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Name a file in a folder of yours."
        ) from error


def _known(plan: PlanDocument) -> frozenset[str]:
    return frozenset(place.hotspot for place in plan.inputs.places)


def _span(question: DeliveredQuestion, plan: PlanDocument) -> Span:
    """The days that were asked for; of a whole plan, also the end of its last night."""
    inputs = plan.inputs
    first = question.first_day or inputs.first_day
    until = inputs.first_day + timedelta(days=inputs.days)
    days = question.days or max((until - first).days, 1)
    civil = day_span(first, days, zone=inputs.zone)
    return (
        civil if question.days else Span(civil.start, max(civil.end, *(s.hours.end for s in inputs.shifts)))
    )


def certificate(
    path: Path, *, columns: VisitColumns, settings: AttackSettings, time_zone: str, seed: int
) -> Certificate:
    """How predictable are the visits in this csv? The same seed gives the same answer."""
    read = read_visit_log(path, columns, time_zone=time_zone)
    rngs = [np.random.default_rng([seed, k]) for k in range(settings.seeds)]
    found = certify(read.log, settings, rngs=rngs, seed=seed)
    return replace(found, notes=(*read.notes, *found.notes))
