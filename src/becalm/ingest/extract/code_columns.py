"""A source's words in ours: offences, who found it, weapon, injury, age, and names of areas."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DictionaryColumn, dictionary_encode, encode_again, numbers
from becalm.formats.excel_codes import CodeRepair, suggest_code
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.mapping import AgePart, Mapping, OffencePart, Words
from becalm.methods.arrays import Bools, Ints, Objects
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.recipes import suggest_remedy

JOINT = " / "
SHOWN_WORDS = 5


def offences_of(
    sheet: Sheet, part: OffencePart, table: OffenceTable, row_outcomes: RowOutcomes
) -> tuple[Objects, Objects]:
    """Offence (the source's words) and offence group of every row; unknown words are rejected."""
    rows = sheet.data.num_rows
    by_word = table.by_word()
    if part.always:
        group = by_word.get(plain_word(part.always))
        always = np.full(rows, part.always, dtype=object), np.full(rows, group, dtype=object)
        _reject_unknown(always[0], always[1], part, table, row_outcomes)
        return always
    cells = {
        c: dictionary_encode(sheet.data[c]) for c in {*part.columns, *(c for cs in part.lookup for c in cs)}
    }
    if part.codes:
        cells = {c: _mended(words, c, by_word, row_outcomes) for c, words in cells.items()}
    combined, which = _combinations([cells[c] for c in cells])
    names = list(cells)
    texts = [
        {name: cells[name].values[k] if k >= 0 else "" for name, k in zip(names, c, strict=True)}
        for c in combined
    ]
    words = [JOINT.join(t[c] for c in part.columns if t[c]) for t in texts]
    groups = [_group(t, part, by_word) for t in texts]
    offence = np.array([w or None for w in words] or [None], dtype=object)[which]
    group_of = np.array(groups or [None], dtype=object)[which]
    _reject_unknown(offence, group_of, part, table, row_outcomes)
    return offence, group_of


def _group(texts: dict[str, str], part: OffencePart, by_word: dict[str, str]) -> str | None:
    for columns in part.lookup or (part.columns,):
        key = by_word.get(plain_word(JOINT.join(texts[c] for c in columns if texts[c])))
        if key is not None:
            return key
    return None


def _combinations(cells: Sequence[DictionaryColumn]) -> tuple[list[tuple[int, ...]], Ints]:
    """The distinct combinations of codes, and which of them each row has."""
    frame = pd.DataFrame({i: c.codes for i, c in enumerate(cells)})
    which = frame.groupby(list(frame.columns), sort=False).ngroup().to_numpy().astype(np.int64)
    distinct = frame.drop_duplicates()
    return [tuple(row) for row in distinct.itertuples(index=False)], which


def _reject_unknown(
    offence: Objects, group: Objects, part: OffencePart, table: OffenceTable, row_outcomes: RowOutcomes
) -> None:
    known = [word for word, _ in table.words]
    near: dict[str, str] = {}

    def remedy(spot: int) -> str:
        word = str(offence[spot] or "")
        if word not in near:
            near[word] = suggest_remedy(word, known, where=f"the offence table {table.key!r}")
        return near[word]

    blank = pd.isna(offence)
    column = JOINT.join(part.columns)
    row_outcomes.reject_remaining(blank, column, "has no offence", "give the offence, or leave the row out")
    unknown = pd.isna(group) & ~blank
    row_outcomes.reject_remaining(
        unknown, column, f"is in no group of the offence table {table.key!r}", remedy
    )


def _mended(
    words: DictionaryColumn, column: str, by_word: dict[str, str], row_outcomes: RowOutcomes
) -> DictionaryColumn:
    """Codes that Excel turned into dates, repaired where only one code of the table fits."""
    repairs = [suggest_code(value, by_word) for value in words.values]
    by_code = np.array([r is not None for r in repairs] + [False])
    lost = np.array([r is not None and r.code is None for r in repairs] + [False])
    found = {i: r for i, r in enumerate(repairs) if r is not None}
    _tell_repairs(words, column, found, by_code & ~lost, row_outcomes)
    row_outcomes.reject_remaining(
        lost[words.codes],
        column,
        lambda spot: found[int(words.codes[spot])].reason,
        "format the column as text in Excel, type the code anew and save",
    )
    codes = [r.code if r is not None and r.code else v for r, v in zip(repairs, words.values, strict=True)]
    return encode_again(words.codes, pa.array(codes, pa.string()))


def _tell_repairs(
    words: DictionaryColumn,
    column: str,
    found: dict[int, CodeRepair],
    which: Bools,
    row_outcomes: RowOutcomes,
) -> None:
    row_outcomes.repair(
        which[words.codes],
        column,
        lambda spot: found[int(words.codes[spot])].reason,
        "format the column as text in Excel before typing codes",
    )


def found_by_of(sheet: Sheet, mapping: Mapping, table: OffenceTable, group: Objects) -> Objects:
    """Who found it: what the source says, else what the offence group says."""
    by_group = {g.key: g.found_by for g in table.groups}
    assumed = pd.Series(group, dtype=object).map(by_group).to_numpy(dtype=object)
    if mapping.found_by is None:
        return assumed
    stated, _ = answers(sheet, mapping.found_by)
    return np.where(pd.isna(stated), assumed, stated)


def answers(sheet: Sheet, words: Words) -> tuple[Objects, tuple[str, ...]]:
    """Our word for every cell (None where unknown), and the source's words that nothing was said about."""
    cells = joined(sheet, words.columns)
    exact = {plain_word(theirs): ours for theirs, ours in words.values.items()}
    held = [(plain_word(part), ours) for part, ours in words.contains]
    unheard: list[str] = []

    def answer(cell: str) -> str | None:
        plain = plain_word(cell)
        found = exact.get(plain) or next((ours for part, ours in held if part in plain), words.otherwise)
        if found is None:
            unheard.append(cell)
        return found

    return cells.map(answer), tuple(unheard)


def joined(sheet: Sheet, columns: Sequence[str]) -> DictionaryColumn:
    """The cells of several columns, joined by " / " where they are not blank."""
    cells = [dictionary_encode(sheet.data[column]) for column in columns]
    if len(cells) == 1:
        return cells[0]
    combined, which = _combinations(cells)
    texts = [JOINT.join(c.values[k] for c, k in zip(cells, ks, strict=True) if k >= 0) for ks in combined]
    return encode_again(which, pa.array(texts, pa.string()))


def unheard_note(part: str, words: Iterable[str]) -> tuple[str, ...]:
    """A note on words that the mapping says nothing about."""
    listed = sorted(words)
    if not listed:
        return ()
    shown = ", ".join(repr(w) for w in listed[:SHOWN_WORDS])
    more = f" and {len(listed) - SHOWN_WORDS} more" if len(listed) > SHOWN_WORDS else ""
    return (f"{part}: the mapping says nothing about {shown}{more}; taken as unknown",)


def age_bands(sheet: Sheet, part: AgePart, row_outcomes: RowOutcomes) -> Objects:
    """The victim's age band of every row; an age that is none becomes unknown and is written down."""
    if part.kind == "band":
        return dictionary_encode(sheet.data[part.column]).map(str)
    years, bad = numbers(sheet.data[part.column])
    with np.errstate(invalid="ignore"):
        bad |= (years < 0) | (years > 120)
    row_outcomes.repair(bad, part.column, "is no age in years", "give whole years; it was taken as unknown")
    edges = np.array(part.edges)
    spots = np.searchsorted(edges, np.nan_to_num(years, nan=-1), side="right") - 1
    names = np.array([*_band_names(part.edges), None], dtype=object)
    spots[bad | np.isnan(years) | (spots < 0)] = len(names) - 1
    return names[spots]


def _band_names(edges: tuple[int, ...]) -> list[str]:
    closed = [f"{low}-{high - 1}" for low, high in itertools.pairwise(edges)]
    return [*closed, f"{edges[-1]}+"]


def area_names(sheet: Sheet, column: str | None) -> Objects:
    """The names in a column of areas, None where blank or where there is no such column."""
    if column is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    return dictionary_encode(sheet.data[column]).map(lambda name: re.sub(r"\s+", " ", name))
