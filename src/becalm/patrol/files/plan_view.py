"""A plan in words and figures, for the commander's page, the briefing and the screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from becalm.patrol.core.forecast import DosageForecast, PlaceForecast, forecast_dosage
from becalm.patrol.files.inputs import inputs_object, sha256_of_inputs
from becalm.patrol.files.plan import PlanDocument
from becalm.render import number_format as words
from becalm.terms import Period

WORST = 12


@dataclass(frozen=True)
class PlanPage:
    """What the page and the briefing say of a plan."""

    plan: PlanDocument

    @cached_property
    def forecast(self) -> DosageForecast:
        """Expected and drawn dosage of every place and area."""
        return forecast_dosage(self.plan.request.places, self.plan.dosage)

    @cached_property
    def inputs_sha256(self) -> str:
        """The hash of what the plan was made from."""
        return sha256_of_inputs(inputs_object(self.plan.request, self.plan.law, crs=self.plan.crs))

    @property
    def days_in_words(self) -> str:
        """The days that are planned."""
        request = self.plan.request
        return words.period(Period(request.first_day, request.first_day + timedelta(days=request.days)))

    @property
    def headline(self) -> str:
        """The plan in one sentence."""
        plan = self.plan
        return (
            f"{words.whole(len(plan.bursts))} bursts at {len(plan.request.places)} places, "
            "at times drawn by chance"
        )

    @property
    def how_near(self) -> str:
        """How near the plan comes to what the policy asks for."""
        found = self.forecast
        return (
            f"On average the plan is {words.share(found.expected_error)} off what each place is owed; as it "
            f"was drawn, {words.share(found.drawn_error)} off, for chance is what makes it hard to foretell."
        )

    @property
    def bursts_per_day(self) -> float:
        """Bursts a day, in all areas together."""
        return len(self.plan.bursts) / self.plan.request.days

    @property
    def bits_per_tour(self) -> float:
        """Entropy of a tour, on average."""
        return self.plan.bits / max(1, len(self.plan.request.shifts))

    def planned_per_day(self, area: str) -> float:
        """Bursts a day in this area."""
        visits = sum(row.visits for row in self.forecast.areas if row.area == area)
        return visits / self.plan.request.days

    @property
    def capacity_sentence(self) -> str:
        """The arithmetic in one sentence."""
        rows = self.plan.capacity
        possible, wanted = (sum(float(row[name]) for row in rows) for name in ("possible", "wanted"))
        short = [str(row["area"]) for row in rows if row["possible"] < row["wanted"]]
        verdict = (
            f"{words.listed(short)} cannot give all that is wanted, and every target there was lowered "
            "alike: what is owed there is what is left of it."
            if short
            else "Every area can give what it owes."
        )
        return (
            f"About {words.decimal(possible, 0)} bursts a day are possible, and the policy wants "
            f"{words.decimal(wanted, 0)}. {verdict}"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be known before the plan is used."""
        again = str(self.plan.commitment.get("again") or "")
        re_roll = (f"This is a re-roll: these days had been committed to before. Reason: {again}",)
        return (*(re_roll if again else ()), *self.plan.notes)

    @property
    def worst(self) -> tuple[PlaceForecast, ...]:
        """The places that get least of what they are owed."""
        return self.forecast.places[:WORST]

    @property
    def outside_sentence(self) -> str:
        """How many places lie outside the policy's band."""
        out, of = len(self.forecast.outside), len(self.forecast.places)
        return (
            f"{out} of {of} places were drawn outside the policy’s band; what they are owed is carried "
            "over to the next plan."
            if out
            else f"All {of} places were drawn within the policy’s band."
        )
