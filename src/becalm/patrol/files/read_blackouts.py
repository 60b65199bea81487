"""blackouts.csv: where no unit is to be, from when until when, and why."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.blackouts import Blackout
from becalm.patrol.core.plan_inputs import Span
from becalm.terms import Fault, UsageError
from becalm.workspace.place_names import clean_name

BLACKOUTS_FILE = "blackouts.csv"
COLUMNS = ("place_id", "area", "from", "to", "reason")


def read_blackouts(
    path: Path, areas: frozenset[str], read_time: Callable[[str], datetime]
) -> tuple[Blackout, ...]:
    """The blackouts of this file; none where there is no file. Each row names a place or an area.

    A place that is not on the list is no fault, since lists change. Raises InputError with every fault.
    """
    if not path.is_file():
        return ()
    faults: list[Fault] = []
    blackouts = []
    for where, row in read_csv_rows(path, COLUMNS, faults):
        row_faults = list(_find_faults(where, row, areas, read_time))
        faults += row_faults
        if not row_faults:
            span = Span(read_time(row["from"]), read_time(row["to"]))
            place, area = row["place_id"].strip(), row["area"].strip()
            blackouts.append(Blackout(span, clean_name(row["reason"]), place, area, where))
    check_faultless(path.name, faults)
    return tuple(blackouts)


def _find_faults(
    where: str, row: Mapping[str, str], areas: frozenset[str], read_time: Callable[[str], datetime]
) -> Iterator[Fault]:
    place, area = row["place_id"].strip(), row["area"].strip()
    if bool(place) == bool(area):
        yield Fault(where, "names no place and no area, or both", "give place_id or area")
    if area and areas and area not in areas:
        yield Fault(where, f"there is no area {area!r}", f"write one of {', '.join(sorted(areas))}")
    if not clean_name(row["reason"]):
        yield Fault(where, "has no reason", "say why nobody may be there")
    times = []
    for name in ("from", "to"):
        try:
            times.append(read_time(row[name].strip()))
        except UsageError as error:
            yield Fault(where, f"{name}: {error}", "correct the time")
    if len(times) == 2 and times[1] <= times[0]:
        yield Fault(where, "ends before it begins", "let `to` be later than `from`")
