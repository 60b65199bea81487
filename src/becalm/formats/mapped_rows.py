"""Rows of a csv or a workbook under our names of columns, whatever the file calls them; faults by row."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from becalm.formats.cells import dictionary_encode
from becalm.formats.sheet import InputFile
from becalm.formats.table_reader import read_sheet
from becalm.terms import Fault, InputError, suggest_word


@dataclass
class Rows:
    """The rows of one file as texts by column, with where each stands."""

    name: str
    lines: Sequence[int]
    columns: Mapping[str, Sequence[str]]
    faults: list[Fault] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def refuse(self, row: int, problem: str, remedy: str) -> None:
        """Note a fault of this row."""
        self.faults.append(Fault(f"{self.name}, row {self.lines[row]}", problem, remedy))

    def text(self, column: str, row: int) -> str:
        """One cell; empty where the file has no such column."""
        return self.columns[column][row] if column in self.columns else ""

    def parse(self, column: str, row: int, parse: Callable[[str], object], kind: str) -> object | None:
        """One cell as a value; a fault and None where it is none."""
        try:
            return parse(self.text(column, row))
        except ValueError:
            self.refuse(row, f"{column} {self.text(column, row)!r} is no {kind}", f"write a {kind}")
            return None


def read_mapping(path: Path | None, file_stems: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Under which name each of our columns stands in each file: [stem] with `our_name = "their name"`.

    Raises InputError where it cannot be read, or names another file.
    """
    if path is None:
        return {}
    try:
        mapping = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The mapping {path} cannot be read: {error}. Name a TOML file.") from error
    unknown_names = sorted(set(mapping) - set(file_stems))
    if unknown_names:
        raise InputError(
            f"The mapping {path.name} has no use for {unknown_names[0]!r}. Write [{'], ['.join(file_stems)}]."
        )
    return mapping


def read_rows(path: Path, needed_columns: Sequence[str], names: Mapping[str, str] | None = None) -> Rows:
    """The rows of a csv or xlsx; `names` gives the file's own name of a column of ours.

    Raises InputError where the file cannot be read or lacks a column.
    """
    sheet = read_sheet(InputFile(path.name, path, "", date.min))
    our_names = {theirs: ours for ours, theirs in (names or {}).items()}
    columns: dict[str, Sequence[str]] = {}
    for name in sheet.columns:
        words = dictionary_encode(sheet.data[name])
        word_of_code = [*words.values, ""]
        columns[our_names.get(name, name)] = [word_of_code[code] for code in words.codes.tolist()]
    rows = Rows(path.name, sheet.lines.tolist(), columns)
    rows.faults += [Fault(f"{path.name}, row {b.row}", b.reason, b.remedy) for b in sheet.broken_rows]
    missing_columns = [name for name in needed_columns if name not in columns]
    if missing_columns:
        faults = [
            Fault(
                path.name,
                f"has no column {name!r}",
                suggest_word(name, sheet.columns) + " Or name it in the mapping",
            )
            for name in missing_columns
        ]
        raise InputError(f"{path.name} cannot be read", tuple(faults))
    return rows
