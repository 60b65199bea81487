"""The key figures: what counts as each, against a count by hand; what records cannot give is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from police_files import make_workspace
from street_archive import keep_incidents

from becalm.app.main import open_desk
from becalm.measure.core.key_figures import KeyFigureReport, young_bands
from becalm.measure.core.request import KeyFiguresRequest
from becalm.measure.desk import compare_key_figures
from becalm.terms import InputError, UsageError

MONTHS = (*(f"{year}-{month:02}" for year in (2018, 2019) for month in range(1, 13)), "2020-01")
GROUPS, WEAPONS = ("violence_with_injury", "robbery", "drug_offences"), ("knife", "gun", "none", "unknown")
BANDS = ("10-17", "18-24", "25-34", None)


def draw_rows(seed: int) -> list[dict[str, object]]:
    """Offences of every kind; what the police found is among them."""
    rng = np.random.default_rng(seed)
    return [
        {
            "month": month,
            "offence_group": str(rng.choice(GROUPS)),
            "weapon": str(rng.choice(WEAPONS)),
            "injury": bool(rng.integers(2)),
            "victim_age_band": BANDS[rng.integers(len(BANDS))],
            "found_by": str(rng.choice(["victim", "police"], p=[0.8, 0.2])),
        }
        for month in MONTHS
        for _ in range(rng.poisson(60))
    ]


def count_by_hand(rows: list[dict[str, object]], month: str) -> dict[str, int]:
    """The same figures, offence by offence."""
    held = [row for row in rows if row["month"] == month and row["found_by"] != "police"]
    knife = [row for row in held if row["weapon"] == "knife"]
    return {
        "violence_with_injury": sum(row["offence_group"] == "violence_with_injury" for row in held),
        "robbery": sum(row["offence_group"] == "robbery" for row in held),
        "knife": len(knife),
        "gun": sum(row["weapon"] == "gun" for row in held),
        "young_injured_with_knife": sum(
            bool(row["injury"]) and row["victim_age_band"] in ("10-17", "18-24") for row in knife
        ),
    }


def ask(workspace: Path, **words: object) -> KeyFigureReport:
    request = KeyFiguresRequest(period="2020-01", baseline=("2019-01",), **words)
    return compare_key_figures(open_desk(workspace), request)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "city")


@pytest.mark.parametrize("seed", [1, 2])
def test_each_figure_is_what_a_count_by_hand_gives(workspace: Path, seed: int) -> None:
    rows = draw_rows(seed)
    keep_incidents(workspace, "drawn", rows, MONTHS)
    report = ask(workspace)
    assert report.left_out == ()
    now, before = count_by_hand(rows, "2020-01"), count_by_hand(rows, "2019-01")
    assert {figure.key: figure.row.new for figure in report.figures} == now
    assert {figure.key: figure.row.old for figure in report.figures} == before
    for figure in report.figures:
        assert [month.count for month in figure.months] == [
            count_by_hand(rows, month)[figure.key] for month in MONTHS[-24:]
        ]
        assert [month.low is not None for month in figure.months] == [False] * 12 + [True] * 12
        assert figure.months[-1].start == date(2020, 1, 1)


def test_what_the_records_do_not_say_is_left_out_with_the_reason(workspace: Path) -> None:
    plain = [{**row, "weapon": "unknown", "injury": None, "victim_age_band": None} for row in draw_rows(3)]
    keep_incidents(workspace, "drawn", plain, MONTHS)
    report = ask(workspace)
    assert [figure.key for figure in report.figures] == ["violence_with_injury", "robbery"]
    reasons = dict(report.left_out)
    assert reasons["Offences with a knife"] == "the records do not say which weapon was used"
    assert set(reasons) == {
        "Offences with a knife",
        "Offences with a gun",
        "People under 25 injured with a knife",
    }


def test_a_workspace_has_figures_of_its_own_and_faults_come_together(workspace: Path) -> None:
    keep_incidents(workspace, "drawn", draw_rows(4), MONTHS)
    own = workspace / "key_figures.toml"
    head = 'key = "ours"\nversion = "3"\nauthor = "a"\nreviewed_on = 2026-01-01\norigin = "b"\n'
    own.write_text(f'{head}[[figures]]\nkey = "all"\nlabel = "Everything"\n', "utf-8")
    report = ask(workspace)
    assert (report.table.key, report.table.version) == ("ours", "3")
    assert [figure.label for figure in report.figures] == ["Everything"]
    own.write_text(f"{head}[[figures]]\nkey = 3\ncolour = 1\n", "utf-8")
    with pytest.raises(InputError) as caught:
        ask(workspace)
    assert len(caught.value.faults) == 3  # a key that is no text, a label that is missing, an unknown entry


def test_a_band_is_young_only_if_all_of_it_is() -> None:
    bands = frozenset({"0-9", "18-24", "20-29", "under 18", "65+", "unknown", "24"})
    assert young_bands(bands, 25) == ("0-9", "18-24", "under 18")


HEAD = 'key = "ours"\nversion = "3"\nauthor = "a"\nreviewed_on = 2026-01-01\norigin = "b"\n'


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ("figures = []", "figures"),
        ('[[figures]]\nkey = "robbery"\nlabel = ""', "label"),
        ('[[figures]]\nkey = "a"\nlabel = "A"\n[[figures]]\nkey = "a"\nlabel = "B"', "a is there twice"),
    ],
)
def test_a_table_without_figures_or_with_one_key_twice_is_refused(
    workspace: Path, entries: str, problem: str
) -> None:
    """Two figures of one key would each show the sum of both."""
    keep_incidents(workspace, "drawn", draw_rows(5), MONTHS)
    (workspace / "key_figures.toml").write_text(HEAD + entries, "utf-8")
    with pytest.raises(InputError) as caught:
        ask(workspace)
    assert problem in str(caught.value)


def test_the_first_group_keeps_the_other_conditions_of_its_figure(workspace: Path) -> None:
    rows = draw_rows(6)
    keep_incidents(workspace, "drawn", rows, MONTHS)
    figure = (
        '[[figures]]\nkey = "a"\nlabel = "Robbery, knife"\noffence_groups = ["robbery", "drug_offences"]\n'
    )
    (workspace / "key_figures.toml").write_text(
        f'{HEAD}{figure}take_first_group = true\nweapons = ["knife"]\n', "utf-8"
    )
    [answer] = ask(workspace).figures
    assert answer.label == "Robbery, knife"
    assert answer.row.new == sum(
        (row["month"], row["offence_group"], row["weapon"]) == ("2020-01", "robbery", "knife")
        and row["found_by"] != "police"
        for row in rows
    )


def test_figures_of_which_no_offence_is_on_record_are_left_out_by_name(workspace: Path) -> None:
    keep_incidents(workspace, "drawn", draw_rows(7), MONTHS)
    (workspace / "key_figures.toml").write_text(
        f'{HEAD}[[figures]]\nkey = "axe"\nlabel = "Axes"\nweapons = ["axe"]\n', "utf-8"
    )
    report = ask(workspace)
    assert report.figures == ()
    assert report.left_out == (("Axes", "none is on record in these periods"),)


def test_a_second_baseline_is_refused_and_not_dropped() -> None:
    with pytest.raises(UsageError, match="one `baseline`"):
        KeyFiguresRequest(baseline=("2019", "2018"))
