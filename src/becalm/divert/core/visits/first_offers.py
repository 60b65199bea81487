"""In which order are people offered help first? By need, and by chance within equal need, from a sealed seed.

Chance is what makes evaluation possible: who comes later is like who comes first, but for the wait.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from becalm.methods.arrays import seed_generator

SEED_BYTES = 32


def offer_commitment(seed: bytes, people: Sequence[str]) -> str:
    """The SHA-256 that binds the seed and the people whom it orders, before anybody sees the order."""
    sealed_content = {"becalm": "offer seed 1", "people": sorted(people), "seed": seed.hex()}
    return hashlib.sha256(
        json.dumps(sealed_content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def draw_waves(
    need_by_person: Mapping[str, int], seed: bytes, *, wave_size: int, first_wave: int
) -> dict[str, int]:
    """The wave of each person: greater need first, by chance within equal need.

    >>> draw_waves({"p1": 0, "p2": 1, "p3": 0}, bytes(32), wave_size=1, first_wave=1)["p2"]
    1
    """
    people = sorted(need_by_person)
    chances = seed_generator(*seed).random(len(people))
    order = sorted(range(len(people)), key=lambda i: (-need_by_person[people[i]], chances[i]))
    return {people[i]: first_wave + place // wave_size for place, i in enumerate(order)}
