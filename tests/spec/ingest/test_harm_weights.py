from __future__ import annotations

from pathlib import Path

import pytest

from becalm.find.files.harm_tables import load_harm_index
from becalm.terms import Harm, QuestionError, WorkspaceError

OTHER = """
key = "css"
edition = "2016"
unit = "days"
author = "the analyst"
reviewed_on = 2026-01-31
origin = "an earlier edition"

[[weights]]
code = "34B"
label = "Robbery of personal property"
weight = 746.5
"""


@pytest.mark.parametrize(
    ("code", "weight"),
    [
        ("1", 7973.4),
        ("4.10", 7973.4),
        ("2", 4654.3),
        ("5D", 2034.7),
        ("8N", 189.2),
        ("34B", 799.6),
        ("34A", 799.6),
    ],
)
def test_the_2020_edition_holds_its_published_weights(code: str, weight: float) -> None:
    assert load_harm_index("css", "2020").harm(code).value == weight


def test_exactly_the_listed_classes_are_weighed() -> None:
    index = load_harm_index("css", "2020")
    assert len(index.weights) == 34
    assert round(sum(w.weight for w in index.weights), 1) == 57689.6


def test_many_offences_weigh_so_much_more() -> None:
    assert load_harm_index("css", "2020").harm("39", 3).value == pytest.approx(241.2)


def test_two_editions_are_never_added(tmp_path: Path) -> None:
    (tmp_path / "css_2016.toml").write_text(OTHER)
    old, new = (
        load_harm_index("css", "2016", own_folder=tmp_path),
        load_harm_index("css", "2020", own_folder=tmp_path),
    )
    with pytest.raises(QuestionError, match="cannot be added"):
        old.harm("34B") + new.harm("34B")
    assert (new.harm("34B") + new.harm("39")).value == pytest.approx(880.0)


def test_two_indices_are_never_added() -> None:
    with pytest.raises(QuestionError, match="one index in one edition"):
        Harm(365, "cchi", "2026") + Harm(799.6, "css", "2020")


def test_no_edition_stands_in_for_another() -> None:
    with pytest.raises(QuestionError, match="there are: css 2020"):
        load_harm_index("css", "2021")


def test_a_class_without_weight_is_not_guessed() -> None:
    with pytest.raises(QuestionError, match="no weight for class '999'"):
        load_harm_index("css", "2020").harm("999")


def test_a_class_weighed_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(OTHER + OTHER[OTHER.index("[[weights]]") :])
    with pytest.raises(WorkspaceError, match="weighed twice: 34B"):
        load_harm_index("css", "2016", own_folder=tmp_path)
