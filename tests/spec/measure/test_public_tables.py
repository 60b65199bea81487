"""Which counts are withheld from the public, so that nothing gives them back?"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from becalm.measure.core.public import PublicFigure, build_tables, withhold_figures
from becalm.measure.files.public_tables import write_public_table
from becalm.terms import Period

APRIL = Period(date(2020, 4, 1), date(2020, 5, 1))
MAY = Period(date(2020, 5, 1), date(2020, 6, 1))
BOTH = Period(APRIL.start, MAY.end)
BY = ("borough",)


def table(period: Period, **counts: int) -> list[PublicFigure]:
    """A total and its boroughs."""
    rows = [PublicFigure(BY, (name,), (period,), count) for name, count in counts.items()]
    return [PublicFigure(BY, (), (period,), sum(counts.values())), *rows]


def withheld(figures: list[PublicFigure], former: list[PublicFigure], *, below: int = 5) -> list[str]:
    flags = withhold_figures(figures, former, below=below)
    return [" ".join(f.key) or "total" for f, flag in zip(figures, flags, strict=True) if flag]


def published(figures: list[PublicFigure]) -> list[PublicFigure]:
    flags = withhold_figures(figures, (), below=5)
    return [
        PublicFigure(f.by, f.key, f.windows, None if flag else f.count)
        for f, flag in zip(figures, flags, strict=True)
    ]


def test_where_nothing_is_small_nothing_is_withheld() -> None:
    assert withheld(table(APRIL, Brent=50, Camden=0, Ealing=7), []) == []


def test_a_single_small_count_takes_the_smallest_of_its_neighbours_with_it() -> None:
    """Else the total less the others would give it back."""
    assert withheld(table(APRIL, Brent=50, Camden=3, Ealing=20), []) == ["Camden", "Ealing"]


def test_two_ones_are_not_enough_to_hide_each_other() -> None:
    """Both lie between 0 and 2, which is fewer than four values."""
    assert withheld(table(APRIL, Brent=50, Camden=1, Ealing=1, Enfield=9), []) == [
        "Camden",
        "Ealing",
        "Enfield",
    ]


def test_a_count_withheld_in_april_is_not_given_back_by_april_and_may_together() -> None:
    april = published(table(APRIL, Brent=50, Camden=3, Ealing=20))
    may = published(table(MAY, Brent=60, Camden=30, Ealing=25))
    both_months = table(BOTH, Brent=110, Camden=33, Ealing=45)
    careless = build_tables([*both_months, april[2]], [*april, *may])
    is_withheld = np.array([False, False, False, False, True])
    assert careless.attack(is_withheld, 4) == pytest.approx((3.0, 3.0))  # Camden in April is given back
    assert withheld(both_months, [*april, *may]) == ["Camden", "Ealing"]


def test_a_count_that_another_grouping_of_the_same_records_gives_back_is_not_shown() -> None:
    boroughs = [PublicFigure(BY, (name,), (APRIL,), n) for name, n in (("Brent", 50), ("Camden", 3))]
    offences = [
        PublicFigure(("offence",), (name,), (APRIL,), n) for name, n in (("robbery", 40), ("theft", 13))
    ]
    careless = build_tables([*boroughs, *offences], [])
    assert careless.attack(np.array([False, True, False, False]), 1) == pytest.approx((3.0, 3.0))
    assert set(withheld([*boroughs, *offences], [])) > {"Camden"}


def test_figures_of_one_block_are_withheld_together() -> None:
    figures = table(APRIL, Brent=50, Camden=3, Ealing=20, Enfield=30)
    flags = withhold_figures(figures, (), below=5, blocks=[0, 1, 2, 3, 2])  # Camden and Enfield
    assert flags == (False, False, True, False, True)


@pytest.mark.parametrize(("below", "rows"), [(5, []), (10, ["Camden", "Ealing"])])
def test_people_are_withheld_below_ten(below: int, rows: list[str]) -> None:
    assert withheld(table(APRIL, Brent=50, Camden=7, Ealing=20), [], below=below) == rows


def test_what_was_published_is_kept_for_the_owner_alone(tmp_path: Path) -> None:
    """Else the next `becalm status` warns of a folder that becalm itself has opened."""
    folder = tmp_path / "public"
    file = write_public_table(folder, "drawn: offences", table(APRIL, Brent=50), made_on=date(2020, 6, 1))
    assert {folder.stat().st_mode & 0o077, file.stat().st_mode & 0o077} == {0}
