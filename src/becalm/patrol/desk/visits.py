"""Questions to a record of visits: what was delivered of a plan, and how predictable is the next one?

Raw traces are read, reduced to visits, and dropped before an answer is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from shapely.geometry.base import BaseGeometry

from becalm.desk import Desk, collect_errors, recorded_action
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact
from becalm.methods.arrays import seed_generator
from becalm.patrol.core import delivery as delivery_core
from becalm.patrol.core.attack import certify
from becalm.patrol.core.attack_moments import AttackSettings
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import Span, freest_inputs
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.predictability import Certificate
from becalm.patrol.core.request import CertificateRequest, DeliveredRequest
from becalm.patrol.core.return_bound import bound_returns
from becalm.patrol.core.roster import day_span
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.core.visit_log import VisitLog, log_of_bursts
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.price import PUBLIC_KEY
from becalm.patrol.desk.seed import PURPOSE, audit_patrol
from becalm.patrol.files.read_delivery import delivered_csv, read_check_ins, read_traces
from becalm.patrol.files.read_hotspots import read_outlines
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.visit_log import read_visit_log
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import Progress, UsageError, silent_progress


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The comparison, and the visits that it rests on: the finest that is kept."""

    delivery: delivery_core.Delivery
    visits: tuple[delivery_core.DeliveredVisit, ...]
    has_traces: bool


def report_delivery(desk: Desk, request: DeliveredRequest) -> DeliveryReport:
    """How much of the plan was delivered, and what patrol came beside it?

    Raises InputError with every fault of the plan, the traces, the check-ins and the outlines.
    """
    if not request.traces and not request.check_ins:
        raise UsageError("Nothing is known about delivery. Give `traces`, `check_ins`, or both.")
    city_crs = desk.workspace.city.crs
    plan, policy_book, outlines = collect_errors(
        lambda: read_plan(Path(request.plan)),
        lambda: load_policy(find_policy(desk.workspace, request.policy)),
        lambda: read_outlines(Path(request.hotspots), crs=city_crs) if request.hotspots else {},
    )
    hotspot_names = frozenset(place.hotspot for place in plan.inputs.places)
    traced_visits, all_check_ins = collect_errors(
        lambda: _visits_from_traces(request, plan, policy_book, outlines, city_crs),
        lambda: read_check_ins([Path(file) for file in request.check_ins], hotspots=hotspot_names),
    )
    check_ins = tuple(dict.fromkeys(all_check_ins))
    all_visits = (*traced_visits.visits, *delivery_core.visits_from_check_ins(check_ins))
    ordered_visits = tuple(
        sorted(all_visits, key=lambda visit: (visit.span.start, visit.hotspot, visit.unit))
    )
    delivered_visits = delivery_core.compare_delivery(
        plan.bursts,
        ordered_visits,
        plan.inputs.places,
        policy_book.delivered,
        span=_counted_span(request, plan),
        notes=(*traced_visits.notes, *_repetition_notes(len(all_check_ins) - len(check_ins))),
    )
    if request.out is not None:
        _publish_visits(desk, Path(request.out), plan, delivered_csv(ordered_visits))
    return DeliveryReport(delivered_visits, ordered_visits, has_traces=bool(request.traces))


def list_undelivered(desk: Desk, today: date) -> tuple[SeedHistory, ...]:
    """Which plans have ended without a visit on record, and without a report of what was delivered?"""
    ended = [h for h in audit_patrol(desk).histories if h.plans and h.last_day < today]
    if not ended:
        return ()
    zone = ZoneInfo(desk.workspace.city.time_zone)
    entries = tuple(desk.open_ledger().entries(kinds=("burst_done", "report_published")))
    visit_days = {
        e.event.occurred_at.astimezone(zone).date() for e in entries if e.event.kind == "burst_done"
    }
    questions = {str(e.event.facts.get("question")) for e in entries}
    return tuple(
        history
        for history in ended
        if _delivery_question(history.commitment) not in questions
        and not any(history.first_day <= day <= history.last_day for day in visit_days)
    )


def _delivery_question(commitment: str) -> str:
    return f"what was delivered of the plan {commitment}"


def _publish_visits(desk: Desk, path: Path, plan: PlanDocument, text: str) -> None:
    """Write the visits, and record that it is known what was delivered of this plan; both, or neither."""
    question = _delivery_question(str(plan.commitment.get("commitment") or ""))
    facts: dict[str, Fact] = {"question": question, "files": ((path.name, sha256_of_text(text)),)}
    with recorded_action(desk, "report_published", purpose=PURPOSE, facts=facts):
        _write_visits(path, text)


def _visits_from_traces(
    request: DeliveredRequest,
    plan: PlanDocument,
    book: PolicyBook,
    outlines: Mapping[str, BaseGeometry],
    crs: str,
) -> delivery_core.DeliveredVisits:
    """The visits alone leave this function; the positions are forgotten with it."""
    if not request.traces:
        return delivery_core.DeliveredVisits(
            (), ("No traces were given: check-ins rest on an officer's word only.",)
        )
    traces = read_traces([Path(file) for file in request.traces], crs=crs)
    return delivery_core.visits_from_traces(traces, plan.inputs.places, book.delivered, outlines=outlines)


def _repetition_notes(repeat_count: int) -> tuple[str, ...]:
    noun_and_verb = "check-in is" if repeat_count == 1 else "check-ins are"
    return (f"{repeat_count:,} {noun_and_verb} in the files twice: counted once.",) if repeat_count else ()


def _write_visits(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Name a file in a folder of yours."
        ) from error


def _counted_span(request: DeliveredRequest, plan: PlanDocument) -> Span:
    """The days that were asked for; of a whole plan, also the end of its last night."""
    plan_inputs = plan.inputs
    first_day = request.first_day or plan_inputs.first_day
    end_day = plan_inputs.first_day + timedelta(days=plan_inputs.days)
    day_count = request.days or max((end_day - first_day).days, 1)
    asked_days_span = day_span(first_day, day_count, zone=plan_inputs.zone)
    if request.days:
        return asked_days_span
    return Span(
        asked_days_span.start, max(asked_days_span.end, *(shift.hours.end for shift in plan_inputs.shifts))
    )


def certify_visits(
    request: CertificateRequest, *, time_zone: str, progress: Progress = silent_progress
) -> Certificate:
    """How predictable are the visits in a csv, by the clock of this zone where it names none?"""
    attack_settings = AttackSettings(
        train_days=request.train_days, test_days=request.test_days, seeds=request.seeds
    )
    visit_file = read_visit_log(Path(request.visits), request.columns, time_zone=time_zone)
    plan = read_plan(Path(request.plan)) if request.plan else None
    freest_log = draw_freest_log(plan) if plan else None
    attack_count = 2 * attack_settings.seeds + (freest_log is not None)
    with progress("certificate", total=attack_count, unit="attacks") as advance:
        rngs = [seed_generator(request.seed, seed_index) for seed_index in range(attack_settings.seeds)]
        certificate = certify(
            visit_file.log,
            attack_settings,
            rngs=rngs,
            seed=request.seed,
            freest_log=freest_log,
            advance=advance,
        )
    units_allow = bound_returns(plan.inputs, plan.bursts) if plan else ()
    return replace(certificate, units_allow=units_allow, notes=(*visit_file.notes, *certificate.notes))


def draw_freest_log(plan: PlanDocument) -> VisitLog:
    """Visits of the same units if they went as freely as they may, drawn with a public key."""
    freest_bursts = plan_bursts(freest_inputs(plan.inputs), key=PUBLIC_KEY).bursts
    return log_of_bursts(freest_bursts, plan.inputs.places, time_zone=plan.inputs.zone)
