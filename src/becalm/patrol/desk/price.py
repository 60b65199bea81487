"""What does each rule of a policy cost? Drawn with a public key, so that it tells nothing of a plan."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from becalm.patrol.core.plan import Price, build_price_list
from becalm.patrol.core.request import PriceRequest
from becalm.patrol.files.read_plan import read_plan
from becalm.terms import UsageError, suggest_word

PUBLIC_KEY = b"becalm price list: public, never used for a plan"


@dataclass(frozen=True, slots=True)
class PriceList:
    """What each rule costs in one area."""

    area: str
    prices: tuple[Price, ...]


def price_rules(request: PriceRequest) -> PriceList:
    """What does each rule cost in bits in one area (the one with most tours, if none is named)?

    Plans are drawn with a public key, so that the list tells nothing of the plan itself.
    """
    inputs = read_plan(Path(request.plan)).inputs
    tour_counts = Counter(shift.area for shift in inputs.shifts)
    if request.area and request.area not in tour_counts:
        raise UsageError(
            f"There is no area {request.area!r} in this plan. "
            f"{suggest_word(request.area, sorted(tour_counts))}"
        )
    priced_area = request.area or max(sorted(tour_counts), key=lambda name: tour_counts[name])
    return PriceList(priced_area, build_price_list(inputs, key=PUBLIC_KEY, area=priced_area))
