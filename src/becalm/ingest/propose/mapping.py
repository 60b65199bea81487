"""A first mapping for a file that nobody has mapped: what can be seen is filled in, the rest is a doubt."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import tomlkit

from becalm.formats.cells import dictionary_encode, is_repeated
from becalm.formats.sheet import BY_ITSELF, Layout, Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.mapping import OUR_WORDS
from becalm.ingest.mapping import Mapping as MappingModel
from becalm.ingest.propose import column_profile
from becalm.ingest.propose.count_columns import may_be_count, propose_counts
from becalm.ingest.propose.time_and_place import Entries, Entry, propose_place, propose_time
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.reviewed_toml import suggest

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
    """A mapping as TOML text, what must be settled before it is used, and how each column looks.

    `city_text` is a city file to begin with, where the records are not of the workspace's city.
    """

    name: str
    text: str
    doubts: tuple[str, ...]
    profiles: tuple[column_profile.ColumnProfile, ...]
    city_text: str | None = None


def propose(
    sheet: Sheet,
    *,
    name: str,
    author: str,
    tables: Mapping[str, OffenceTable],
    locator: Locator,
    layout: Layout = BY_ITSELF,
) -> Proposal:
    """Which mapping would read this file, as far as its names, types and values tell?

    The city is the workspace's. The proposal is a valid mapping, except that its doubts keep it from use.
    """
    column_profiles = tuple(
        column_profile.profile_column(sheet, column_name) for column_name in sheet.columns
    )
    draft = column_profile.Draft(sheet, column_profiles, tables, locator, name)
    _doubt_header(draft)
    count_profile = draft.use_column("count", [p for p in column_profiles if may_be_count(draft, p)])
    offence_entries = _propose_offence(draft)
    mapping_parts = {"time": propose_time(draft), "offence": offence_entries}
    head_entries: Entries = {
        "name": name,
        "version": "1",
        "author": author,
        "origin": f"proposed from the columns of {sheet.name}",
        "source": name,
        "columns_exactly": list(sheet.heads),
    }
    head_entries |= {"sheet": layout.sheet} if layout.sheet else {}
    head_entries |= {"header_row": layout.header_row} if layout.header_row else {}
    if count_profile is not None:
        head_entries["table"] = "published_counts"
        mapping_parts |= propose_counts(draft, count_profile, mapping_parts["time"])
    else:
        mapping_parts["place"] = propose_place(draft)
        head_entries |= _propose_identity(draft)
        mapping_parts |= _propose_details(draft)
    draft.doubts.append(
        "whose file is this, and under which name should its counts be shown? (origin, source)"
    )
    outcome_profile = draft.use_column("outcome") if count_profile is None else None
    _doubt_unused_columns(draft)
    head_entries |= {
        "doubts": list(draft.doubts),
        **({"outcome": outcome_profile.column} if outcome_profile else {}),
    }
    mapping_text = _mapping_text(draft, head_entries, mapping_parts)
    MappingModel.model_validate(tomllib.loads(mapping_text))
    return Proposal(name, mapping_text, tuple(draft.doubts), column_profiles, draft.city_text)


def _doubt_unused_columns(draft: column_profile.Draft) -> None:
    """Every column that is not read is asked about; those that are easily taken for others by themselves."""
    unused_profiles = [p for p in draft.free_profiles() if p.distinct_count]
    offender_columns = [p.column for p in unused_profiles if p.is_of_offender]
    if offender_columns:
        draft.doubts.append(
            f"of offenders, not of victims, so not read: {', '.join(offender_columns)}. Is that right?"
        )
    time_columns = [p.column for p in unused_profiles if p.precision and not p.is_of_offender]
    if time_columns:
        draft.doubts.append(f"times that are not read: {', '.join(time_columns)}. Is that right? ([time])")
    other_columns = [
        f"{p.column} ({', '.join(p.samples)[:40]})"
        for p in unused_profiles
        if p.column not in (*offender_columns, *time_columns)
    ]
    if other_columns:
        draft.doubts.append(f"columns that are not read: {'; '.join(other_columns)}. Is any of them needed?")


def _doubt_header(draft: column_profile.Draft) -> None:
    value_columns = [column_name for column_name in draft.sheet.columns if VALUE.fullmatch(column_name)]
    if 2 * len(value_columns) > len(draft.sheet.columns):
        draft.doubts.append(
            f"the first line looks like a record ({', '.join(value_columns)[:60]}), not like names "
            "of columns: "
            "write a line of names above it and propose again"
        )


def _propose_offence(draft: column_profile.Draft) -> Entries:
    offence_fits = column_profile.rank_offence_fits(draft)
    if not offence_fits:
        draft.doubts.append(
            "no column holds words of an offence table: name the column in [offence], and write a table of "
            "its words into the workspace's offences folder; or say with `always` what every row is"
        )
        if always := _offence_by_name(draft):
            return always
        text_columns = [p.column for p in draft.profiles if not p.precision and p.number_share < 0.5]
        return {"table": "police_uk", "columns": [(text_columns or [draft.profiles[0].column])[0]]}
    best_fit = offence_fits[0]
    draft.used_columns.update(best_fit.columns)
    _doubt_offences(draft, offence_fits)
    finer_column = column_profile.find_finer_column(draft, best_fit)
    if finer_column is None:
        return {"table": best_fit.table, "columns": list(best_fit.columns)}
    draft.used_columns.add(finer_column)
    columns: list[Entry] = [*best_fit.columns, finer_column]
    return {"table": best_fit.table, "columns": columns, "lookup": [columns, list(best_fit.columns)]}


def _offence_by_name(draft: column_profile.Draft) -> Entries | None:
    """The one offence of a file whose name says it: "robbery.csv", "shootings.csv"."""
    if "shoot" in draft.file_words:
        return {"table": "mps", "always": "Violence with Injury"}
    for table in draft.tables.values():
        for word, _ in table.words:
            if plain_word(word) in (
                draft.name.replace("_", " "),
                draft.name.replace("_", " ").removesuffix("s"),
            ):
                return {"table": table.key, "always": word}
    return None


def _doubt_offences(draft: column_profile.Draft, fits: tuple[column_profile.OffenceFit, ...]) -> None:
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


def _propose_identity(draft: column_profile.Draft) -> Entries:
    row_count = min(draft.sheet.data.num_rows, column_profile.ROWS_PROFILED)
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


def _propose_details(draft: column_profile.Draft) -> dict[str, Entries]:
    entries_by_part: dict[str, Entries] = {}
    for part_name in ("found_by", "weapon", "injury"):
        part_profile = draft.use_column(part_name)
        if part_profile is not None:
            entries_by_part[part_name] = _propose_words(draft, part_name, part_profile)
    if "shoot" in draft.file_words:
        for part_name, answer in (("weapon", "gun"), ("injury", "true")):
            if part_name not in entries_by_part:
                entries_by_part[part_name] = {"always": answer}
                draft.doubts.append(
                    f"the file's name says shootings: is {part_name} {answer!r} in every row?"
                )
    age_profile = draft.use_column("victim_age")
    if age_profile is not None:
        age_kind = "years" if age_profile.number_share > 0.95 else "band"
        entries_by_part["victim_age"] = {"column": age_profile.column, "kind": age_kind}
        draft.doubts.append(f"is {age_profile.column!r} the age of the victim? It was read as {age_kind}")
    return entries_by_part


def _propose_words(draft: column_profile.Draft, part: str, profile: column_profile.ColumnProfile) -> Entries:
    """Words that are ours already are filled in; any others are a doubt."""
    our_word_by_plain = {word: word for word in OUR_WORDS[part]} | (YES_AND_NO if part == "injury" else {})
    source_words = dictionary_encode(draft.sheet.data[profile.column]).values[:WORDS_SHOWN]
    our_word_by_source = {
        word: our_word_by_plain[plain_word(word)]
        for word in source_words
        if plain_word(word) in our_word_by_plain
    }
    unanswered_words = [word for word in source_words if word not in our_word_by_source]
    if unanswered_words or not source_words:
        word_list = ", ".join(map(repr, unanswered_words)) or "it is empty"
        draft.doubts.append(
            f"what do these words of {profile.column!r} say? Write them into [{part}] values: {word_list}"
        )
    return {"column": profile.column, "values": our_word_by_source}


def _mapping_text(
    draft: column_profile.Draft, head_entries: Entries, entries_by_part: Mapping[str, Entries]
) -> str:
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
            owner_name, _, sub_name = part_name.partition(".")
            owner: Any = toml_document[owner_name] if sub_name else toml_document
            owner.add(sub_name or owner_name, toml_table)
    unused_columns = [f"  {p.column}: {', '.join(p.samples)[:60]}" for p in draft.free_profiles()]
    if unused_columns:
        toml_document.add(tomlkit.nl())
        toml_document.add(tomlkit.comment("Columns that are not read, and their first values:"))
        for unused_column in unused_columns:
            toml_document.add(tomlkit.comment(_plain_line(unused_column)))
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
