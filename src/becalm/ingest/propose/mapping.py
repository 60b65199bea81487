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
    column_profiles = tuple(profile_column(sheet, column_name) for column_name in sheet.columns)
    draft = Draft(sheet, column_profiles, tables, locator)
    _doubt_header(draft)
    offence_entries, time, place = _propose_offence(draft), propose_time(draft), propose_place(draft)
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
    outcome_profile = draft.use_column("outcome")
    head |= {"doubts": list(draft.doubts), **({"outcome": outcome_profile.column} if outcome_profile else {})}
    text = _mapping_text(draft, head, {"time": time, "offence": offence_entries, "place": place, **details})
    MappingModel.model_validate(tomllib.loads(text))
    return Proposal(name, text, tuple(draft.doubts), column_profiles)


def _doubt_header(draft: Draft) -> None:
    values = [column_name for column_name in draft.sheet.columns if VALUE.fullmatch(column_name)]
    if 2 * len(values) > len(draft.sheet.columns):
        draft.doubts.append(
            f"the first line looks like a record ({', '.join(values)[:60]}), not like names of columns: "
            "write a line of names above it and propose again"
        )


def _propose_offence(draft: Draft) -> Entries:
    offence_fits = rank_offence_fits(draft)
    if not offence_fits:
        draft.doubts.append(
            "no column holds words of an offence table: name the column in [offence], and write a table of "
            "its words into the workspace's offences folder"
        )
        text_columns = [p.column for p in draft.profiles if not p.precision and p.number_share < 0.5]
        return {"table": "police_uk", "columns": [(text_columns or [draft.profiles[0].column])[0]]}
    best_fit = offence_fits[0]
    draft.used_columns.update(best_fit.columns)
    _doubt_offences(draft, offence_fits)
    finer_column = find_finer_column(draft, best_fit)
    if finer_column is None:
        return {"table": best_fit.table, "columns": list(best_fit.columns)}
    draft.used_columns.add(finer_column)
    columns: list[Entry] = [*best_fit.columns, finer_column]
    return {"table": best_fit.table, "columns": columns, "lookup": [columns, list(best_fit.columns)]}


def _doubt_offences(draft: Draft, fits: tuple[OffenceFit, ...]) -> None:
    best_fit, column = fits[0], fits[0].columns[0]
    known_words = [word for word, _ in draft.tables[best_fit.table].words]
    first_words = best_fit.unknown_words[:WORDS_SHOWN]
    word_suggestions = [f"{word!r} {suggest(word, known_words)}".strip() for word in first_words]
    if word_suggestions:
        hidden_count = len(best_fit.unknown_words) - WORDS_SHOWN
        hidden_words_text = f" and {hidden_count} more" if hidden_count > 0 else ""
        draft.doubts.append(
            f"words of {column!r} that the offence table {best_fit.table!r} does not know, whose rows "
            f"would be rejected: {', '.join(word_suggestions)}{hidden_words_text}"
        )
    draft.doubts.append(
        f"the offence table {best_fit.table!r} knows {best_fit.share:.0%} of the words of {column!r}: "
        "do they mean the same there? Else write a table of your own (offence.table)"
    )
    rival_tables = {f"{fit.table} ({fit.columns[0]})" for fit in fits[1:] if fit.share > 0.9 * best_fit.share}
    if rival_tables:
        draft.doubts.append(
            f"the offence table {best_fit.table!r} was taken for {column!r}; "
            f"these fit nearly as well: {', '.join(sorted(rival_tables))}"
        )


def _propose_identity(draft: Draft) -> Entries:
    row_count = min(draft.sheet.data.num_rows, ROWS_PROFILED)
    id_profiles = [
        id_profile
        for id_profile in draft.profiles
        if id_profile.blank_share == 0 and id_profile.number_share in (0, 1) and not id_profile.precision
        if id_profile.distinct_count >= 0.98 * row_count
    ]
    id_profile = draft.use_column("id", id_profiles)
    if id_profile is None:
        repeated_row_count = int(is_repeated(draft.sheet.data).sum())
        draft.doubts.append(
            f"no column identifies a record, and {repeated_row_count:,} rows equal an earlier one: are they "
            'repeats, or crimes of their own? repeats = "keep" was taken'
        )
        return {"repeats": "keep"}
    if id_profile.distinct_count < row_count:
        draft.doubts.append(
            f"{id_profile.column!r} repeats in some rows, and all but the first would be rejected (repeats)"
        )
    return {"id": id_profile.column, "repeats": "reject"}


def _propose_details(draft: Draft) -> dict[str, Entries]:
    entries_by_part: dict[str, Entries] = {}
    for part_name in ("found_by", "weapon", "injury"):
        part_profile = draft.use_column(part_name)
        if part_profile is not None:
            entries_by_part[part_name] = _propose_words(draft, part_name, part_profile)
    age_profile = draft.use_column("victim_age")
    if age_profile is not None:
        age_kind = "years" if age_profile.number_share > 0.95 else "band"
        entries_by_part["victim_age"] = {"column": age_profile.column, "kind": age_kind}
        draft.doubts.append(f"is {age_profile.column!r} the age of the victim? It was read as {age_kind}")
    return entries_by_part


def _propose_words(draft: Draft, part: str, profile: ColumnProfile) -> Entries:
    """Words that are ours already are filled in; any others are a doubt."""
    ours = {word: word for word in OUR_WORDS[part]} | (YES_AND_NO if part == "injury" else {})
    source_words = dictionary_encode(draft.sheet.data[profile.column]).values[:WORDS_SHOWN]
    our_word_by_source = {word: ours[plain_word(word)] for word in source_words if plain_word(word) in ours}
    unanswered_words = [word for word in source_words if word not in our_word_by_source]
    if unanswered_words or not source_words:
        word_list = ", ".join(map(repr, unanswered_words)) or "it is empty"
        draft.doubts.append(
            f"what do these words of {profile.column!r} say? Write them into [{part}] values: {word_list}"
        )
    return {"column": profile.column, "values": our_word_by_source}


def _mapping_text(draft: Draft, head_entries: Entries, entries_by_part: Mapping[str, Entries]) -> str:
    """The mapping as a person reads and corrects it; columns that nothing uses stand below as remarks."""
    toml_document = tomlkit.document()
    for opening_line in OPENING:
        toml_document.add(tomlkit.comment(opening_line))
    toml_document.add(tomlkit.nl())
    _add_entries(toml_document, head_entries)
    for part_name, part_entries in entries_by_part.items():
        toml_table = tomlkit.table()
        _add_entries(toml_table, part_entries)
        if part_entries:
            toml_document.add(part_name, toml_table)
    unused_columns = [f"  {p.column}: {', '.join(p.samples)[:60]}" for p in draft.free_profiles()]
    if unused_columns:
        toml_document.add(tomlkit.nl())
        toml_document.add(tomlkit.comment("Columns that are not read, and their first values:"))
        for opening_line in unused_columns:
            toml_document.add(tomlkit.comment(_plain_line(opening_line)))
    return tomlkit.dumps(toml_document)


def _add_entries(toml_table: Any, part_entries: Entries) -> None:
    for entry_key, entry_value in part_entries.items():
        if isinstance(entry_value, dict):
            toml_item: Any = tomlkit.inline_table()
            toml_item.update(entry_value)
        else:
            toml_item = tomlkit.item(entry_value)
            if isinstance(entry_value, list):
                toml_item.multiline(len(toml_item.as_string()) >= LINE_LENGTH)
        toml_table.add(entry_key, toml_item)


def _plain_line(raw_text: str) -> str:
    """A text that ends no comment: in one line, without control characters."""
    printable_text = "".join(character if character.isprintable() else " " for character in raw_text)
    return "  " + " ".join(printable_text.split())
