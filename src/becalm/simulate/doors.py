"""The doors of the simulated city: who is at home when, who lives elsewhere, what they say, and who helps.

Every number is an assumption, and all of it is in the truth: no rates of contact at the door are published
for visits like these. A call is answered where the draw that belongs to it is below the chance of its hour,
so that whoever plays the city gets one answer for each call, the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from becalm.methods.arrays import Floats

AWAY_SHARE, WRONG_ADDRESS_SHARE = 0.6, 0.08
LOG_ODDS: Final = {  # of being at home, of households mostly out by day and of others
    "weekday_day": (-0.9, 0.9),
    "weekday_evening": (0.25, 0.1),
    "weekend": (0.25, 0.0),
}
BASE_LOG_ODDS, PERSON_DEVIATION = -0.2, 0.6
AGREE_SHARE, KEEP_CHANCE, CARD_CHANCE = 0.5, 0.75, 0.12
DRAWS: Final = 16  # calls at one door for which the answer is known: eight for each visit
RESPONSES: Final = ("interested", "thinking", "declined", "hostile", "already_supported")
RESPONSE_SHARES: Final = (0.25, 0.3, 0.33, 0.04, 0.08)
NEEDS: Final = ("work_and_learning", "accommodation", "dependency", "family")
NEED_SHARES: Final = (0.4, 0.25, 0.2, 0.15)
CONTRACT_DAYS: Final = (365, 730)
PROVIDERS: Final = (
    # key, name, needs, capacity, waiting days as they say, as they are, share that completes
    ("harbour", "Harbour", ("work_and_learning", "finance"), 40, 7, 9, 0.6),
    ("bridge", "Bridge", ("accommodation", "family"), 25, 14, 25, 0.45),
    ("clearway", "Clearway", ("dependency", "wellbeing"), 15, 21, 20, 0.4),
    ("northgate", "Northgate", ("work_and_learning", "family"), 10, 5, 5, 0.7),
)


@dataclass(frozen=True, slots=True)
class DoorTables:
    """What a visit finds at each door (truth), the directory of those who help, and what is true of them."""

    doors: pa.Table
    providers_toml: str
    truth: dict[str, Any]


def draw_doors(
    numbers: Sequence[str], boroughs: Sequence[str], as_of: date, rng: np.random.Generator
) -> DoorTables:
    """Draw who opens when, what they answer, and which organisations help from this day on."""
    count = len(numbers)
    is_out_by_day = rng.random(count) < AWAY_SHARE
    is_at_address = rng.random(count) >= WRONG_ADDRESS_SHARE
    person_effect = BASE_LOG_ODDS + rng.normal(0.0, PERSON_DEVIATION, count)
    chance_by_hours = {
        hours: _logistic(np.where(is_out_by_day, out, at_home) + person_effect) * is_at_address
        for hours, (out, at_home) in LOG_ODDS.items()
    }
    response = rng.choice(len(RESPONSES), count, p=RESPONSE_SHARES)
    need = rng.choice(len(NEEDS), count, p=NEED_SHARES)
    draws = rng.random((count, DRAWS)).round(6)
    doors = pa.table(
        {
            "person_number": list(numbers),
            "is_at_address": is_at_address,
            **{hours: chance.round(6) for hours, chance in chance_by_hours.items()},
            "agrees": rng.random(count) < AGREE_SHARE,
            "rings_back": rng.random(count) < CARD_CHANCE,
            "response": [RESPONSES[i] for i in response],
            "need": [NEEDS[i] for i in need],
            "draws": pa.array(draws.tolist()),
        }
    )
    return DoorTables(doors, _providers_toml(boroughs, as_of), _truth())


def _logistic(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def _providers_toml(boroughs: Sequence[str], as_of: date) -> str:
    """The directory for the workspace; the last provider helps in one half of the boroughs alone."""
    first_day, last_day = (as_of + timedelta(days=days) for days in (-CONTRACT_DAYS[0], CONTRACT_DAYS[1]))
    lines = ["# Nobody here exists.", 'author = "becalm simulate"', f"reviewed_on = {as_of}"]
    areas = sorted(set(boroughs))
    for key, name, needs, capacity, waiting_days, _, _ in PROVIDERS:
        area_text = ", ".join(f'"{area}"' for area in areas[: -(-len(areas) // 2)])
        lines += ["", "[[providers]]", f'key = "{key}"', f'name = "{name}"']
        lines += ["needs = [" + ", ".join(f'"{need}"' for need in needs) + "]"]
        lines += [f"areas = [{area_text}]"] if key == PROVIDERS[-1][0] else []
        lines += [f"capacity = {capacity}", f"waiting_days = {waiting_days}"]
        lines += [f"contract_from = {first_day}", f"contract_until = {last_day}"]
        lines += [f'agreement = "SA-{key}"', f"agreement_until = {last_day}"]
    return "\n".join(lines) + "\n"


def _truth() -> dict[str, Any]:
    return {
        "away_share": AWAY_SHARE,
        "wrong_address_share": WRONG_ADDRESS_SHARE,
        "agree_share": AGREE_SHARE,
        "keep_chance": KEEP_CHANCE,
        "card_chance": CARD_CHANCE,
        "responses": dict(zip(RESPONSES, RESPONSE_SHARES, strict=True)),
        "providers": {
            key: {"waiting_days": true_days, "completes_share": share}
            for key, _, _, _, _, true_days, share in PROVIDERS
        },
    }
