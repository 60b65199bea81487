"""A first mapping for a file that nobody has mapped: what can be seen is filled in, the rest is a doubt."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from becalm.formats.cells import dictionary_encode, is_repeated
from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.mapping import OUR_WORDS
from becalm.ingest.mapping import Mapping as MappingModel
from becalm.ingest.propose.column_profile import Look, OffenceLook, finer_column, look_at, offence_looks
from becalm.ingest.propose.draft import Draft
from becalm.ingest.propose.place import PlaceGuess, guess_place
from becalm.ingest.propose.time import propose_time
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.recipes import suggest
from becalm.workspace.toml_text import Table, toml_text

WORDS_SHOWN: Final = 12
VALUE: Final = re.compile(r"[-+]?[\d.,:/T -]*\d[\d.,:/T -]*Z?")  # a number or a date
YES_AND_NO: Final = {"y": "true", "yes": "true", "1": "true", "n": "false", "no": "false", "0": "false"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping as TOML text, what must be settled before it is used, and how each column looks."""

    name: str
    text: str
    doubts: tuple[str, ...]
    looks: tuple[Look, ...]


def propose(
    sheet: Sheet, *, name: str, author: str, tables: Mapping[str, OffenceTable], locator: Locator
) -> Proposal:
    """Which mapping would read this file, as far as its names, types and values tell?

    The city is the workspace's. The proposal is a valid mapping, except that its doubts keep it from use.
    """
    looks = tuple(look_at(sheet, column) for column in sheet.columns)
    draft = Draft(sheet, looks, tables, locator)
    _doubt_header(draft)
    offence = _offence(draft)
    time = propose_time(draft)
    place = _place(draft)
    identity = _identity(draft)
    head: Table = {
        "name": name,
        "version": "1",
        "author": author,
        "origin": f"proposed from the columns of {sheet.name}",
        "source": name,
        "columns_exactly": list(sheet.columns),
        **identity,
    }
    people = _people(draft)
    draft.doubts.append(
        "whose file is this, and under which name should its counts be shown? (origin, source)"
    )
    parts = {"time": time, "offence": offence, "place": place, **people}
    text = toml_text({**head, "doubts": draft.doubts}, parts, _unused(draft))
    MappingModel.model_validate(tomllib.loads(text))
    return Proposal(name, text, tuple(draft.doubts), looks)


def _doubt_header(draft: Draft) -> None:
    values = [name for name in draft.sheet.columns if VALUE.fullmatch(name)]
    if 2 * len(values) > len(draft.sheet.columns):
        draft.doubts.append(
            f"the first line looks like a record ({', '.join(values)[:60]}), not like names of columns: "
            "write a line of names above it and propose again"
        )


# --- offence ------------------------------------------------------------------------------------------


def _offence(draft: Draft) -> Table:
    fits = offence_looks(draft.sheet, draft.looks, draft.tables)
    if not fits:
        draft.doubts.append(
            "no column holds words of an offence table: name the column in [offence], and write a table of "
            "its words into the workspace's offences folder"
        )
        texts = [k.column for k in draft.looks if not k.reach and k.number_share < 0.5]
        return {"table": "police_uk", "columns": [(texts or [draft.looks[0].column])[0]]}
    best = fits[0]
    draft.taken.update(best.columns)
    _doubt_tables(draft, fits)
    table = draft.tables[best.table]
    finer = finer_column(draft.sheet, best, tuple(draft.free()), table)
    if finer is None:
        return {"table": best.table, "columns": list(best.columns)}
    draft.taken.add(finer)
    columns = [*best.columns, finer]
    return {"table": best.table, "columns": columns, "lookup": [columns, list(best.columns)]}


def _doubt_tables(draft: Draft, fits: tuple[OffenceLook, ...]) -> None:
    best = fits[0]
    known = [word for word, _ in draft.tables[best.table].words]
    shown = [f"{w!r} {suggest(w, known)}".strip() for w in best.unknown[:WORDS_SHOWN]]
    if shown:
        more = f" and {len(best.unknown) - WORDS_SHOWN} more" if len(best.unknown) > WORDS_SHOWN else ""
        draft.doubts.append(
            f"words of {best.columns[0]!r} that the offence table {best.table!r} does not know, whose rows "
            f"would be rejected: {', '.join(shown)}{more}"
        )
    draft.doubts.append(
        f"the offence table {best.table!r} knows {best.share:.0%} of the words of {best.columns[0]!r}: "
        "do they mean the same there? Else write a table of your own (offence.table)"
    )
    rivals = {f"{o.table} ({o.columns[0]})" for o in fits[1:] if o.share > 0.9 * best.share}
    if rivals:
        draft.doubts.append(
            f"the offence table {best.table!r} was taken for {best.columns[0]!r}; "
            f"these fit nearly as well: {', '.join(sorted(rivals))}"
        )


# --- the rest -----------------------------------------------------------------------------------------


def _place(draft: Draft) -> Table:
    guess = guess_place(draft.sheet, tuple(draft.free()), draft.locator)
    table: Table = {}
    if guess is None:
        draft.doubts.append(
            "no columns look like coordinates: name x and y in [place], or settle that there are none"
        )
    else:
        draft.taken |= {guess.x, guess.y}
        crs = guess.crs[0] if guess.crs else draft.locator.city.crs
        table = {"x": guess.x, "y": guess.y, "crs": crs, "quality": _quality(guess)}
        _doubt_place(draft, guess, crs)
    for part in ("borough", "ward", "lsoa", "command_unit"):
        look = draft.take(part)
        if look is not None:
            table[part] = look.column
    return table


def _quality(guess: PlaceGuess) -> str:
    return "snap" if guess.points_share < 0.2 else "exact"


def _doubt_place(draft: Draft, guess: PlaceGuess, crs: str) -> None:
    city = draft.locator.city
    if not guess.crs or guess.inside_share < 0.9:
        draft.doubts.append(
            f"{guess.inside_share:.0%} of the points fall into {city.name} by {crs}: "
            "is the coordinate system right, and the workspace's city?"
        )
    if len(guess.crs) > 1:
        draft.doubts.append(
            f"several systems put the points into {city.name}: {', '.join(guess.crs)}; {crs} was taken"
        )
    draft.doubts.append(
        "are the places exact, moved to a block or snapped to given points? "
        f"There are {guess.points_share:.0%} as many distinct points as rows; "
        f'quality = "{_quality(guess)}" was taken'
    )


def _identity(draft: Draft) -> Table:
    rows = draft.sheet.data.num_rows
    unique = [k for k in draft.looks if k.blank_share == 0 and k.number_share in (0, 1) and not k.reach]
    look = draft.take("id", [k for k in unique if k.distinct >= 0.98 * min(rows, 200_000)])
    if look is None:
        same = int(is_repeated(draft.sheet.data).sum())
        draft.doubts.append(
            f"no column identifies a record, and {same:,} rows equal an earlier one: are they repeats, or "
            'crimes of their own? repeats = "keep" was taken'
        )
        return {"repeats": "keep"}
    if look.distinct < min(rows, 200_000):
        draft.doubts.append(
            f"{look.column!r} repeats in some rows, and all but the first would be rejected (repeats)"
        )
    return {"id": look.column, "repeats": "reject"}


def _people(draft: Draft) -> dict[str, Table]:
    parts: dict[str, Table] = {}
    for part in ("found_by", "weapon", "injury"):
        look = draft.take(part)
        if look is not None:
            parts[part] = _words(draft, part, look)
    age = draft.take("victim_age")
    if age is not None:
        kind = "years" if age.number_share > 0.95 else "band"
        parts["victim_age"] = {"column": age.column, "kind": kind}
        draft.doubts.append(f"is {age.column!r} the age of the victim? It was read as {kind}")
    outcome = draft.take("outcome")
    if outcome is not None:
        parts[""] = {"outcome": outcome.column}
    return parts


def _words(draft: Draft, part: str, look: Look) -> Table:
    """Words that are ours already are filled in; any others are a doubt."""
    ours = {word: word for word in OUR_WORDS[part]} | (YES_AND_NO if part == "injury" else {})
    theirs = dictionary_encode(draft.sheet.data[look.column]).values[:WORDS_SHOWN]
    known = {word: ours[plain_word(word)] for word in theirs if plain_word(word) in ours}
    missing = [word for word in theirs if word not in known]
    if missing or not theirs:
        listed = ", ".join(map(repr, missing)) or "it is empty"
        draft.doubts.append(
            f"what do these words of {look.column!r} say? Write them into [{part}] values: {listed}"
        )
    return {"column": look.column, "values": known}


def _unused(draft: Draft) -> tuple[str, ...]:
    return tuple(f"{k.column}: {', '.join(k.samples)[:60]}" for k in draft.free())
