"""The burden of patrol as rows, as lines on a screen, and as a page for the scrutiny panel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from becalm.patrol.core.burden import BENCHMARKS, BURDENS, Against, AreaBurden, Burden, GroupBurden
from becalm.render import number_format as words
from becalm.render.pages import self_contained
from becalm.terms import Estimate

BURDEN_COLUMNS = (
    *("area", "trait", "group", "measure", "against", "count", "benchmark", "per_thousand"),
    *("per_thousand_low", "per_thousand_high", "ratio", "ratio_low", "ratio_high", "method"),
)


def burden_rows(burden: Burden) -> Iterator[Mapping[str, object]]:
    """One row for each area or group, measure and benchmark; patrol hours are a measure of areas."""
    for area in burden.areas:
        if area.patrol_hours is not None:
            yield {
                "area": area.area,
                "trait": "all",
                "measure": "patrol_hours",
                "against": "residents",
                "count": round(area.patrol_hours, 2),
                "benchmark": area.counts.get("residents", 0),
                "per_thousand": _round(area.hours_per_thousand),
                "method": "planned hours, counted",
            }
        for (measure, against), rate in area.rates.items():
            labels = {"area": area.area, "trait": "all", "group": "", "measure": measure, "against": against}
            counts = {"count": area.counts.get(measure, 0), "benchmark": area.counts.get(against, 0)}
            yield {**labels, **counts, **_estimate_cells(rate, area.ratios.get((measure, against)))}
    for group in burden.groups:
        names = ("trait", "group", "measure", "against", "count", "benchmark")
        yield {
            "area": "",
            **{name: getattr(group, name) for name in names},
            **_estimate_cells(group.rate, group.ratio),
        }


def _estimate_cells(rate: Estimate, ratio: Estimate | None) -> dict[str, object]:
    cells: dict[str, object] = {
        "per_thousand": _round(rate.value),
        "per_thousand_low": _round(rate.low),
        "per_thousand_high": _round(rate.high),
        "method": f"rate {rate.method}" + (f"; ratio {ratio.method}" if ratio else ""),
    }
    if ratio:
        cells |= {
            "ratio": _round(ratio.value),
            "ratio_low": _round(ratio.low),
            "ratio_high": _round(ratio.high),
        }
    return cells


def _round(value: float | None) -> float | None:
    return round(value, 3) if value is not None and isfinite(value) else None


def burden_object(burden: Burden) -> dict[str, object]:
    """The burden as other programs read it; None where a ratio has no end."""
    rows = [{name: row.get(name) for name in BURDEN_COLUMNS} for row in burden_rows(burden)]
    return {"level": burden.level, "rows": rows, "notes": list(burden.notes)}


@dataclass(frozen=True, slots=True)
class BurdenPage:
    """What the page says, table by table."""

    burden: Burden
    measures: tuple[str, ...] = BURDENS
    benchmarks: tuple[str, ...] = BENCHMARKS

    @property
    def traits(self) -> tuple[str, ...]:
        """The traits that there are counts of."""
        return tuple(dict.fromkeys(group.trait for group in self.burden.groups))

    def groups_of(self, trait: str) -> tuple[str, ...]:
        """The groups of a trait."""
        return tuple(dict.fromkeys(group.group for group in self.burden.groups if group.trait == trait))

    def find(self, trait: str, group: str, measure: str, against: str) -> GroupBurden | None:
        """One cell of the table of a trait."""
        key = (trait, group, measure, against)
        return next((g for g in self.burden.groups if (g.trait, g.group, g.measure, g.against) == key), None)

    def ratio_text(self, ratio: Estimate | None) -> str:
        """A ratio with its interval; a dash where there is none."""
        if ratio is None:
            return "-"
        end_texts = [
            words.decimal(end, 2) if isfinite(end) else "no limit" for end in (ratio.low, ratio.high)
        ]
        value_text = words.decimal(ratio.value, 2) if isfinite(ratio.value) else "no limit"
        return f"{value_text} ({end_texts[0]} to {end_texts[1]})"

    def area_ratio(self, area: AreaBurden, measure: str, against: Against) -> str:
        """The ratio of an area to all others."""
        return self.ratio_text(area.ratios.get((measure, against)))


def burden_page(burden: Burden, *, version: str) -> str:
    """The page for the scrutiny panel."""
    return self_contained(
        "patrol_burden.html",
        p=BurdenPage(burden),
        burden=burden,
        title="Who carries the burden of patrol",
        subtitle="For the scrutiny panel",
        version=version,
        colophon=f"Made by {version}. Nothing on this page is read by what chooses places or plans patrols.",
    )
