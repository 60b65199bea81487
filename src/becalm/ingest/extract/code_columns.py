"""A source's words in ours: offences, who found it, weapon, injury, age, and names of areas."""

import itertools
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DictionaryColumn, dictionary_encode, encode_again, numbers
from becalm.formats.sheet import RowOutcomes, Sheet
from becalm.ingest.mapping import AgePart, Mapping, OffencePart, WordMap
from becalm.methods.arrays import Ints, Objects
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.reviewed_toml import suggest_remedy

JOINT: Final = " / "
WORDS_SHOWN: Final = 5
EPOCH: Final = date(1899, 12, 30)  # serial 1 is 1900-01-01 for every date after February 1900
SERIALS: Final = range(366, 73051)  # 1901 to 2099
SERIAL: Final = re.compile(r"^\d{3,5}(\.0+)?$")
DATE_FORMATS: Final = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
)
DAY_MONTH_FORMATS: Final = ("%d-%b", "%b-%d", "%d %b", "%b %d", "%d %B", "%B %d")
MONTH_YEAR_FORMATS: Final = ("%b-%y", "%b %y", "%B-%y", "%b-%Y", "%B %Y")


def read_offences(
    sheet: Sheet, part: OffencePart, table: OffenceTable, row_outcomes: RowOutcomes
) -> tuple[Objects, Objects]:
    """Offence (the source's words) and offence group of every row; unknown words are rejected."""
    group_by_word = table.by_word()
    if part.always:
        row_count = sheet.data.num_rows
        offence_of_row = np.full(row_count, part.always, dtype=object)
        group_of_row = np.full(row_count, group_by_word.get(plain_word(part.always)), dtype=object)
    else:
        column_names = dict.fromkeys((*part.columns, *itertools.chain.from_iterable(part.lookup)))
        encoded_columns = {name: dictionary_encode(sheet.data[name]) for name in column_names}
        if part.codes:
            encoded_columns = {
                name: _repair_codes(encoded_column, name, group_by_word, row_outcomes)
                for name, encoded_column in encoded_columns.items()
            }
        combinations, combination_of_row = _distinct_combinations(list(encoded_columns.values()))
        cells_of_combination = [
            dict(zip(encoded_columns, combination, strict=True)) for combination in combinations
        ]
        words_of_combination = [
            _join_texts(cell_by_column, part.columns) or None for cell_by_column in cells_of_combination
        ]
        offence_of_row = np.array(words_of_combination or [None], dtype=object)[combination_of_row]
        group_of_combination = [
            _find_group(cell_by_column, part, group_by_word) for cell_by_column in cells_of_combination
        ]
        group_of_row = np.array(group_of_combination or [None], dtype=object)[combination_of_row]
    _reject_unknown_offences(offence_of_row, group_of_row, part, table, row_outcomes)
    return offence_of_row, group_of_row


def _find_group(cell_texts: dict[str, str], part: OffencePart, group_by_word: dict[str, str]) -> str | None:
    lookup_words = (_join_texts(cell_texts, column_names) for column_names in part.lookup or (part.columns,))
    return next((group for words in lookup_words if (group := group_by_word.get(plain_word(words)))), None)


def _join_texts(cell_by_column: dict[str, str], column_names: Iterable[str]) -> str:
    return JOINT.join(cell_by_column[name] for name in column_names if cell_by_column[name])


def _distinct_combinations(columns: Sequence[DictionaryColumn]) -> tuple[list[tuple[str, ...]], Ints]:
    """The distinct combinations of texts ("" where blank), and which of them each row has."""
    code_frame = pd.DataFrame(
        {column_position: column.codes for column_position, column in enumerate(columns)}
    )
    combination_of_row = (
        code_frame.groupby(list(code_frame.columns), sort=False).ngroup().to_numpy().astype(np.int64)
    )
    words_of_column = [(*column.values, "") for column in columns]  # code -1 is the last one
    distinct_codes = code_frame.drop_duplicates().itertuples(index=False)
    combinations = [
        tuple(text[code] for text, code in zip(words_of_column, codes, strict=True))
        for codes in distinct_codes
    ]
    return combinations, combination_of_row


def _reject_unknown_offences(
    offences: Objects, groups: Objects, part: OffencePart, table: OffenceTable, row_outcomes: RowOutcomes
) -> None:
    known_words = [word for word, _ in table.words]

    @cache  # thousands of rows may say the same
    def remedy(word: str) -> str:
        return suggest_remedy(word, known_words, where=f"the offence table {table.key!r}")

    is_blank_row, column_names = pd.isna(offences), JOINT.join(part.columns)
    row_outcomes.reject_remaining(
        is_blank_row, column_names, "has no offence", "give the offence, or leave the row out"
    )
    row_outcomes.reject_remaining(
        pd.isna(groups) & ~is_blank_row,
        column_names,
        f"is in no group of the offence table {table.key!r}",
        lambda row: remedy(str(offences[row] or "")),
    )


def read_found_by(sheet: Sheet, mapping: Mapping, table: OffenceTable, groups: Objects) -> Objects:
    """Who found it: what the source says, else what the offence group says."""
    found_by_group = {group.key: group.found_by for group in table.groups}
    found_by_of_row = pd.Series(groups, dtype=object).map(found_by_group).to_numpy(dtype=object)
    if mapping.found_by is None:
        return found_by_of_row
    stated_found_by, _ = translate_words(sheet, mapping.found_by)
    return np.where(pd.isna(stated_found_by), found_by_of_row, stated_found_by)


def translate_words(sheet: Sheet, words: WordMap) -> tuple[Objects, tuple[str, ...]]:
    """Our word for every cell (None where unknown), and the source's words that nothing was said about."""
    if words.always is not None:
        return np.full(sheet.data.num_rows, words.always, dtype=object), ()
    our_word_by_theirs = {plain_word(source_word): ours for source_word, ours in words.values.items()}
    word_fragments = [(plain_word(fragment), ours) for fragment, ours in words.contains]
    unknown_words: list[str] = []

    def translate(cell: str) -> str | None:
        plain_text = plain_word(cell)
        our_word = our_word_by_theirs.get(plain_text)
        if our_word is None:
            our_word = next(
                (ours for fragment, ours in word_fragments if fragment in plain_text), words.otherwise
            )
        if our_word is None:
            unknown_words.append(cell)
        return our_word

    return _join_columns(sheet, words.columns).map(translate), tuple(unknown_words)


def _join_columns(sheet: Sheet, column_names: Sequence[str]) -> DictionaryColumn:
    """The cells of several columns, joined by " / " where they are not blank."""
    return join_cells([dictionary_encode(sheet.data[name]) for name in column_names], JOINT)


def join_cells(columns: Sequence[DictionaryColumn], joint: str) -> DictionaryColumn:
    """The cells of several columns as one text, joined where they are not blank."""
    if len(columns) == 1:
        return columns[0]
    combinations, combination_of_row = _distinct_combinations(columns)
    text_of_combination = [joint.join(filter(None, combination)) for combination in combinations]
    return encode_again(combination_of_row, pa.array(text_of_combination, pa.string()))


def unknown_words_note(part: str, words: Iterable[str]) -> tuple[str, ...]:
    """A note on words that the mapping says nothing about."""
    sorted_words = sorted(words)
    if not sorted_words:
        return ()
    first_words = ", ".join(map(repr, sorted_words[:WORDS_SHOWN]))
    hidden_count = len(sorted_words) - WORDS_SHOWN
    hidden_words_text = f" and {hidden_count} more" if hidden_count > 0 else ""
    return (f"{part}: the mapping says nothing about {first_words}{hidden_words_text}; taken as unknown",)


def read_age_bands(sheet: Sheet, part: AgePart, row_outcomes: RowOutcomes) -> Objects:
    """The victim's age band of every row; an age that is none becomes unknown and is written down."""
    if part.kind == "band":
        return dictionary_encode(sheet.data[part.column]).map(str)
    age_years, is_bad_age = numbers(sheet.data[part.column])
    with np.errstate(invalid="ignore"):
        is_bad_age |= (age_years < 0) | (age_years > 120)
    row_outcomes.repair(
        is_bad_age, part.column, "is no age in years", "give whole years; it was taken as unknown"
    )
    closed_bands = [f"{lowest_age}-{high - 1}" for lowest_age, high in itertools.pairwise(part.edges)]
    band_names = np.array([*closed_bands, f"{part.edges[-1]}+", None], dtype=object)
    band_indices = np.searchsorted(np.array(part.edges), np.nan_to_num(age_years, nan=-1), side="right") - 1
    band_indices[is_bad_age | np.isnan(age_years) | (band_indices < 0)] = len(band_names) - 1
    return band_names[band_indices]


def read_area_names(sheet: Sheet, column: str | None) -> Objects:
    """The names in a column of areas, None where blank or where there is no such column."""
    if column is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    return dictionary_encode(sheet.data[column]).map(lambda name: re.sub(r"\s+", " ", name))


# --- codes that a spreadsheet took for dates ----------------------------------------------------------
#
# Typed into a cell, "5/1" becomes a date. Saved, it is a serial number (44682 is 2022-05-01, where the month
# comes first; 44566 is 2022-01-05, where the day does), or "05-Jan", or "2022-05-01". "8/61", with no
# sixty-first day, becomes August 1961. Every reading that gives a code of the offence table is a candidate:
# one candidate is repaired; of several, none is guessed.


def _repair_codes(
    codes: DictionaryColumn, column: str, group_by_word: dict[str, str], row_outcomes: RowOutcomes
) -> DictionaryColumn:
    """Codes that Excel turned into dates, repaired where only one code of the table fits."""
    repair_by_text = {text: suggest_code(text, group_by_word) for text in codes.values}
    code_repairs = {text: repair for text, repair in repair_by_text.items() if repair is not None}

    def reason(row: int) -> str:
        return code_repairs[codes.text(row) or ""].reason

    row_outcomes.repair(
        codes.passes(lambda text: text in code_repairs and code_repairs[text].code is not None),
        column,
        reason,
        "format the column as text in Excel before typing codes",
    )
    row_outcomes.reject_remaining(
        codes.passes(lambda text: text in code_repairs and code_repairs[text].code is None),
        column,
        reason,
        "format the column as text in Excel, type the code again and save",
    )
    new_texts = [code_repairs[text].code or text if text in code_repairs else text for text in codes.values]
    return encode_again(codes.codes, pa.array(new_texts, pa.string()))


@dataclass(frozen=True, slots=True)
class CodeRepair:
    """What a damaged code must have been; `code` is None where that is not certain."""

    code: str | None
    reason: str


def suggest_code(cell: str, known_codes: Container[str]) -> CodeRepair | None:
    """What code was this cell before a spreadsheet took it for a date? None where nothing is wrong.

    `known_codes` holds the codes of the offence table as `plain_word` writes them.

    >>> suggest_code("44682", {"5/1"}).code
    '5/1'
    >>> suggest_code("5/1", {"5/1"}) is None
    True
    """
    if plain_word(cell) in known_codes:
        return None
    candidate_codes = list(
        dict.fromkeys(code for code in _possible_codes(cell) if plain_word(code) in known_codes)
    )
    if len(candidate_codes) == 1:
        return CodeRepair(candidate_codes[0], f"a spreadsheet made a date of the code {candidate_codes[0]}")
    if candidate_codes:
        possible_codes = " or ".join(candidate_codes)
        return CodeRepair(None, f"a spreadsheet made a date of a code, which may have been {possible_codes}")
    return None


def _possible_codes(cell: str) -> Iterator[str]:
    """Every code that may have stood there, in both orders of day and month."""
    for day in _possible_dates(cell.strip()):
        yield f"{day.month}/{day.day}"
        yield f"{day.day}/{day.month}"
        if day.day == 1:  # no such day: taken for a month of a year
            yield f"{day.month}/{day:%y}"
            yield f"{day.month}/{day.year}"


def _possible_dates(cell: str) -> Iterator[date]:
    if SERIAL.match(cell):
        sheet_day_number = int(float(cell))
        if sheet_day_number in SERIALS:
            yield EPOCH + timedelta(days=sheet_day_number)
        return
    for date_format in (*DATE_FORMATS, *MONTH_YEAR_FORMATS):
        yield from _parse_date(cell, date_format)
    for date_format in DAY_MONTH_FORMATS:
        yield from _parse_date(f"2000 {cell}", f"%Y {date_format}")


def _parse_date(cell: str, date_format: str) -> Iterator[date]:
    try:
        yield datetime.strptime(cell, date_format).date()  # noqa: DTZ007  # a day without a clock
    except ValueError:
        return
