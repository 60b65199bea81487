"""Running a protocol, and looking at its design before any outcome is read."""

from dataclasses import replace
from pathlib import Path

from becalm import __version__
from becalm.desk import Desk, gaps_of, record_event
from becalm.evaluate.core import events
from becalm.evaluate.core.count_study import all_windows, build_study, read_points
from becalm.evaluate.core.estimate_effect import evaluate
from becalm.evaluate.core.evaluation import Evaluation
from becalm.evaluate.core.finding import Finding, Refusal
from becalm.evaluate.core.multiverse import run_choices
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.request import StudyRequest
from becalm.evaluate.desk.protocols import list_protocols, load_protocol
from becalm.evaluate.files.finding_page import finding_page
from becalm.evaluate.files.finding_text import finding_object
from becalm.formats.durable_files import sha256_of_text
from becalm.formats.json_text import json_text, record_json
from becalm.ledger import Fact
from becalm.render.pages import FolderKind, write_folder
from becalm.tables import Source, choose_source
from becalm.terms import RunRecord

QUESTION = "evaluate run"
EVALUATION_FOLDER = FolderKind(name="an earlier evaluation")


def run_protocol(desk: Desk, request: StudyRequest) -> Evaluation:
    """What does the protocol answer? Every run is recorded in the ledger, whatever it finds.

    Raises InputError with every fault of the protocol and its places.
    """
    protocol, places, sha256 = load_protocol(desk, Path(request.protocol))
    source = choose_source(desk.archive.files(as_of=request.as_of), request.source)
    incidents = desk.archive.table("incidents", as_of=request.as_of, source=source.key)
    dated_points = read_points(incidents, protocol)
    missing = _refuse_gaps(desk, protocol, source, request)
    if missing:
        finding = Finding(refusals=missing)
    else:
        finding = evaluate(protocol, build_study(protocol, places, dated_points), progress=desk.progress)
        finding = replace(finding, choices=run_choices(protocol, places, dated_points, finding))
    protocols = list_protocols(desk)
    registration = events.find_protocol(protocols, sha256)
    evaluation = Evaluation(
        protocol=protocol,
        protocol_sha256=sha256,
        state=registration.state if registration else "exploratory",
        registered_at=registration.registered_at if registration else None,
        amended=registration.replaces if registration else "",
        finding=finding,
        source=source.key,
        as_of=max(file.as_of for file in desk.archive.files("incidents", as_of=request.as_of)),
        warnings=_warn(protocols, protocol, sha256),
        run=_record_run(desk, request, protocol, sha256),
    )
    return _publish(desk, request, evaluation)


def _refuse_gaps(
    desk: Desk, protocol: Protocol, source: Source, request: StudyRequest
) -> tuple[Refusal, ...]:
    """Months of a window that are not on record, cut short or far too low."""
    files = desk.archive.files("incidents", as_of=request.as_of)
    recorded_months = {file.month for file in files if file.source == source.key}
    needed_months = sorted({month for window in all_windows(protocol) for month in window.months})
    reason_by_month = {month: "not on record" for month in needed_months if month not in recorded_months}
    for gap in gaps_of(desk, source, as_of=request.as_of):
        if gap.month in needed_months:
            reason_by_month[gap.month] = gap.detail
    return tuple(
        Refusal(
            f"windows that hold {month}",
            f"the records of that month are not whole: {reason}",
            "load the month again, or choose other windows",
        )
        for month, reason in sorted(reason_by_month.items())
    )


def _warn(
    protocols: tuple[events.RegisteredProtocol, ...], protocol: Protocol, sha256: str
) -> tuple[str, ...]:
    other_protocols = [
        p
        for p in protocols
        if p.protocol_sha256 != sha256 and p.first_day == str(protocol.windows.after.start)
    ]
    return tuple(
        f"Another protocol for the same first day is registered: {p.protocol_sha256[:12]} (entry {p.entry})."
        for p in other_protocols
    )


def _record_run(desk: Desk, request: StudyRequest, protocol: Protocol, sha256: str) -> RunRecord:
    files = desk.archive.files("incidents", as_of=request.as_of)
    return RunRecord(
        question=QUESTION,
        version=__version__,
        seed=protocol.analysis.seed,
        made_at=desk.now(),
        as_of=request.as_of,
        parameters={"protocol_sha256": sha256, "source": request.source},
        data={file.path: file.sha256 for file in files},
    )


def _publish(desk: Desk, request: StudyRequest, evaluation: Evaluation) -> Evaluation:
    finding_text, run_text = json_text(finding_object(evaluation)), record_json(evaluation.run)
    facts: dict[str, Fact] = {
        "protocol_sha256": evaluation.protocol_sha256,
        "state": evaluation.state,
        "run_sha256": sha256_of_text(run_text),
        "finding_sha256": sha256_of_text(finding_text),
    }
    record_event(desk, events.EVALUATION_RUN, purpose=events.PURPOSE, facts=facts)
    if request.out is None:
        return evaluation
    files = {"finding.json": finding_text, "run.json": run_text, "index.html": finding_page(evaluation)}
    write_folder(Path(request.out), files, kind=EVALUATION_FOLDER)
    return replace(evaluation, folder=str(request.out))
