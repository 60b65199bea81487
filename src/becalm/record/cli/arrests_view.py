"""How a figure of arrests is shown: with its rule, its source, and what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from becalm.console.emit import emit, instant, tabulate
from becalm.console.options import Format
from becalm.record.cli.view import source_lines, source_told
from becalm.record.core.arrest import Arrest, LeftOut
from becalm.record.desk.answers import ArrestsFound

ARREST_COLUMNS = ("entry", "latest", "occurred_at", "unit", "activity", "offence", "easting_m", "northing_m")


def print_arrests(found: ArrestsFound, format: Format, *, opened: bool, left_out: bool) -> None:
    """Print the figure, the rule behind it, and the arrests where they are asked for."""
    figure = found.figure
    counted = [_arrest(arrest) for arrest in figure.counted]
    others = [{**_arrest(left.arrest), "reason": left.reason} for left in figure.left_out]
    told = {
        "arrests": len(counted),
        "first_day": found.first_day,
        "last_day": found.last_day,
        "definition": {
            "key": figure.definition.key,
            "version": figure.definition.version,
            "title": figure.definition.title,
            "author": figure.definition.author,
            "reviewed_on": figure.definition.reviewed_on,
            "sha256": figure.definition.sha256,
        },
        "imported": sum(bool(a.imported_from) for a in figure.counted),
        "recorded_by_hand": sum(not a.imported_from for a in figure.counted),
        "corrected": sum(a.corrected for a in figure.counted),
        "left_out": _reasons(figure.left_out),
        "outside_the_period": figure.outside,
        "alike": figure.alike,
        "source": source_told(found.source),
        "entries": counted,
        **({"left_out_entries": others} if left_out else {}),
    }
    rows = counted + others if left_out else counted
    emit(format, lines=_arrest_lines(found, told, opened=opened, left_out=left_out), told=told, rows=rows)


def _arrest_lines(
    found: ArrestsFound, told: Mapping[str, object], *, opened: bool, left_out: bool
) -> Iterable[str]:
    figure = found.figure
    rule = figure.definition
    yield f"{told['arrests']:,} arrests, {found.first_day} to {found.last_day}: {rule.title}"
    yield (
        f"  of these     {told['imported']:,} imported, {told['recorded_by_hand']:,} recorded by hand; "
        f"{told['corrected']:,} corrected since"
    )
    if figure.alike:
        yield f"  alike        {figure.alike:,} are equal in all that is known: several people, or one twice"
    yield f"  left out     {_left_out_words(figure.left_out)}; {figure.outside:,} made before or after"
    yield from (f"    {words}" for words in _unknown_words(figure.left_out))
    yield f"  definition   {rule.key} {rule.version}, {rule.author}, {rule.reviewed_on}"
    yield f"               sha256 {rule.sha256}"
    yield from source_lines(found.source)
    if opened:
        yield from tabulate(ARREST_COLUMNS, [_arrest(arrest) for arrest in figure.counted])
    if left_out:
        rows = [{**_arrest(left.arrest), "reason": left.reason} for left in figure.left_out]
        yield from tabulate((*ARREST_COLUMNS, "reason"), rows)
    if not opened:
        yield "Next: --open lists them, --left-out the others; `becalm record show ENTRY` opens one."


def _left_out_words(left_out: Sequence[LeftOut]) -> str:
    reasons = _reasons(left_out)
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items()) or "none"


def _unknown_words(left_out: Sequence[LeftOut]) -> list[str]:
    unknown = Counter(left.arrest.activity for left in left_out if left.reason == "unknown activity")
    return [
        f"the definition does not know the activity {activity!r} ({count:,})"
        for activity, count in unknown.most_common(10)
    ]


def _reasons(left_out: Sequence[LeftOut]) -> dict[str, int]:
    return dict(Counter(left.reason for left in left_out).most_common())


def _arrest(arrest: Arrest) -> dict[str, object]:
    return {
        "entry": arrest.seq,
        "latest": arrest.latest,
        "occurred_at": instant(arrest.occurred_at),
        "unit": arrest.unit,
        "activity": arrest.activity,
        "offence": arrest.offence,
        "easting_m": arrest.easting_m,
        "northing_m": arrest.northing_m,
        "import_sha256": arrest.imported_from,
    }
