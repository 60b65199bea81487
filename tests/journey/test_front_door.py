"""The same options mean the same everywhere, and what is written wrongly gets advice that works."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import town
import typer
from typer.testing import CliRunner

import becalm as package
from becalm import __version__
from becalm.app.main import app
from becalm.console.command import requests_below
from becalm.terms import UsageError, WorkspaceError, fields_of


def becalm(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("option", ["--version", "-v"])
def test_the_version_is_printed(option: str) -> None:
    assert becalm(option) == f"becalm {__version__}\n"


def test_every_command_explains_itself_with_h_and_is_quiet_with_q() -> None:
    root = typer.main.get_command(app)
    for words, _ in requests_below(root):
        assert "--quiet" in becalm(*words, "-h"), words


def test_the_help_of_the_root_names_all_that_is_built() -> None:
    shown = becalm("-h")
    for name in typer.main.get_command(app).commands:
        assert f"│ {name} " in shown, name


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("becalm fin", "find"),
        ("becalm find hotspots --place-k", "--place-kind"),
        ("becalm run --by w", "weapon"),
    ],
)
def test_a_shell_completes_commands_options_and_choices(typed: str, completed: str) -> None:
    position = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    program = Path(sys.executable).parent / "becalm"
    done = subprocess.run(
        [program],
        env={**os.environ, "_BECALM_COMPLETE": "complete_bash", **position},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed in done.stdout.split()


def test_an_option_is_one_thing_everywhere() -> None:
    """Whoever learns an option in one command knows it in all: one type, and one letter."""
    kinds: dict[str, set[object]] = {}
    letters: dict[str, set[str]] = {}
    for words, request in requests_below(typer.main.get_command(app)):
        for field in fields_of(request):
            kinds.setdefault(field.name, set()).add((field.kind, field.is_many))
            if field.parameter.short:
                letters.setdefault(field.parameter.short, set()).add(field.name)
        reads_the_archive = {"target", "offence_group"} & {field.name for field in fields_of(request)}
        if reads_the_archive:
            assert "source" in {field.name for field in fields_of(request)}, words
    assert {letter: names for letter, names in letters.items() if len(names) > 1} == {}
    assert not {"w", "f", "q", "o", "h", "v"} & letters.keys()
    for name in ("source", "as_of", "seed", "level", "target", "count", "cell_m", "purpose"):
        assert len(kinds[name]) == 1, name


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("front door")
    workspace = town.workspace_of(town.simulate(folder / "town"), folder / "city")
    shutil.copy(folder / "town" / "units.toml", workspace)
    return workspace


def test_a_comparison_without_a_period_is_that_of_the_newest_whole_month(loaded: Path) -> None:
    newest = becalm("measure", "compare", "-w", loaded)
    assert "in May 2020" in newest
    assert newest == becalm("measure", "compare", "-w", loaded, "--period", "2020-05")


def test_a_list_may_be_of_some_days_alone(loaded: Path) -> None:
    options = ("-w", loaded, "-t", "robbery", "--count", "10", "--seed", "1", "--format", "json")
    friday, all_days = (
        becalm("find", "hotspots", *options, "--when", when) for when in ("Fri 18-24", "18-24")
    )
    assert '"Fri 18-24"' in friday
    assert friday != all_days
    said = becalm("find", "hotspots", *options, "--when", "Fryday 18-24", code=2)
    assert "'Fryday' is not a weekday. Write day (07-19), night (19-07), 22-04, or with weekdays" in said


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (
            ("find", "hotspots", "--target", "knife"),
            "'knife' is a weapon, not an offence group. `becalm measure compare` compares weapons with --by "
            "weapon.",
        ),
        (("find", "hotspots", "--target", "robery"), "Did you mean 'robbery'?"),
        (("measure", "compare", "--offence-group", "gun"), "compares weapons with --by weapon"),
        (("measure", "compare", "--source", "simulated_cty"), "Did you mean 'simulated_city'?"),
        (
            ("find", "split", "150m_1_1", "--halves", "north-south", "--reason", "a test"),
            "No place that competes is called",
        ),
        (("patrol", "capacity", "--from", "2020-05-04", "--area", "Ahs"), "Did you mean 'Ash'?"),
    ],
)
def test_a_word_that_is_not_known_is_answered_with_one_that_is(
    loaded: Path, words: tuple[str, ...], advice: str
) -> None:
    said = CliRunner().invoke(app, [*words, "-w", str(loaded)])
    assert said.exit_code == 2, said.output
    assert advice in said.output


def advice_of(folder: Path) -> str:
    return becalm("measure", "compare", "-w", folder, code=3)


def test_advice_about_a_folder_that_is_no_workspace_works(tmp_path: Path) -> None:
    (tmp_path / "occupied" / "archive").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty", "occupied", "two words"):
        said = advice_of(tmp_path / name)
        command = said.split("`")[1]
        assert becalm(*shlex.split(command)[1:]).startswith("Made a workspace")


def test_a_workspace_close_by_is_named(tmp_path: Path) -> None:
    becalm("init", tmp_path / "city")
    (tmp_path / "city" / "briefing").mkdir()
    near = f"Did you mean {tmp_path / 'city'}? Name it with --workspace."
    assert near in advice_of(tmp_path)
    assert near in advice_of(tmp_path / "city" / "briefing")
    (tmp_path / "page.html").write_text("", "utf-8")
    assert "it is a file. Name the folder that holds its becalm.toml with --workspace." in advice_of(
        tmp_path / "page.html"
    )


def test_a_workspace_answers_a_notebook_as_it_answers_the_commands(loaded: Path) -> None:
    workspace = package.open(loaded)
    listed = workspace.hotspots(target="robbery", count=5, seed=1)
    options = ("-w", loaded, "-t", "robbery", "--count", "5", "--seed", "1", "--format", "json")
    shown = json.loads(becalm("find", "hotspots", *options))
    assert json.loads(listed.to_geojson())["features"] == shown["features"]
    compared = workspace.compare(by="borough", period="2020-04")
    options = ("-w", loaded, "--by", "borough", "--period", "2020-04", "--format", "json")
    told = json.loads(becalm("measure", "compare", *options))
    assert compared.as_record() == {name: value for name, value in told.items() if name != "headline"}
    assert "separation_m" in inspect.signature(workspace.hotspots).parameters
    with pytest.raises(UsageError, match=r"hotspots has no parameter 'cout'\. Did you mean 'count'\?"):
        workspace.hotspots(cout=5)
    with pytest.raises(WorkspaceError, match="Name it with workspace="):
        package.open(loaded / "nowhere" / "at all")
