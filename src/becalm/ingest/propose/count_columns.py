"""A file whose rows stand for many records each: how many says a column of counts."""

import re
from typing import Final

import numpy as np

from becalm.formats.cells import dictionary_encode, numbers
from becalm.ingest.propose.column_profile import COLUMN_NAMES, ROWS_PROFILED, ColumnProfile, Draft
from becalm.ingest.propose.time_and_place import Entries
from becalm.terms import plain_word

MOST_COUNTED: Final = 100_000  # more is no count of the crimes of a row
TEXT_SHARE: Final = 0.5
OF_ONE_RECORD: Final = re.compile(r"victim|person|people|injured|killed|officer|shots|rounds|weapon|vehicle")
WITHHELD_TEXT: Final = re.compile(
    r"[<≤] ?\d+|\d+ ?(or|to|-) ?\w+|[*~xcsz:-]|\.\.?|n/?a|suppressed|withheld", re.IGNORECASE
)
AREA_KINDS: Final = ("lsoa", "ward", "borough")  # the finest first


def may_be_count(draft: Draft, profile: ColumnProfile) -> bool:
    """May this column say how many records a row stands for?

    Marks of small numbers ("<5", "*") do not make it another column. How many people or things there were in
    one record is no count of records.
    """
    is_in_range = profile.low >= 0 and 1 < profile.high < MOST_COUNTED and not profile.precision
    if not is_in_range or not re.search(COLUMN_NAMES["count"], profile.plain_name):
        return False
    if OF_ONE_RECORD.search(profile.plain_name) and _has_record_number(draft):
        return False
    return profile.number_share == 1 or (
        profile.number_share > TEXT_SHARE and len(_withheld_words(draft, profile.column)) > 0
    )


def _has_record_number(draft: Draft) -> bool:
    row_count = min(draft.sheet.data.num_rows, ROWS_PROFILED)
    return any(
        p.blank_share == 0 and p.distinct_count == row_count and re.search(COLUMN_NAMES["id"], p.plain_name)
        for p in draft.profiles
    )


def _withheld_words(draft: Draft, column: str) -> tuple[str, ...]:
    """The marks of counts that were too small to be told; none where other texts stand there too."""
    words = dictionary_encode(draft.sheet.data[column]).values
    texts = tuple(word for word in words if not re.fullmatch(r"[\d., ]+", word))
    return texts if all(WITHHELD_TEXT.fullmatch(text) for text in texts) else ()


def propose_counts(draft: Draft, count_profile: ColumnProfile, time_entries: Entries) -> dict[str, Entries]:
    """The parts of a table of published counts; a time becomes its month."""
    total_count = int(np.nansum(numbers(draft.sheet.data[count_profile.column])[0]))
    draft.doubts.append(
        f"{count_profile.column!r} counts records: {draft.sheet.data.num_rows:,} rows stand for "
        f"{total_count:,}, taken as published counts by month. If each is one record, leave the column out"
    )
    if withheld_words := _withheld_words(draft, count_profile.column):
        draft.doubts.append(
            f"some of {count_profile.column!r} are no numbers ({', '.join(withheld_words[:3])}): counts too "
            "small to be told? Their rows are to be rejected, so sums will be too low"
        )
    if "month" not in time_entries:
        time_entries["month"] = time_entries["occurred_from"]
        for entry_name in set(time_entries) - {"month", "formats"}:
            del time_entries[entry_name]
        time_entries["precision"] = "month"
    place, counts = _propose_areas(draft)
    mapping_parts: dict[str, Entries] = {"place": place, "counts": {"count": count_profile.column, **counts}}
    measure_profile = draft.use_column("measure")
    if measure_profile is None:
        mapping_parts["counts"]["measure"] = {"always": "offences"}
        return mapping_parts
    measure_words = dictionary_encode(draft.sheet.data[measure_profile.column]).values
    draft.doubts.append(
        f"{measure_profile.column!r} says what is counted, and no two of these are ever added: "
        f"{', '.join(measure_words)}"
    )
    # a table of its own, below [counts]
    mapping_parts["counts.measure"] = {
        "column": measure_profile.column,
        "values": {word: plain_word(word) for word in measure_words},
    }
    return mapping_parts


def _propose_areas(draft: Draft) -> tuple[Entries, Entries]:
    """Which area is counted, the finest of those that the table names, and in which borough it lies."""
    place_entries: Entries = {}
    count_entries: Entries = {}
    for area_kind in AREA_KINDS:
        area_columns = [p for p in draft.free_profiles() if re.search(COLUMN_NAMES[area_kind], p.plain_name)]
        if not area_columns:
            continue
        draft.used_columns.update(p.column for p in area_columns[:2])
        if area_kind == "borough":
            place_entries["borough"] = area_columns[0].column
        if not count_entries:
            code_columns = [p.column for p in area_columns if "code" in p.plain_name]
            name_columns = [p.column for p in area_columns if p.column not in code_columns] or code_columns
            count_entries = {"area_kind": {"always": area_kind}, "area_name": name_columns[0]}
            count_entries |= {"area_code": code_columns[0]} if code_columns else {}
    if not count_entries:
        text_columns = [p.column for p in draft.free_profiles() if p.number_share < TEXT_SHARE]
        count_entries = {
            "area_kind": {"always": "city"},
            "area_name": (text_columns or [draft.profiles[0].column])[0],
        }
        draft.doubts.append(
            "which column names the area that is counted, and of which kind is it? ([counts])"
        )
    return place_entries, count_entries
