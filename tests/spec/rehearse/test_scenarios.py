"""Scenarios are read from TOML; a law that nobody knows is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from becalm.rehearse.scenario import read_scenario, shipped_scenarios
from becalm.terms import InputError


@pytest.mark.parametrize("name", shipped_scenarios())
def test_each_shipped_scenario_can_be_read(name: str) -> None:
    assert read_scenario(name).title


def test_the_shipped_scenarios_are_those_that_the_manual_names() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "explanation" / "rehearsal.md").read_text("utf-8")
    assert [name for name in shipped_scenarios() if f"`{name}`" not in page] == []


def test_an_unknown_law_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('title = "Own"\nnote = "A slip."\n\n[patrol]\nefect = 0.5\n', "utf-8")
    with pytest.raises(InputError) as refused:
        read_scenario(str(file))
    assert "patrol.efect" in str(refused.value)
    assert "effect" in str(refused.value)


def test_a_share_above_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('title = "Own"\nnote = "Too much."\n\n[patrol]\neffect = 1.5\n', "utf-8")
    with pytest.raises(InputError, match=r"patrol\.effect"):
        read_scenario(str(file))


def test_a_scenario_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(InputError, match="did you mean"):
        read_scenario("nothing_work")
