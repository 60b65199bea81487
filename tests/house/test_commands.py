"""Every command explains itself, takes the options that all take, and starts without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import Command, every_command
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.terms import errors

HEAVY = {
    "numpy",
    "pandas",
    "ibis",
    "duckdb",
    "pyarrow",
    "scipy",
    "shapely",
    "geopandas",
    "pyproj",
    "jinja2",
}
WITHOUT_A_WORKSPACE = {
    "becalm schema",
    "becalm rehearse",  # its workspace lies in the year's own folder
    "becalm simulate",
    "becalm record witness",  # it runs on an overseer's machine, where no workspace is
}
COMMANDS = every_command()


def identify(command: Command) -> str:
    return command.name


def option_names(command: Command) -> set[str]:
    return {name for parameter in command.parameters for name in parameter.opts}


@pytest.mark.parametrize("command", COMMANDS, ids=identify)
def test_a_command_and_each_of_its_options_has_help(command: Command) -> None:
    assert command.help.strip(), f"{command.name} has no help"
    silent = [
        p.name for p in command.parameters if p.name != "help" and not (getattr(p, "help", "") or "").strip()
    ]
    assert silent == []


@pytest.mark.parametrize("command", COMMANDS, ids=identify)
def test_a_command_prints_its_help_and_ends_well(command: Command) -> None:
    result = CliRunner().invoke(app, [*command.words, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=identify)
def test_a_command_takes_the_options_that_all_take(command: Command) -> None:
    expected = {"--format"} if command.name in WITHOUT_A_WORKSPACE else {"--format", "--workspace"}
    assert expected - option_names(command) == set()


@pytest.mark.parametrize("command", COMMANDS, ids=identify)
def test_an_option_that_does_not_exist_is_wrong_usage(command: Command) -> None:
    assert CliRunner().invoke(app, [*command.words, "--no-such-option"]).exit_code == 2


def test_asking_for_help_loads_none_of_the_heavy_libraries() -> None:
    asked = [[], *([*command.words] for command in COMMANDS)]
    script = (
        "import sys\n"
        "from becalm.app.main import app\n"
        f"for words in {asked!r}:\n"
        "    try: app([*words, '--help'])\n"
        "    except SystemExit: pass\n"
        f"print('loaded:', sorted(set(sys.modules) & {HEAVY!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_without_a_command_the_program_shows_what_there_is() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "Commands" in result.output


def test_each_kind_of_failure_has_an_exit_code_of_its_own_and_the_tree_names_them_all() -> None:
    codes = [kind.exit_code for kind in errors.ERROR_KINDS]
    assert len(set(codes)) == len(codes)
    assert not {0, 1} & set(codes)
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    assert [line.split()[1] for line in drawn] == [kind.__name__ for kind in errors.ERROR_KINDS]
    assert [int(line.split()[2]) for line in drawn] == codes


def test_a_folder_that_is_no_workspace_ends_with_its_exit_code_and_no_traceback(tmp_path: Path) -> None:
    becalm = Path(sys.executable).with_name("becalm")
    asking = [c for c in COMMANDS if "--workspace" in option_names(c) and c.words != ("init",)]
    words = next(c.words for c in asking if not required_arguments(c))
    done = subprocess.run(
        [becalm, *words, "--workspace", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == errors.WorkspaceError.exit_code, done.stderr
    assert "becalm init" in done.stderr
    assert "Traceback" not in done.stderr


def required_arguments(command: Command) -> list[str]:
    return [parameter.name for parameter in command.parameters if parameter.required]


# An option that several jobs have, and the one thing that it means in all of them.
ONE_MEANING = {
    "--unit": {"patrol", "staff"},  # a patrol unit
    "--by": {"run", "measure", "evaluate", "sustain", "divert funnel"},  # what is counted group by group
    "--since": {"record"},  # the first day
    "--until": {"record", "find override", "sustain", "staff"},  # the last day or week, included
}


@pytest.mark.parametrize("option", ONE_MEANING)
def test_an_option_means_the_same_in_every_command(option: str) -> None:
    takers = [command.name.removeprefix("becalm ") for command in COMMANDS if option in option_names(command)]
    assert takers
    assert [name for name in takers if not name.startswith(tuple(ONE_MEANING[option]))] == []


def test_an_option_is_taken_under_its_former_name_and_says_what_it_is_called_now(tmp_path: Path) -> None:
    words = ["find", "hotspots", "--unit=hexagon", "--since", "2020-01", "--workspace", str(tmp_path)]
    result = CliRunner().invoke(app, words)
    assert "Note: --unit is called --place-kind now; the old name works until 0.2." in result.stderr
    assert "Note: --since is called --first-month now" in result.stderr
    assert "No such option" not in result.output


def test_a_word_that_an_option_does_not_take_is_answered_in_our_words(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["run", "--by", "x", "--workspace", str(tmp_path)])
    assert result.exit_code == 2
    assert "Invalid value for '--by': 'x' is not one of" in " ".join(result.output.split())
