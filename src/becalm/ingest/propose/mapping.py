"""A first mapping for a file that nobody has mapped: what can be seen is filled in, the rest is a doubt."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import tomlkit

from becalm.formats.cells import dictionary_encode, is_repeated
from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.mapping import OUR_WORDS
from becalm.ingest.mapping import Mapping as MappingModel
from becalm.ingest.propose.column_profile import (
    ROWS_PROFILED,
    ColumnProfile,
    Draft,
    OffenceFit,
    find_finer_column,
    profile_column,
    rank_offence_fits,
)
from becalm.ingest.propose.time_and_place import Entries, Entry, propose_place, propose_time
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.recipes import suggest

WORDS_SHOWN: Final = 12
LINE_LENGTH: Final = 90  # of an array that stands on one line
VALUE: Final = re.compile(r"[-+]?[\d.,:/T -]*\d[\d.,:/T -]*Z?")  # a number or a date
YES_AND_NO: Final = {"y": "true", "yes": "true", "1": "true", "n": "false", "no": "false", "0": "false"}
OPENING: Final = (
    "A proposal by `becalm ingest map`. Settle each doubt, correct the mapping, and remove the doubt;",
    "with no doubts left, the file is read by this mapping.",
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping as TOML text, what must be settled before it is used, and how each column looks."""

    name: str
    text: str
    doubts: tuple[str, ...]
    profiles: tuple[ColumnProfile, ...]


def propose(
    sheet: Sheet, *, name: str, author: str, tables: Mapping[str, OffenceTable], locator: Locator
) -> Proposal:
    """Which mapping would read this file, as far as its names, types and values tell?

    The city is the workspace's. The proposal is a valid mapping, except that its doubts keep it from use.
    """
    profiles = tuple(profile_column(sheet, column) for column in sheet.columns)
    draft = Draft(sheet, profiles, tables, locator)
    _doubt_header(draft)
    offence, time, place = _propose_offence(draft), propose_time(draft), propose_place(draft)
    head: Entries = {
        "name": name,
        "version": "1",
        "author": author,
        "origin": f"proposed from the columns of {sheet.name}",
        "source": name,
        "columns_exactly": list(sheet.columns),
        **_propose_identity(draft),
    }
    details = _propose_details(draft)
    draft.doubts.append(
        "whose file is this, and under which name should its counts be shown? (origin, source)"
    )
    outcome = draft.use_column("outcome")
    head |= {"doubts": list(draft.doubts), **({"outcome": outcome.column} if outcome else {})}
    text = _mapping_text(draft, head, {"time": time, "offence": offence, "place": place, **details})
    MappingModel.model_validate(tomllib.loads(text))
    return Proposal(name, text, tuple(draft.doubts), profiles)


def _doubt_header(draft: Draft) -> None:
    values = [name for name in draft.sheet.columns if VALUE.fullmatch(name)]
    if 2 * len(values) > len(draft.sheet.columns):
        draft.doubts.append(
            f"the first line looks like a record ({', '.join(values)[:60]}), not like names of columns: "
            "write a line of names above it and propose again"
        )


def _propose_offence(draft: Draft) -> Entries:
    fits = rank_offence_fits(draft)
    if not fits:
        draft.doubts.append(
            "no column holds words of an offence table: name the column in [offence], and write a table of "
            "its words into the workspace's offences folder"
        )
        texts = [p.column for p in draft.profiles if not p.precision and p.number_share < 0.5]
        return {"table": "police_uk", "columns": [(texts or [draft.profiles[0].column])[0]]}
    best = fits[0]
    draft.used_columns.update(best.columns)
    _doubt_offences(draft, fits)
    finer_column = find_finer_column(draft, best)
    if finer_column is None:
        return {"table": best.table, "columns": list(best.columns)}
    draft.used_columns.add(finer_column)
    columns: list[Entry] = [*best.columns, finer_column]
    return {"table": best.table, "columns": columns, "lookup": [columns, list(best.columns)]}


def _doubt_offences(draft: Draft, fits: tuple[OffenceFit, ...]) -> None:
    best, column = fits[0], fits[0].columns[0]
    known_words = [word for word, _ in draft.tables[best.table].words]
    first_words = best.unknown_words[:WORDS_SHOWN]
    suggestions = [f"{word!r} {suggest(word, known_words)}".strip() for word in first_words]
    if suggestions:
        hidden_count = len(best.unknown_words) - WORDS_SHOWN
        ending = f" and {hidden_count} more" if hidden_count > 0 else ""
        draft.doubts.append(
            f"words of {column!r} that the offence table {best.table!r} does not know, whose rows "
            f"would be rejected: {', '.join(suggestions)}{ending}"
        )
    draft.doubts.append(
        f"the offence table {best.table!r} knows {best.share:.0%} of the words of {column!r}: "
        "do they mean the same there? Else write a table of your own (offence.table)"
    )
    rivals = {f"{fit.table} ({fit.columns[0]})" for fit in fits[1:] if fit.share > 0.9 * best.share}
    if rivals:
        draft.doubts.append(
            f"the offence table {best.table!r} was taken for {column!r}; "
            f"these fit nearly as well: {', '.join(sorted(rivals))}"
        )


def _propose_identity(draft: Draft) -> Entries:
    row_count = min(draft.sheet.data.num_rows, ROWS_PROFILED)
    candidates = [
        profile
        for profile in draft.profiles
        if profile.blank_share == 0 and profile.number_share in (0, 1) and not profile.precision
        if profile.distinct_count >= 0.98 * row_count
    ]
    profile = draft.use_column("id", candidates)
    if profile is None:
        repeat_count = int(is_repeated(draft.sheet.data).sum())
        draft.doubts.append(
            f"no column identifies a record, and {repeat_count:,} rows equal an earlier one: are they "
            'repeats, or crimes of their own? repeats = "keep" was taken'
        )
        return {"repeats": "keep"}
    if profile.distinct_count < row_count:
        draft.doubts.append(
            f"{profile.column!r} repeats in some rows, and all but the first would be rejected (repeats)"
        )
    return {"id": profile.column, "repeats": "reject"}


def _propose_details(draft: Draft) -> dict[str, Entries]:
    parts: dict[str, Entries] = {}
    for part in ("found_by", "weapon", "injury"):
        profile = draft.use_column(part)
        if profile is not None:
            parts[part] = _propose_words(draft, part, profile)
    age = draft.use_column("victim_age")
    if age is not None:
        kind = "years" if age.number_share > 0.95 else "band"
        parts["victim_age"] = {"column": age.column, "kind": kind}
        draft.doubts.append(f"is {age.column!r} the age of the victim? It was read as {kind}")
    return parts


def _propose_words(draft: Draft, part: str, profile: ColumnProfile) -> Entries:
    """Words that are ours already are filled in; any others are a doubt."""
    ours = {word: word for word in OUR_WORDS[part]} | (YES_AND_NO if part == "injury" else {})
    theirs = dictionary_encode(draft.sheet.data[profile.column]).values[:WORDS_SHOWN]
    answers = {word: ours[plain_word(word)] for word in theirs if plain_word(word) in ours}
    unanswered = [word for word in theirs if word not in answers]
    if unanswered or not theirs:
        word_list = ", ".join(map(repr, unanswered)) or "it is empty"
        draft.doubts.append(
            f"what do these words of {profile.column!r} say? Write them into [{part}] values: {word_list}"
        )
    return {"column": profile.column, "values": answers}


def _mapping_text(draft: Draft, head: Entries, parts: Mapping[str, Entries]) -> str:
    """The mapping as a person reads and corrects it; columns that nothing uses stand below as remarks."""
    document = tomlkit.document()
    for line in OPENING:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    _add_entries(document, head)
    for name, entries in parts.items():
        table = tomlkit.table()
        _add_entries(table, entries)
        if entries:
            document.add(name, table)
    unused = [f"  {p.column}: {', '.join(p.samples)[:60]}" for p in draft.free_profiles()]
    if unused:
        document.add(tomlkit.nl())
        document.add(tomlkit.comment("Columns that are not read, and their first values:"))
        for line in unused:
            document.add(tomlkit.comment(_plain_line(line)))
    return tomlkit.dumps(document)


def _add_entries(table: Any, entries: Entries) -> None:
    for key, entry in entries.items():
        if isinstance(entry, dict):
            item: Any = tomlkit.inline_table()
            item.update(entry)
        else:
            item = tomlkit.item(entry)
            if isinstance(entry, list):
                item.multiline(len(item.as_string()) >= LINE_LENGTH)
        table.add(key, item)


def _plain_line(text: str) -> str:
    """A text that ends no comment: in one line, without control characters."""
    printable_text = "".join(sign if sign.isprintable() else " " for sign in text)
    return "  " + " ".join(printable_text.split())
