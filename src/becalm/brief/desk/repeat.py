"""Making a briefing again from its run record, byte for byte."""

from dataclasses import replace
from pathlib import Path

from becalm import __version__
from becalm.brief.desk.patrol import check_drawn_plan
from becalm.brief.desk.plan import check_workspace_pins
from becalm.brief.desk.weekly import BriefingAnswer, build_briefing, publish_briefing
from becalm.brief.request import RunRequest
from becalm.desk import Desk
from becalm.find.desk.override import check_override_pins
from becalm.formats.durable_files import sha256_of, sha256_of_text
from becalm.formats.json_text import read_record
from becalm.terms import ReplayError, RunRecord


def repeat_briefing(desk: Desk, request: RunRequest) -> BriefingAnswer:
    """Does this run give the same bytes again?

    Raises
    ------
    ReplayError
        where the record, the records it names or this version of becalm are not those of the run, or
        a file of the original briefing beside the record differs from what was made now. Nothing is
        written then.
    """
    run_json = Path(request.again or "")
    run_record = read_record(run_json)
    _check_briefing(run_record, run_json)
    check_workspace_pins(desk.workspace, run_record.data)
    check_override_pins(desk, run_record.data)
    check_drawn_plan(desk, run_record)
    briefing = build_briefing(desk, request, run_record)
    path_by_name = {name: run_json.parent / name for name in briefing.texts}
    original_hashes = {name: sha256_of(path) for name, path in path_by_name.items() if path.is_file()}
    changed_files = sorted(
        name for name, sha256 in original_hashes.items() if sha256 != sha256_of_text(briefing.texts[name])
    )
    if changed_files:
        raise ReplayError(
            f"{', '.join(changed_files)} in {run_json.parent} differ from what this run gives now. Either "
            "they were altered, or a package that becalm uses has changed (see `pip freeze`)."
        )
    publish_briefing(desk, briefing)
    return replace(briefing, equal_files=tuple(sorted(original_hashes)))


def _check_briefing(run: RunRecord, record: Path) -> None:
    if run.question != "brief":
        raise ReplayError(f"{record} is the record of {run.question!r}, not of a briefing.")
    if run.version != __version__:
        raise ReplayError(
            f"{record} was made by becalm {run.version}, and this is {__version__}: it may count or draw in "
            f"another way. Install becalm {run.version}, or make a new briefing with `becalm run`."
        )
