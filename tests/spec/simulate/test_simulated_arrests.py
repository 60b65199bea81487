"""The simulated force's log of arrests is one that becalm can import."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from simulated import town

from becalm.app.events import EVENT_KINDS
from becalm.record.core.arrests import fold_words
from becalm.record.files.definitions import load_definition
from becalm.record.files.log_file import read_log
from becalm.simulate.records import arrests_table
from becalm.simulate.write_city import write_csv
from becalm.workspace.config import read_city


def test_every_row_of_the_log_is_sound_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "arrests.csv"
    write_csv(arrests_table(town()), path)
    log = read_log(
        path,
        "arrest_made",
        read_city("london").city(),
        kinds=EVENT_KINDS,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert len(log.rows) > 100
    assert [row.occurred_at for row in log.rows] == sorted(row.occurred_at for row in log.rows)
    assert log.ignored_columns == ()


def test_the_shipped_definition_knows_every_activity_of_the_log() -> None:
    rule = load_definition()
    known = {fold_words(word) for word in (*rule.activities, *rule.other_activities)}
    told = set(arrests_table(town())["activity"].to_pylist())
    assert {word for word in told if fold_words(word) not in known} == set()


def test_the_log_is_the_same_whenever_it_is_made() -> None:
    assert arrests_table(town()).equals(arrests_table(town()))
