"""Hand-made briefings: small frozen answers whose every figure can be read here."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

from shapely.geometry import box

from becalm.brief.briefing import Briefing
from becalm.brief.part import BriefingPart, PartTable
from becalm.find.core.place_history import PlaceHistory
from becalm.find.files.map import Area
from becalm.measure.core.baseline import Baseline
from becalm.measure.core.comparison import Comparison, ComparisonRow, Contrast
from becalm.measure.core.key_figures import KeyFigureReport, KeyFigureRow, KeyFigureTable, MonthCount
from becalm.measure.core.run_up import RunUp, RunUpMonth
from becalm.terms import (
    BlendPart,
    Concentration,
    Estimate,
    Gap,
    Hotspot,
    HotspotList,
    Period,
    RunRecord,
    Step,
)

APRIL_2020 = Period(date(2020, 4, 1), date(2020, 5, 1))
APRIL_2019 = Period(date(2019, 4, 1), date(2019, 5, 1))
APRIL_2018 = Period(date(2018, 4, 1), date(2018, 5, 1))
LABELS = (
    ("total", "All offences in the total"),
    ("robbery", "Robbery"),
    ("burglary", "Burglary"),
    ("violence_with_injury", "Violence with injury"),
    ("drug_offences", "Drug offences"),
    ("homicide", "Homicide"),
    ("possession_of_weapons", "Possession of weapons"),
    ("fraud", "Fraud"),
)
AS_OF = date(2020, 6, 10)


def row(
    group: str, new: int, old: float, low: float, high: float, *, q: float = 0.5, found_by: str = "victim"
) -> ComparisonRow:
    """One row as measure makes it: no percentage below a baseline of 50."""
    few = old < 50
    return ComparisonRow(
        group=group,
        label=dict(LABELS).get(group, group),
        new=new,
        old=old,
        difference=new - old,
        change_percent=None if few else 100 * (new / old - 1),
        ratio=new / old if old else None,
        low=low,
        high=high,
        method="quasi-Poisson, widened by the series' own overdispersion",
        found_by=found_by,
        p_value=q / 2,
        q_value=q,
        overdispersion=1.0 if few else 4.2,
        notes=("the baseline is below 50: no percentage",) if few else (),
    )


def comparison() -> Comparison:
    """April 2020 in London: falls, a rise found by the police, two that cannot be told."""
    rows = (
        row("robbery", 1104, 3442, 0.29, 0.355, q=1e-20),
        row("burglary", 3915, 6403, 0.56, 0.67, q=1e-15),
        row("violence_with_injury", 4660, 6335, 0.68, 0.80, q=1e-9),
        row("drug_offences", 5440, 3718, 1.31, 1.64, q=1e-9, found_by="police"),
        row("possession_of_weapons", 533, 558, 0.83, 1.10, found_by="police"),
        row("homicide", 12, 13, 0.40, 2.10),
    )
    older = tuple(
        row(r.group, r.new, round(r.old * 0.93), r.low * 1.06, r.high * 1.08, q=0.001) for r in rows
    )
    return Comparison(
        by="offence_group",
        period=APRIL_2020,
        against=(
            Contrast(
                Baseline("2019-04", (APRIL_2019,), "same months"),
                row("total", 48670, 74885, 0.622, 0.679, q=1e-30),
                rows,
            ),
            Contrast(
                Baseline("2018-04", (APRIL_2018,), "same months"),
                row("total", 48670, 69120, 0.67, 0.74, q=1e-30),
                older,
            ),
            Contrast(
                Baseline("mean of 2 years", (APRIL_2019, APRIL_2018), "same months"),
                row("total", 48670, 72002.5, 0.645, 0.708, q=1e-30),
                older,
            ),
        ),
        source="mps_borough",
        as_of=AS_OF,
        level=0.95,
        align="none",
        warnings=("Fraud (1,402 then, 1,219 now) is left out of the total: Action Fraud records it.",),
    )


def hotspot(
    rank: int,
    column: int,
    row_number: int,
    *,
    p_top: float,
    borough: str | None = "Eastham",
    timed: bool = True,
) -> Hotspot:
    """One place of 150 m."""
    expected = 6.0 / (1 + rank / 20)
    profile = tuple(week_shape(hour) for hour in range(168)) if timed else None
    return Hotspot(
        rank=rank,
        place_id=f"c150-{column}-{row_number}",
        column=column,
        row=row_number,
        cell_m=150.0,
        area_m2=22_500.0,
        expected_count=Estimate(expected, expected * 0.7, expected * 1.4, 0.95, "posterior draws"),
        p_top=p_top,
        rank_low=max(1, rank - 5),
        rank_high=rank + 12,
        tie_group=1 + rank // 6,
        borough=borough,
        profile=profile,
    )


def week_shape(hour: int) -> float:
    """A week with nights at the weekend; the 168 values add up to one."""
    return _week()[hour]


@cache
def _week() -> tuple[float, ...]:
    raw = [
        (1.0 + 0.8 * math.sin((h % 24 - 11) * math.pi / 12))
        * (1.7 if h // 24 in {4, 5} and h % 24 >= 19 else 1.0)
        for h in range(168)
    ]
    return tuple(value / sum(raw) for value in raw)


def hotspot_list(hotspots: tuple[Hotspot, ...]) -> HotspotList:
    """These places as a list for robbery."""
    return HotspotList(
        hotspots=hotspots,
        target=("robbery",),
        related=("violence_with_injury",),
        excluded_groups=("drug_offences",),
        cell_m=150.0,
        crs="EPSG:27700",
        level=0.95,
        first_month="2018-02",
        last_month="2020-04",
        half_life_months=18.0,
        blend=(
            BlendPart("memory", 0.71, "what happened in the square itself"),
            BlendPart("neighbours", 0.21, "what happened within 300 m"),
            BlendPart("related", 0.08, "related offences in the square"),
        ),
        concentration=Concentration(38_000, 71_000, 0.0071, 0.0312, 0.051, 0.142, 0.91, 0.78),
        incidents=38_000,
        places=71_000,
        area_m2=1.6e9,
        denominator="squares inside the boundary",
        tied_below=31,
        separation_m=0.0,
        source="london_street_points",
        as_of=AS_OF,
        warnings=(),
    )


def boroughs() -> tuple[Area, ...]:
    """Four boroughs of 10 km by 10 km."""
    names = ("Northwick and Vale", "Eastham", "Southgate upon Thames", "Westbourne")
    corners = ((500_000, 180_000), (510_000, 180_000), (500_000, 170_000), (510_000, 170_000))
    return tuple(
        Area(name, box(x, y, x + 10_000, y + 10_000)) for name, (x, y) in zip(names, corners, strict=True)
    )


def run_up() -> RunUp:
    """Twelve months up to April 2020."""
    months = []
    for i in range(12):
        start, old_start = month_after(2019, 5, i), month_after(2018, 5, i)
        old = 71_000 + 3_000 * math.sin(i)
        new = old * (1.04 if i < 10 else 0.95 if i == 10 else 0.65)
        months.append(RunUpMonth(start, old_start, round(new), round(old), i == 11))
    return RunUp(tuple(months), "mps_borough", AS_OF, ("fraud",))


def month_after(year: int, month: int, later: int) -> date:
    """The first day of the month so many months later."""
    index = year * 12 + month - 1 + later
    return date(index // 12, index % 12 + 1, 1)


def run_record() -> RunRecord:
    """A run that read two files."""
    return RunRecord(
        question="brief",
        version="0.1.0",
        seed=20200513,
        made_at=datetime(2020, 6, 10, 7, 30, tzinfo=UTC),
        as_of=AS_OF,
        parameters={"period": "2020-04", "baseline": "2019-04", "count": 250, "target": ["robbery"]},
        data={"archive/a.parquet": "a" * 64, "archive/b.parquet": "b" * 64},
    )


def spread_out(number: int, **of_each: object) -> tuple[Hotspot, ...]:
    """So many hotspots over the four boroughs, surer at the top."""
    return tuple(
        hotspot(
            i + 1,
            3340 + (i * 37) % 120,
            1140 + (i * 53) % 120,
            p_top=max(0.02, 0.99 - i / (number + 1)),
            **of_each,
        )  # type: ignore[arg-type]
        for i in range(number)
    )


def briefing(**other: object) -> Briefing:
    """A whole briefing; name the parts that differ."""
    parts: dict[str, object] = {
        "place": "Greater London",
        "comparison": comparison(),
        "run": run_record(),
        "labels": LABELS,
        "run_up": run_up(),
        "hotspots": hotspot_list(spread_out(60)),
        "week": tuple(week_shape(hour) for hour in range(168)),
        "areas": boroughs(),
        "areas_note": "Outlines: your boundary file.",
        "gaps": (Gap("mps_borough", "2020-04", "low", "recorded 35% below the months around it"),),
        "choices": ("The newest whole month on record, against the same month of the year before.",),
    }
    return Briefing(**{**parts, **other})  # type: ignore[arg-type]


TASKS = (
    ("load newer records", "the records of drawn end in 2020-04", "2020-06-29", "becalm ingest PATH"),
    ("review an alarm", "robbery <Eastham> rose", "2020-07-01", "becalm sustain review A1"),
)


def by_borough() -> Comparison:
    """April 2020 in the four boroughs: a fall, a rise, one that cannot be told, one with few."""
    rows = tuple(
        replace(row("robbery", new, old, low, high, q=q), group=area.name, label=area.name)
        for area, (new, old, low, high, q) in zip(
            boroughs(),
            (
                (600, 900, 0.6, 0.74, 1e-5),
                (900, 700, 1.15, 1.42, 1e-5),
                (500, 510, 0.85, 1.12, 0.5),
                (12, 20, 0.3, 1.2, 0.4),
            ),
            strict=True,
        )
    )
    made = comparison()
    return replace(made, by="borough", against=(replace(made.against[0], total=None, rows=rows),))


def place_history(hotspots: HotspotList) -> PlaceHistory:
    """Two years of each listed place, and a curve of concentration beside that of chance."""
    months = tuple(f"{month_after(2018, 5, i):%Y-%m}" for i in range(24))
    counts = {h.place_id: tuple((h.rank + i) % 5 for i in range(24)) for h in hotspots.hotspots}
    curve, random_curve = ((0.001, 0.1), (0.01, 0.4), (1.0, 1.0)), ((0.001, 0.005), (0.01, 0.04), (1.0, 1.0))
    return PlaceHistory(months, counts, curve, random_curve)


def full_briefing() -> Briefing:
    """The briefing with all its pictures, a figure for each of the first rows, a watch and two tasks."""
    made = briefing()
    compared = made.comparison
    months = tuple(
        MonthCount(date(2018 + m // 12, m % 12 + 1, 1), 40 + m, *((30.0, 60.0) if m > 11 else (None, None)))
        for m in range(24)
    )
    figures = tuple(
        KeyFigureRow(row.group, row.label, row, row.verdict(0.95), months) for row in compared.rows[:5]
    )
    report = KeyFigureReport(
        KeyFigureTable("violence_2020", "1", "0" * 64, ()),
        compared.period,
        compared.baseline,
        compared.source,
        compared.as_of,
        0.95,
        figures,
        (("Offences with a gun", "the records do not say which weapon was used"),),
    )
    due_table = PartTable("What is due", "", ("What", "Why", "Due", "Command"), TASKS, 4)
    parts = (
        BriefingPart("sustain", "Watch", lead="Robbery is rising again in Eastham."),
        BriefingPart("due", "What is due", lead="Waiting for somebody: 2.", tables=(due_table,)),
    )
    assert made.hotspots is not None
    return replace(
        made,
        key_figures=report,
        parts=parts,
        boroughs=by_borough(),
        history=place_history(made.hotspots),
        steps=(Step(date(2019, 11, 18), "lockdown", "first lockdown"),),
    )
