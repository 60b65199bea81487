"""A plan in words and figures: for the commander's page, the briefing and the screen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from becalm.patrol.core.dead_zones import AreaDeadZone, find_dead_zones
from becalm.patrol.core.duty_shares import KOPER_HOURS, AreaDuty, tally_duty
from becalm.patrol.core.plan_result import DosageForecast, PlaceForecast, forecast_dosage
from becalm.patrol.files.unit_sheets import stops_of, tours_of
from becalm.patrol.files.unit_tours import Stop
from becalm.patrol.files.write_plan import PlanDocument, inputs_object, sha256_of_inputs
from becalm.render import number_format as words
from becalm.render.pages import self_contained
from becalm.render.spreadsheet import csv_text
from becalm.terms import Period

MOST_WORST = 12


@dataclass(frozen=True)
class PlanPage:
    """What the page and the briefing say of a plan."""

    plan: PlanDocument

    @cached_property
    def forecast(self) -> DosageForecast:
        """Expected and drawn dosage of every place and area."""
        return forecast_dosage(self.plan.inputs.places, self.plan.dosage)

    @cached_property
    def inputs_sha256(self) -> str:
        """The hash of what the plan was made from."""
        return sha256_of_inputs(
            inputs_object(self.plan.sealed_inputs, self.plan.distribution, crs=self.plan.crs)
        )

    @property
    def days_in_words(self) -> str:
        """The days that are planned."""
        inputs = self.plan.inputs
        return words.period(Period(inputs.first_day, inputs.first_day + timedelta(days=inputs.days)))

    @property
    def headline(self) -> str:
        """The plan in one sentence."""
        plan = self.plan
        return f"{words.whole(len(plan.bursts))} bursts at {len(plan.inputs.places)} places, at random times"

    @property
    def how_near(self) -> str:
        """How near the plan comes to what the policy asks for."""
        forecast = self.forecast
        return (
            f"Expected visits differ from target by {words.share(forecast.expected_error)}, and the visits "
            f"that were drawn by {words.share(forecast.drawn_error)}: they are random, so hard to predict."
        )

    @property
    def bursts_per_day(self) -> float:
        """Bursts a day, in all areas together."""
        return len(self.plan.bursts) / self.plan.inputs.days

    @property
    def bits_per_tour(self) -> float:
        """Entropy of a tour, on average."""
        return self.plan.bits / max(1, len(self.plan.inputs.shifts))

    def planned_per_day(self, area: str) -> float:
        """Bursts a day in this area."""
        visit_count = sum(row.visits for row in self.forecast.areas if row.area == area)
        return visit_count / self.plan.inputs.days

    @property
    def capacity_sentence(self) -> str:
        """The arithmetic in one sentence."""
        area_rows = self.plan.capacity
        possible, wanted_per_day = (
            sum(float(row[name]) for row in area_rows) for name in ("possible", "wanted")
        )
        short_areas = [str(row["area"]) for row in area_rows if row["possible"] < row["wanted"]]
        verdict_text = (
            f"{words.join_words(short_areas)} cannot provide all that is wanted, so every target there was "
            "lowered by the same share."
            if short_areas
            else "Every area has enough units for what is wanted."
        )
        return (
            f"About {words.decimal(possible, 0)} bursts a day are possible, and the policy wants "
            f"{words.decimal(wanted_per_day, 0)}. {verdict_text}"
        )

    def name_of(self, hotspot: str) -> str:
        """By which people know a place."""
        name_by_hotspot = {place.hotspot: place.name for place in self.plan.inputs.places}
        return name_by_hotspot.get(hotspot) or hotspot

    @cached_property
    def duty(self) -> tuple[AreaDuty, ...]:
        """Where the duty of each area goes."""
        return tally_duty(self.plan.inputs, self.plan.routes)

    @property
    def duty_sentence(self) -> str:
        """Where the duty of all areas goes, and what the guidance asks beside it."""
        duty_minutes = sum(area.duty_minutes for area in self.duty) or 1.0
        duty_parts = (
            sum(getattr(area, f"{part}_minutes") for area in self.duty) / duty_minutes
            for part in ("burst", "travel", "meal", "rest")
        )
        burst, travel, meal, remainder = (words.share(share, 0) for share in duty_parts)
        median_hours_between = sorted(area.hours_between_visits for area in self.duty)[len(self.duty) // 2]
        return (
            f"Of all duty, {burst} is at the places, {travel} on the way, {meal} meals, and {remainder} "
            "the rest: waiting for a time that was drawn, calls, other work. Guidance after Koper asks for "
            f"10 to 16 minutes about every {words.decimal(KOPER_HOURS, 0)} hours; here the middle place of "
            f"the middle area is visited about every {words.decimal(median_hours_between, 1)} hours "
            "with a unit on duty."
        )

    @cached_property
    def dead_zones(self) -> tuple[AreaDeadZone, ...]:
        """When nobody can be at a place of an area, and which starts would end it."""
        return find_dead_zones(self.plan.inputs)

    def possible_per_day(self, area: str) -> float:
        """Bursts a day that fit into the duty of this area."""
        return next((float(row["possible"]) for row in self.plan.capacity if row["area"] == area), 0.0)

    @property
    def spare_sentence(self) -> str:
        """What the rest of duty could hold."""
        possible_per_day = sum(float(row["possible"]) for row in self.plan.capacity)
        spare_per_day = possible_per_day - self.bursts_per_day
        if spare_per_day < 1:
            return "The plan uses what is possible."
        return (
            f"About {words.decimal(spare_per_day, 0)} more bursts a day would fit into the rest of duty. "
            "Plan with when_idle “raise” to raise targets where units have time to spare, up to a visit "
            f"every {words.decimal(KOPER_HOURS, 0)} hours. “lend”, the usual setting, lends tours to areas "
            "that fall short."
        )

    @property
    def lent_tours(self) -> tuple[tuple[str, str, int, str], ...]:
        """Who lends whom how many tours, and why."""
        counts = Counter(
            (shift.lent_from, shift.area, shift.lent_because)
            for shift in self.plan.inputs.shifts
            if shift.lent_from
        )
        return tuple(
            (lender, borrower, count, reason) for (lender, borrower, reason), count in sorted(counts.items())
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be known before the plan is used."""
        reroll_reason = str(self.plan.commitment.get("again") or "")
        reroll_warning = (
            f"This is a re-roll: a seed had been sealed for these days before. Reason: {reroll_reason}",
        )
        return (*(reroll_warning if reroll_reason else ()), *self.plan.notes)

    @property
    def worst(self) -> tuple[PlaceForecast, ...]:
        """The places furthest below their target."""
        return self.forecast.places[:MOST_WORST]

    @property
    def outside_sentence(self) -> str:
        """How many places lie outside the policy's band."""
        outside_count, place_count = len(self.forecast.outside), len(self.forecast.places)
        return (
            f"{outside_count} of {place_count} places were drawn outside the policy’s band; the "
            "difference is carried over to the next plan."
            if outside_count
            else f"All {place_count} places were drawn within the policy’s band."
        )


FORECAST_COLUMNS = (
    *("hotspot", "name", "area", "target_visits", "expected_visits", "expected_low", "expected_high"),
    *("visits", "target_minutes", "expected_minutes", "minutes", "within_band"),
)


def plan_page(plan: PlanDocument) -> str:
    """The commander's page as HTML."""
    page, entry = PlanPage(plan), plan.commitment.get("entry")
    return self_contained(
        "patrol.html",
        p=page,
        title=f"Patrol plan, {page.days_in_words}",
        subtitle="Patrol plan for commanders",
        version=plan.version,
        colophon=f"Made by {plan.version}; committed to in entry {entry} of the ledger.",
    )


def forecast_csv(plan: PlanDocument) -> str:
    """Every place of the forecast as CSV, worst served first."""
    return csv_text(FORECAST_COLUMNS, (row.values() for row in forecast_rows(plan)))


def forecast_rows(plan: PlanDocument) -> Iterator[dict[str, object]]:
    """Every place of the forecast, worst served first, as the csv writes it."""
    for place in forecast_dosage(plan.inputs.places, plan.dosage).places:
        expected_visits = place.expected_visits
        visit_figures = (
            place.target_visits,
            expected_visits.value,
            expected_visits.low,
            expected_visits.high,
        )
        minute_cells = (f"{place.target_minutes:.1f}", f"{place.expected_minutes:.1f}", place.minutes)
        name_cells = (place.hotspot, place.name, place.area)
        band_flag_text = str(place.within_band).lower()
        visit_cells = (*(f"{number:.2f}" for number in visit_figures), place.visits)
        row_cells = (*name_cells, *visit_cells, *minute_cells, band_flag_text)
        yield dict(zip(FORECAST_COLUMNS, row_cells, strict=True))


MOST_FIRST_BURSTS = 12  # units whose first burst the briefing names


@dataclass(frozen=True, slots=True)
class FirstBurst:
    """Where a unit begins on the day of the briefing; the rest of its route stays sealed."""

    unit: str
    area: str
    stop: Stop


@dataclass(frozen=True, slots=True)
class PatrolSection:
    """The patrol part of a briefing; where there is no plan, `note` says why.

    `unlike` says which overrides of the list the plan does not know of, or keeps though they hold no more.
    """

    plan: PlanDocument | None
    day: date | None
    note: str
    override_differences: tuple[str, ...] = ()

    @property
    def page(self) -> PlanPage | None:
        """The plan as its own page tells it."""
        return PlanPage(self.plan) if self.plan else None

    @property
    def first_bursts(self) -> tuple[FirstBurst, ...]:
        """The first burst of each unit whose tour starts on the day, by time."""
        if self.plan is None:
            return ()
        tours_of_day = [
            tour
            for unit_tours in tours_of(self.plan).values()
            for tour in unit_tours
            if tour.shift.day == self.day and tour.bursts
        ]
        tours_of_day.sort(key=lambda tour: (tour.bursts[0].span.start, tour.shift.unit))
        return tuple(
            FirstBurst(tour.shift.unit, tour.shift.area, stops_of(self.plan, tour.bursts[:1])[0])
            for tour in tours_of_day
        )

    @property
    def shown_bursts(self) -> tuple[FirstBurst, ...]:
        """Those that the briefing names."""
        return self.first_bursts[:MOST_FIRST_BURSTS]


NO_PATROL = PatrolSection(None, None, "")
