"""The figures of the house stay within what was agreed (decision 0006); `make house` prints them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def measure(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_figures", root / "tools" / "house.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


MODULES = (
    732  # agreed: 340, for the first four jobs; the other four, the pages and their forms brought the rest
)
LINES = (
    123_000  # agreed for the first four jobs: 48,000; decision 0006 says what is missing and what came since
)
IMPORT_SHARE = 0.071  # agreed: 0.060, which the jobs of then keep; the five new ones and the pages bring more


def test_files_are_few_and_full(measure: ModuleType) -> None:
    house = measure.read_house()
    lines = [file.lines for file in house.modules]
    assert len(lines) <= MODULES
    assert sum(lines) <= LINES
    assert measure.percentile(lines, 0.9) <= 350
    assert house.import_share <= IMPORT_SHARE


def test_functions_are_short(measure: ModuleType) -> None:
    house = measure.read_house()
    assert measure.percentile([length for length, _ in house.functions], 0.9) <= 25
    assert house.long_share <= 0.01


@pytest.mark.parametrize("folder", ["methods", "patrol/core", "ledger/store"])
def test_where_a_reader_asks_why_a_comment_says_why(measure: ModuleType, folder: str) -> None:
    assert measure.read_house().comment_share(folder) >= 0.02


def test_only_doors_name_options(measure: ModuleType) -> None:
    assert measure.options_below_console(measure.read_house()) == []


def test_no_desk_computes_with_arrays(measure: ModuleType) -> None:
    assert measure.numpy_at_desks(measure.read_house()) == []


def planted(measure: ModuleType, path: str, text: str) -> object:
    return measure.House((measure.File(path, text, ast.parse(text)),))


def test_planted_faults_are_seen(measure: ModuleType) -> None:
    option = planted(measure, "find/core/list_rules.py", 'raise UsageError("Give it with --reason.")\n')
    assert len(measure.options_below_console(option)) == 1
    assert measure.options_below_console(planted(measure, "find/cli/rules.py", 'x = "--reason"\n')) == []
    assert measure.numpy_at_desks(planted(measure, "find/desk/list_rules.py", "import numpy as np\n"))
    assert measure.numpy_at_desks(planted(measure, "measure/desk.py", "from numpy import array\n"))
    counted = planted(measure, "methods/a.py", "import a\n\nx = 1  # why\ny = 2\n")
    assert counted.import_share == counted.comment_share("methods") == 0.25
