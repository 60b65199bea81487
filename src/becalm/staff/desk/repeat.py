"""Making a roster again from its run record, byte for byte."""

import json
from dataclasses import replace
from pathlib import Path

from becalm import __version__
from becalm.desk import Desk
from becalm.formats.json_text import read_record, read_request
from becalm.render.pages import check_folder_free, write_folder
from becalm.staff.core.request import AbsentRequest, AllocateRequest, RepeatRequest
from becalm.staff.desk.roster import ALLOCATE, build_roster
from becalm.staff.desk.short_notice import ABSENT, remake_roster
from becalm.staff.files import roster_folder
from becalm.staff.files.roster_view import RosterAnswer
from becalm.terms import ReplayError, RunRecord


def repeat_roster(desk: Desk, request: RepeatRequest) -> RosterAnswer:
    """Does this run give the same roster again?

    Raises ReplayError where the record, what it was made from, or this version of becalm are not those of
    the run, or a file beside the record differs from what was made now. Nothing is written then.
    """
    folder, record_path = Path(request.out), Path(request.run)
    check_folder_free(folder, roster_folder.ROSTER_NAMES, kind=roster_folder.ROSTER_FOLDER)
    run = read_record(record_path)
    if run.question not in (ALLOCATE, ABSENT) or run.version != __version__:
        raise ReplayError(
            f"{record_path} is of {run.question!r} by becalm {run.version}, and this repeats "
            f"{ALLOCATE!r} and {ABSENT!r} by {__version__}. Name the run.json of such a roster, or use that "
            "version."
        )
    answer = _make_again(desk, run, folder)
    hash_by_input = answer.document.run.data
    changed_inputs = sorted(name for name in run.data if hash_by_input.get(name) != run.data[name])
    if changed_inputs:
        raise ReplayError(
            f"{', '.join(changed_inputs)}: no longer what {record_path} was made from. Put it back as it was."
        )
    files = roster_folder.roster_files(answer.document)
    originals = {name: record_path.parent / name for name in files}
    present_files = [name for name, path in originals.items() if path.is_file()]
    changed_files = [
        name for name in present_files if originals[name].read_bytes() != str(files[name]).encode()
    ]
    if changed_files:
        raise ReplayError(
            f"{', '.join(changed_files)} in {record_path.parent} differ from what this run gives now: they "
            "were altered, or a package that becalm uses has changed."
        )
    write_folder(folder, files, kind=roster_folder.ROSTER_FOLDER)
    return replace(answer, equal_files=tuple(sorted(present_files)))


def _make_again(desk: Desk, run: RunRecord, folder: Path) -> RosterAnswer:
    """The roster of a run record, as it was asked for and from what was known then."""
    request = json.loads(str(run.parameters["request"]))
    if run.question == ALLOCATE:
        return build_roster(desk, read_request(AllocateRequest, request), folder, made_at=run.made_at)[0]
    absences = read_request(AbsentRequest, request)
    if "entry_count" not in run.parameters:
        raise ReplayError("This roster was made by an older becalm, which did not note what it knew then.")
    entry_count = int(str(run.parameters["entry_count"]))
    return remake_roster(desk, absences, folder, made_at=run.made_at, entry_count=entry_count)[0]
