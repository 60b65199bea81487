"""Runs every case of the folder of awkward files, and prints in one table what came out of each.

`make cases` prints it. The folder lies beside the checkout (`../shared/cases`, or BECALM_SHARED_CASES); each
of its cases is a small file with a question whose right answer is known.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from becalm.app.main import app

ROOT = Path(__file__).resolve().parents[1]
CASES = Path(os.environ.get("BECALM_SHARED_CASES", ROOT.parent / "shared" / "cases"))
DOUBTS = re.compile(r"^doubts = \[.*?^\]\n", re.MULTILINE | re.DOTALL)


class Case:
    """A workspace for one case, and the commands that a person would type there."""

    def __init__(self, folder: Path, files: Path) -> None:
        self.workspace, self.files = folder / "W", files
        self.call("init", str(self.workspace), "--city", "london", has_workspace=False)

    def call(self, *words: str, has_workspace: bool = True) -> tuple[int, str]:
        """Run a command; its exit code and all that it printed."""
        place = ["--workspace", str(self.workspace)] if has_workspace else []
        result = CliRunner().invoke(app, [*words, *place], env={"COLUMNS": "200"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return 1, f"Traceback: {result.exception!r}"
        return result.exit_code, result.output

    def answer(self, *words: str) -> Any:
        """The JSON that a command prints; its text where it failed."""
        code, output = self.call(*words, "--format", "json")
        return json.loads(output[output.index("{") :]) if code == 0 else f"exit {code}: {output.strip()}"

    def propose(self, name: str) -> tuple[str, list[str]]:
        """The proposed mapping, and its doubts."""
        proposal = self.answer("ingest", "map", str(self.files / name), "--name", "m")
        if isinstance(proposal, str):
            return proposal, []
        return Path(proposal["mapping"]).read_text("utf-8"), proposal["doubts"]

    def settle(self, **changes: str) -> None:
        """Remove the doubts, with these entries of the mapping written anew."""
        path = self.workspace / "mappings" / "m.toml"
        text = DOUBTS.sub("", path.read_text("utf-8"))
        for entry, value in changes.items():
            text = re.sub(rf"^{entry} = .*$", f"{entry} = {value}", text, flags=re.MULTILINE)
        path.write_text(text, "utf-8")

    def load(self, name: str, *options: str) -> Any:
        """What became of the file."""
        return self.answer("ingest", str(self.files / name), *options)

    def prepare(self, name: str, *options: str, **changes: str) -> Any:
        """Map, settle and load."""
        self.propose(name)
        self.settle(**changes)
        return self.load(name, *options)

    def reasons(self) -> dict[str, int]:
        """How many rows were rejected or repaired, by reason."""
        counts = self.answer("ingest", "rejects")["counts"]
        return {count["reason"]: count["rows"] for count in counts}


Outcome = tuple[bool, str]


def _figures(report: Any) -> str:
    if isinstance(report, str):
        return report
    file = report["files"][0]
    faults = f"{file['repaired']} repaired, {file['rejected']} rejected"
    return f"{file['loaded']} of {file['rows']} rows loaded, {faults}"


def _loaded(report: Any) -> int:
    return 0 if isinstance(report, str) else sum(file["loaded"] for file in report["files"])


def _is_refusal(report: Any) -> bool:
    return isinstance(report, str) and "->" in report and "Traceback" not in report


def _judge_rows_of_another_force(case: Case) -> Outcome:
    report = case.load("2020-04-metropolitan-street.csv")
    return _is_refusal(report) and "another force" in report, report if isinstance(report, str) else _figures(
        report
    )


def _judge_dashboard(case: Case) -> Outcome:
    reports = [case.load(path.name) for path in sorted(case.files.iterdir())]
    is_read = [not isinstance(r, str) and r["files"][0]["table"] == "published_counts" for r in reports]
    return all(is_read), "; ".join(map(_figures, reports))


def _judge_future_typo(case: Case) -> Outcome:
    report = case.prepare("crimes.csv")
    reasons = case.reasons()
    rejected = sum(rows for reason, rows in reasons.items() if "later than the as-of date" in reason)
    question = ("--period", "last 4 weeks", "--baseline", "2020-03")
    code, output = case.call("measure", "compare", *question)
    return rejected == 1 and "Traceback" not in output, f"{_figures(report)}; compare ends with {code}"


def _judge_future_by_months(case: Case) -> Outcome:
    case.prepare("crimes.csv")
    answer = case.answer("find", "hotspots", "--count", "5", "--cell-m", "250", "--seed", "1")
    if isinstance(answer, str):
        return False, answer
    expected = answer["features"][0]["properties"]["expected"]
    return 1.2 <= expected <= 1.62, f"{case.reasons()}; {expected:.2f} expected at rank 1"


def _judge_placeholder(case: Case) -> Outcome:
    report = case.prepare("crimes.csv")
    return case.reasons().get("is a placeholder for an unknown day") == 5, _figures(report)


def _judge_mapped_columns(count: int) -> Callable[[Case], Outcome]:
    def check(case: Case) -> Outcome:
        (name,) = [path.name for path in case.files.iterdir()]
        text, _ = case.propose(name)
        columns = re.search(r"columns_exactly = \[(.*?)\]", text, re.DOTALL)
        found = len(re.findall(r'"[^"]*"', columns[1])) if columns else 0
        case.settle()
        report = case.load(name)
        return found == count and _loaded(report) > 0, f"{found} columns; {_figures(report)}"

    return check


def _judge_minutes(count: int, **changes: str) -> Callable[[Case], Outcome]:
    def check(case: Case) -> Outcome:
        (name,) = [path.name for path in case.files.iterdir()]
        text, _ = case.propose(name)
        case.settle(**changes)
        report = case.load(name, "--allow-outside")
        is_right = 'precision = "minute"' in text and _loaded(report) == count
        return is_right, _figures(report)

    return check


def _judge_single_offence(case: Case) -> Outcome:
    text, _ = case.propose("robbery.csv")
    return 'columns = ["Offence"]' in text, "Offence is proposed as the offence" if text else text


def _judge_victims_and_offenders(case: Case) -> Outcome:
    text, doubts = case.propose("shootings.csv")
    case.settle()
    refusal = case.load("shootings.csv")
    report = case.load("shootings.csv", "--allow-outside")
    is_doubted = any("offender_injured" in doubt for doubt in doubts)
    is_right = is_doubted and _is_refusal(refusal) and _loaded(report) == 60 and "always" in text
    return is_right, f"another city's: refused unless said; {_figures(report)}; offender_injured is a doubt"


def _judge_counts_in_rows(case: Case) -> Outcome:
    text, doubts = case.propose("area_counts.csv")
    case.settle()
    report = case.load("area_counts.csv")
    is_right = 'month = ["year", "month"]' in text and any("crime_count" in doubt for doubt in doubts)
    return is_right and _loaded(report) == 108, f"{_figures(report)}, as published counts"


def _judge_perpetrator(case: Case) -> Outcome:
    text, _ = case.propose("shootings.csv")
    needed = ('column = "VIC_AGE_GROUP"', 'x = "Longitude"', 'borough = "BORO"', '["%m/%d/%y %H:%M:%S"]')
    lacking = [entry for entry in needed if entry not in text]
    return (
        not lacking,
        f"lacks {', '.join(lacking)}" if lacking else "victim's age, degrees, BORO and time are seen",
    )


def _judge_merged_forces(case: Case) -> Outcome:
    report = case.load("all_london_2020.csv")
    if isinstance(report, str):
        return False, report
    file = report["files"][0]
    return file["loaded"] == 90 and ", " in file["source"], f"{_figures(report)}: {file['source']}"


def _notes(answer: Any) -> str:
    """What the answer warns of."""
    return " ".join(str(note) for key in ("warnings", "notes", "doubts") for note in answer.get(key, ()))[
        :200
    ]


def _share_p_top(answer: Any) -> bool:
    """Eight equal places: each is among the top five with a chance of about 5/8."""
    chances = [feature["properties"]["p_top"] for feature in answer["features"]]
    return all(0.45 < chance < 0.8 for chance in chances)


def _near_truth(answer: Any) -> bool:
    """Each of the eight places expects 11.4 a month."""
    expected = [feature["properties"]["expected"] for feature in answer["features"]]
    return len(expected) == 8 and all(9 < value < 14 for value in expected)


def _leaves_strays(answer: Any) -> bool:
    """The two strays are no part of the ground, and that is said."""
    return "stray" in json.dumps(answer) or "left out" in json.dumps(answer)


def _judge_hotspots(count: int, *, is_right: Callable[[Any], bool]) -> Callable[[Case], Outcome]:
    def check(case: Case) -> Outcome:
        (name,) = [path.name for path in case.files.iterdir()]
        case.prepare(name)
        answer = case.answer("find", "hotspots", "--cell-m", "100", "--count", str(count), "--seed", "1")
        if isinstance(answer, str):
            return False, answer
        places = [feature["properties"] for feature in answer["features"]]
        shown = [f"{place['expected']:.1f} (P {place['p_top']:.2f})" for place in places[:3]]
        return is_right(answer), f"{len(places)} places: {', '.join(shown)} ...; {_notes(answer)}"

    return check


def _judge_financial_year(case: Case) -> Outcome:
    case.prepare("crimes.csv")
    code, output = case.call("measure", "compare", "--period", "2020-04-01..2021-03-31", "--baseline", "2019")
    return "Traceback" not in output and code in (0, 2, 5), output.strip()[:200]


def _judge_moved_records(case: Case) -> Outcome:
    case.prepare("march.csv", "--as-of", "2020-04-01")
    report = case.load("april.csv", "--as-of", "2020-05-01")
    notes = " ".join(report["notes"]) if not isinstance(report, str) else report
    return "10 records stand in two months" in notes, notes


def _judge_trailing_blank(case: Case) -> Outcome:
    code, _ = case.call("ingest", "map", str(case.files / "crimes.xlsx"))
    path = case.workspace / "mappings" / "crimes.toml"
    path.write_text(DOUBTS.sub("", path.read_text("utf-8")), "utf-8")
    report = case.load("crimes.xlsx")
    return code == 0 and _loaded(report) > 0, _figures(report)


def _judge_swapped_days(case: Case) -> Outcome:
    _, doubts = case.propose("crimes.xlsx")
    case.settle()
    report = case.load("crimes.xlsx")
    return _is_refusal(report) and any(
        "swapped" in doubt for doubt in doubts
    ), "doubted at map, refused at load"


@dataclass(frozen=True, slots=True)
class Question:
    """A case's folder, what is asked, and how its outcome is judged."""

    folder: str
    asked: str
    judge: Callable[[Case], Outcome]


QUESTIONS = (
    Question("a2_rows_of_another_force", "ingest", _judge_rows_of_another_force),
    Question("b1_dashboard", "ingest, as published now", _judge_dashboard),
    Question("c1_future_typo", "prepare; compare", _judge_future_typo),
    Question("c19_future_by_months", "prepare; hotspots", _judge_future_by_months),
    Question("c2_placeholder_1900", "prepare", _judge_placeholder),
    Question("c3_header_newline", "map", _judge_mapped_columns(7)),
    Question("c9_12h", "prepare", _judge_minutes(200)),
    Question("c10_2400", "prepare", _judge_minutes(200)),
    Question("c11_date_time_columns", "prepare", _judge_minutes(200)),
    Question("c16_pandas_index_csv", "map", _judge_mapped_columns(7)),
    Question("c17_trailing_comma", "map", _judge_mapped_columns(7)),
    Question("c20_single_offence", "map", _judge_single_offence),
    Question("d1_victims_and_offenders", "prepare", _judge_victims_and_offenders),
    Question("d2_counts_in_rows", "prepare", _judge_counts_in_rows),
    Question("d3_perpetrator_before_victim", "map", _judge_perpetrator),
    Question("f1_geojson", "prepare", _judge_minutes(5)),
    Question("f8_police_uk_merged", "ingest", _judge_merged_forces),
    Question(
        "g1_stray_points",
        "hotspots",
        _judge_hotspots(20, is_right=_leaves_strays),
    ),
    Question(
        "g3_precinct_points",
        "hotspots",
        _judge_hotspots(5, is_right=_share_p_top),
    ),
    Question(
        "h_equal_8pts_800_2",
        "hotspots",
        _judge_hotspots(8, is_right=_near_truth),
    ),
    Question("m1_constant_daily", "compare", _judge_financial_year),
    Question("p3_geoparquet_wkb", "prepare", _judge_minutes(120)),
    Question("s1_corrected_into_next_month", "both files", _judge_moved_records),
    Question("x1_title_rows", "map", _judge_mapped_columns(7)),
    Question("x5_us_excel_swapped_days", "prepare", _judge_swapped_days),
    Question("x11_trailing_blank_column", "map, then the next command", _judge_trailing_blank),
    Question("x13_typed_no_midnight", "map", _judge_minutes(59)),
    Question("x14_typed_one_midnight", "map", _judge_minutes(60)),
)


def main(names: Sequence[str]) -> int:
    """Run the cases (those whose folder begins with one of these names) and print the table."""
    if not CASES.is_dir():
        sys.stdout.write(f"The cases are not here ({CASES}); set BECALM_SHARED_CASES to their folder.\n")
        return 0
    table = Table("case", "asked", "right", "outcome", box=None)
    wrong = 0
    for question in QUESTIONS:
        if names and not question.folder.startswith(tuple(names)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            is_right, outcome = question.judge(Case(Path(folder), CASES / question.folder))
        wrong += not is_right
        table.add_row(
            question.folder, question.asked, "yes" if is_right else "NO", " ".join(outcome.split())[:300]
        )
    untold = sorted({path.name for path in CASES.iterdir() if path.is_dir()} - {q.folder for q in QUESTIONS})
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    console.print(f"{wrong} not right" + (f"; not asked: {', '.join(untold)}" if untold else ""))
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
