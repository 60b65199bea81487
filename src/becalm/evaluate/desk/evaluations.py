"""Running a protocol, and running it again from its record, byte for byte."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from becalm import __version__
from becalm.desk import Desk, PinnedArchive, gaps_of, record_event
from becalm.evaluate.core import count_study, estimate_series, events, start_days, trial_study
from becalm.evaluate.core.estimate_effect import evaluate
from becalm.evaluate.core.estimate_trial import evaluate_trial
from becalm.evaluate.core.evaluation import Evaluation, find_other_protocols
from becalm.evaluate.core.finding import Finding, Refusal, withhold_small
from becalm.evaluate.core.multiverse import run_choices
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.request import RecordsChoice, StudyRequest
from becalm.evaluate.desk.protocols import list_protocols
from becalm.evaluate.desk.studies import Study, load_arms, load_study
from becalm.evaluate.files.finding_page import finding_page
from becalm.evaluate.files.finding_text import finding_object
from becalm.evaluate.files.own_counts import read_waves
from becalm.formats.durable_files import sha256_of, sha256_of_text
from becalm.formats.json_text import json_text, read_record, record_json
from becalm.ledger import Fact
from becalm.patrol.desk.redraw import load_starts
from becalm.render.pages import FolderKind, write_folder
from becalm.tables import Source, choose_source
from becalm.terms import ReplayError, RunRecord, UsageError

QUESTION = "evaluate run"
EVALUATION_FOLDER = FolderKind(name="an earlier evaluation")
INPUT = "input: "  # before a file of the user's, among the files that a run read


def run_protocol(desk: Desk, request: StudyRequest) -> Evaluation:
    """What does the protocol answer? Every run is recorded in the ledger, whatever it finds.

    Raises InputError with every fault of the protocol and its places; with `again`, ReplayError where the
    records, the protocol or this version are not those of the run, or a file of it differs.
    """
    if (request.protocol is None) == (request.again is None):
        raise UsageError("Name either a protocol, or with `again` the run.json of an earlier run.")
    if request.again is not None:
        return _repeat(desk, request, Path(request.again))
    study = load_study(desk, Path(request.protocol or ""))
    run = _build_record(desk, request, study)
    evaluation = _evaluate(desk, study, request.records, run)
    return _publish(desk, request, evaluation)


def _repeat(desk: Desk, request: StudyRequest, record_path: Path) -> Evaluation:
    run = read_record(record_path)
    if run.question != QUESTION or run.version != __version__:
        raise ReplayError(
            f"{record_path} is of {run.question!r} by becalm {run.version}, and this is an evaluation by "
            f"{__version__}. Use that version, or run the protocol again."
        )
    study = load_study(desk, Path(str(run.parameters["protocol"])))
    known_hashes = {path: sha256 for path, sha256 in run.data.items() if path.startswith(INPUT)}
    if study.sha256 != run.parameters["protocol_sha256"] or known_hashes != _input_hashes(study):
        raise ReplayError(
            f"{study.path}, or a file that it names, is no longer what {record_path} was made of. Put the "
            "files back as they were."
        )
    pins = {path: sha256 for path, sha256 in run.data.items() if not path.startswith(INPUT)}
    pinned_desk = replace(desk, archive=PinnedArchive(desk.archive, pins))
    source = run.parameters["source"]
    evaluation = _evaluate(pinned_desk, study, RecordsChoice(source=str(source) if source else None), run)
    texts = _texts(evaluation)
    originals = {name: record_path.parent / name for name in texts}
    present = {name: path.read_bytes() for name, path in originals.items() if path.is_file()}
    changed_files = sorted(name for name, content in present.items() if content != texts[name].encode())
    if changed_files:
        raise ReplayError(
            f"{', '.join(changed_files)} in {record_path.parent} differ from what this run gives now: they "
            "were altered, or a package that becalm uses has changed."
        )
    published = _publish(desk, request, evaluation)
    return replace(published, equal_files=tuple(sorted(present)))


def _evaluate(desk: Desk, study: Study, choice: RecordsChoice, run: RunRecord) -> Evaluation:
    """The protocol's answer as it stood when the run was made: later protocols are not known to it."""
    finding, source_key = _answer(desk, study, choice)
    is_public = run.parameters["public"] is True
    if is_public:
        finding = withhold_small(finding, below=desk.workspace.config.public.withheld_below)
    protocols = tuple(p for p in list_protocols(desk) if p.registered_at <= run.made_at)
    registration = events.find_protocol(protocols, study.sha256)
    files = desk.archive.files("incidents", as_of=choice.as_of)
    return Evaluation(
        protocol=study.protocol,
        protocol_sha256=study.sha256,
        state=registration.state if registration else "exploratory",
        registered_at=registration.registered_at if registration else None,
        amended=registration.replaces if registration else "",
        finding=finding,
        source=source_key,
        as_of=max((file.as_of for file in files), default=run.made_at.date()),
        warnings=find_other_protocols(protocols, study.protocol, study.sha256),
        run=run,
        is_public=is_public,
    )


def _answer(desk: Desk, study: Study, choice: RecordsChoice) -> tuple[Finding, str]:
    """The finding, and whose records it is from."""
    protocol = study.protocol
    if protocol.design == "offer":
        (waves_path,) = study.delivered_files
        return estimate_series.evaluate_offer(protocol, read_waves(waves_path)), "counts by wave"
    source = choose_source(desk.archive.files(as_of=choice.as_of), choice.source)
    refusals = _refuse_gaps(find_gap_reasons(desk, protocol, source, choice))
    if refusals:
        return Finding(refusals=refusals), source.key
    incidents = desk.archive.table("incidents", as_of=choice.as_of, source=source.key)
    points = count_study.read_points(incidents, protocol)
    if study.trial is not None:
        arms = load_arms(desk, study, study.trial)
        finding = _run_all(protocol, lambda p: evaluate_trial(p, trial_study.count_trial(p, arms, points)))
        return finding, source.key
    if protocol.design == "starts":
        starts = load_starts(desk, study.plan_folders)
        counts = start_days.count_starts(
            protocol, starts.days, starts.place_by_hotspot, points, hours_per_start=starts.hours_per_start
        )
        return estimate_series.evaluate_starts(protocol, counts), source.key
    places = study.places
    if places is None:
        raise UsageError(f"{study.path.name} names no places.")

    def answer(choice: Protocol) -> Finding:
        return evaluate(choice, count_study.build_study(choice, places, points), progress=desk.progress)

    return _run_all(protocol, answer), source.key


def _run_all(protocol: Protocol, answer: Callable[[Protocol], Finding]) -> Finding:
    """The protocol's own answer, with that of every choice that it lists."""
    finding = answer(protocol)
    return replace(finding, choices=run_choices(protocol, finding, answer))


def find_gap_reasons(desk: Desk, protocol: Protocol, source: Source, choice: RecordsChoice) -> dict[str, str]:
    """Months of a window that are not on record, cut short or far too low, and why."""
    files = desk.archive.files("incidents", as_of=choice.as_of)
    recorded_months = {file.month for file in files if file.source == source.key}
    needed_months = sorted({month for window in protocol.windows_read for month in window.months})
    reason_by_month = {month: "not on record" for month in needed_months if month not in recorded_months}
    for gap in gaps_of(desk, source, as_of=choice.as_of):
        if gap.month in needed_months:
            reason_by_month[gap.month] = gap.detail
    return dict(sorted(reason_by_month.items()))


def _refuse_gaps(reason_by_month: Mapping[str, str]) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            f"windows that hold {month}",
            f"the records of that month are not whole: {reason}",
            "load the month again, or choose other windows",
        )
        for month, reason in reason_by_month.items()
    )


def _input_hashes(study: Study) -> dict[str, str]:
    """The files that came after the protocol, as the run read them."""
    plan_files = [folder / name for folder in study.plan_folders for name in ("plan.json", "visits.csv")]
    return {f"{INPUT}{path.resolve()}": sha256_of(path) for path in (*study.delivered_files, *plan_files)}


def _build_record(desk: Desk, request: StudyRequest, study: Study) -> RunRecord:
    files = desk.archive.files(as_of=request.records.as_of)
    return RunRecord(
        question=QUESTION,
        version=__version__,
        seed=study.protocol.analysis.seed,
        made_at=desk.now(),
        as_of=request.records.as_of,
        parameters={
            "protocol": str(study.path.resolve()),
            "protocol_sha256": study.sha256,
            "source": request.records.source,
            "public": request.public,
        },
        data={**{file.path: file.sha256 for file in files}, **_input_hashes(study)},
    )


def _texts(evaluation: Evaluation) -> Mapping[str, str]:
    return {
        "finding.json": json_text(finding_object(evaluation)),
        "run.json": record_json(evaluation.run),
        "index.html": finding_page(evaluation),
    }


def _publish(desk: Desk, request: StudyRequest, evaluation: Evaluation) -> Evaluation:
    texts = _texts(evaluation)
    facts: dict[str, Fact] = {
        "protocol_sha256": evaluation.protocol_sha256,
        "state": evaluation.state,
        "run_sha256": sha256_of_text(texts["run.json"]),
        "finding_sha256": sha256_of_text(texts["finding.json"]),
    }
    record_event(desk, events.EVALUATION_RUN, purpose=events.PURPOSE, facts=facts)
    if request.out is None:
        return evaluation
    write_folder(Path(request.out), texts, kind=EVALUATION_FOLDER)
    return replace(evaluation, folder=str(request.out))
