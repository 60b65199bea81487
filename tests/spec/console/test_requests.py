"""A request is declared once; options, run record, schema and faults all come from the same fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from becalm.console import screen
from becalm.console.command import Session, command, name_options, option_names, requests_below
from becalm.formats.json_text import read_request, request_schema
from becalm.terms import FileName, Parameter, Request, UsageError, build_request, fields_of, request_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(Request):
    """Which cells compete."""

    cell_m: Annotated[float, Parameter("The side of a cell.", unit="metres", low=1, high=5000)] = 150.0
    shape: Annotated[Literal["square", "hexagon"], Parameter("The shape of a cell.")] = "square"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Request):
    """Which places are the busiest?"""

    first: Annotated[date, Parameter("The first day.", name="from")]
    target: Annotated[tuple[str, ...], Parameter("An offence group; repeat it.", short="t")] = ()
    count: Annotated[int, Parameter("How many places.", unit="places", low=1)] = 250
    rules: Annotated[FileName | None, Parameter("The rules, in TOML.", metavar="FILE")] = None
    strict: Annotated[bool, Parameter("Refuse doubtful places.")] = False
    grid: Grid = field(default_factory=Grid)


ASKED = Question(
    first=date(2020, 4, 1), target=("robbery", "knife"), rules=FileName("r.toml"), grid=Grid(cell_m=77.0)
)


def test_every_field_stands_once_with_its_path_through_the_parts():
    assert [f.path for f in fields_of(Question)] == [
        ("first",), ("target",), ("count",), ("rules",), ("strict",), ("grid", "cell_m"), ("grid", "shape"),
    ]  # fmt: skip
    assert fields_of(Question)[-1].choices == ("square", "hexagon")


def test_a_request_is_built_from_flat_values_and_keeps_its_defaults():
    values = {"first": date(2020, 4, 1), "target": ("robbery", "knife"), "rules": "r.toml", "cell_m": 77.0}
    assert build_request(Question, values) == ASKED


def test_what_a_run_record_keeps_is_read_back_as_the_same_request():
    kept = request_values(ASKED)
    assert kept["first"] == "2020-04-01"
    assert kept["grid"] == {"cell_m": 77.0, "shape": "square"}
    assert read_request(Question, kept) == ASKED


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"first": "2020-04-31"}, "first"),
        ({"first": "2020-04-01", "grid": {"shape": "round"}}, "shape"),
        ({"first": "2020-04-01", "colour": "red"}, "colour"),
        ({}, "first"),
    ],
)
def test_a_record_that_fits_no_request_names_the_field(wrong: dict[str, object], where: str):
    with pytest.raises(UsageError) as refused:
        read_request(Question, wrong)
    assert [fault.where for fault in refused.value.faults] == [where]


def test_a_bound_that_is_broken_names_the_field_in_the_part_too():
    for broken, where in (
        (lambda: Grid(cell_m=0.0), "cell_m"),
        (lambda: Question(first=date.min, count=0), "count"),
    ):
        with pytest.raises(UsageError) as refused:
            broken()
        assert [fault.where for fault in refused.value.faults] == [where]


def test_a_bound_refuses_what_is_not_a_number():
    with pytest.raises(UsageError):
        Grid(cell_m=float("nan"))


def test_the_schema_says_type_unit_bounds_default_and_help():
    schema = request_schema(Question)
    assert schema["properties"]["count"] == {
        "default": 250, "description": "How many places.", "minimum": 1, "title": "Count",
        "type": "integer", "x-unit": "places",
    }  # fmt: skip
    assert schema["$defs"]["Grid"]["properties"]["shape"]["enum"] == ["square", "hexagon"]
    assert schema["required"] == ["first"]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.callback()
    def root() -> None:
        """Ask."""

    @command(app, "busiest", Question, has_workspace=False)
    def busiest(session: Session, request: Question) -> None:
        """Which places are the busiest?"""
        if "no" in request.target:
            raise UsageError("`target` no is no group. Give `target robbery`, or leave `count` alone.")
        typer.echo(repr(request))

    return app


def test_a_command_takes_an_option_for_each_field(app: typer.Typer):
    words = [
        "busiest",
        "--from",
        "2020-04-01",
        "-t",
        "robbery",
        "-t",
        "knife",
        "--rules",
        "r.toml",
        "--cell-m",
        "77",
    ]
    result = CliRunner().invoke(app, words)
    assert result.output.strip() == repr(ASKED)


@pytest.mark.parametrize(
    "wrong", [["--count", "0"], ["--shape", "round"], ["--cell-m", "5001"], ["--from", "x"]]
)
def test_what_breaks_a_bound_is_wrong_usage(app: typer.Typer, wrong: list[str]):
    assert CliRunner().invoke(app, ["busiest", "--from", "2020-04-01", *wrong]).exit_code == 2


def test_a_fault_of_a_field_is_told_as_its_option(app: typer.Typer):
    result = CliRunner().invoke(app, ["busiest", "--from", "2020-04-01", "-t", "no"])
    assert str(result.exception) == "--target no is no group. Give --target robbery, or leave --count alone."


def test_texts_speak_of_options_where_they_name_fields_and_nowhere_else():
    names = option_names(fields_of(Question))
    assert name_options("first", names) == "--from"
    assert name_options("give `first 2020-04-01`", names) == "give --from 2020-04-01"
    assert name_options("ask `becalm find hotspots`; the first of many", names) == (
        "ask `becalm find hotspots`; the first of many"
    )


def test_the_request_of_a_command_is_found_by_its_words(app: typer.Typer):
    assert dict(requests_below(typer.main.get_command(app))) == {("busiest",): Question}


def test_a_task_within_a_task_is_a_line_of_the_one_bar(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a console that takes itself for a terminal
    with screen.progress_bar("briefing", total=2, unit="parts") as outer:
        outer(1)
        with screen.progress_bar("hotspots", total=3, unit="steps") as inner:
            inner(3)
            (bar,) = screen._OPEN_BARS
            assert [(task.description, task.completed) for task in bar.tasks] == [
                ("briefing", 1),
                ("hotspots", 3),
            ]
        outer(1)
        assert [(task.description, task.completed) for task in bar.tasks] == [("briefing", 2)]
    assert screen._OPEN_BARS == []
