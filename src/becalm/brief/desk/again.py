"""Making a briefing again from its run record, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from becalm import __version__
from becalm.brief.desk.patrol import require_drawn
from becalm.brief.desk.pins import require_same
from becalm.brief.desk.weekly import BriefingMade, brief, default_folder, publish_briefing
from becalm.desk import Desk
from becalm.find.desk.override import check_override_pins
from becalm.formats.run_record import read_record
from becalm.terms import ReplayError, RunRecord


@dataclass(frozen=True, slots=True)
class BriefingRepeated:
    """A briefing made again, and those files of the original that it was found equal to."""

    made: BriefingMade
    original: Path
    equal: tuple[str, ...]


def repeat_briefing(desk: Desk, record: Path, *, out: Path | None = None) -> BriefingRepeated:
    """Does this run give the same bytes again?

    Raises
    ------
    ReplayError
        where the record, the records it names or this version of becalm are not those of the run, or
        a file of the original briefing beside the record differs from what was made now. Nothing is
        written then.
    """
    run = read_record(record)
    _require_briefing(run, record)
    require_same(desk.workspace, run.data)
    check_override_pins(desk, run.data)
    require_drawn(desk, run)
    made = brief(desk, run, folder=out or default_folder(desk))
    originals = {name: record.parent / name for name in made.texts}
    there = {name: path.read_bytes() for name, path in originals.items() if path.is_file()}
    different = sorted(name for name, held in there.items() if held != made.texts[name].encode())
    if different:
        raise ReplayError(
            f"{', '.join(different)} in {record.parent} differ from what this run gives now. Either they "
            "were altered, or a program that becalm stands on (see `pip freeze`) has changed."
        )
    publish_briefing(desk, made)
    return BriefingRepeated(made, record.parent, tuple(sorted(there)))


def _require_briefing(run: RunRecord, record: Path) -> None:
    if run.question != "brief":
        raise ReplayError(f"{record} is the record of {run.question!r}, not of a briefing.")
    if run.version != __version__:
        raise ReplayError(
            f"{record} was made by becalm {run.version}, and this is {__version__}: it may count or draw in "
            f"another way. Install becalm {run.version}, or make a new briefing with `becalm run`."
        )
