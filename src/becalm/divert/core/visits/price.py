"""What does each number of attempts buy, and how often does it knock in vain? The list to sign."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from statistics import mean

from becalm.divert.core.visits.campaign import CampaignResult, CampaignSettings, run_campaign
from becalm.divert.core.visits.doors import DoorSettings, draw_doors
from becalm.divert.core.visits.protocol import MOST_ATTEMPTS, VisitProtocol
from becalm.methods.arrays import seed_generator

PRICED_ATTEMPTS = (1, 3, 5, MOST_ATTEMPTS)
SEARCH_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class ProtocolPrice:
    """What a number of attempts buys in a drawn city; shares are of all who were selected."""

    chance: float
    attempts: int
    is_in_protocol: bool  # the number of attempts that the protocol says
    first_contact: float
    second_contact: float
    attempts_each: float
    vain_attempts_each: float
    letters: float
    busy_minutes: float


def price_protocol(
    protocol: VisitProtocol, *, chances: tuple[float, ...], crews: int, people: int, seed: int, cities: int
) -> Iterator[ProtocolPrice]:
    """A row for each chance at the door and each number of attempts, the protocol's own among them."""
    for chance in chances:
        for attempts in sorted({*PRICED_ATTEMPTS, protocol.attempts}):
            changed_protocol = replace(protocol, attempts=attempts)
            results = [
                _simulate(changed_protocol, chance, crews, people, seed + number) for number in range(cities)
            ]
            yield ProtocolPrice(
                chance=chance,
                attempts=attempts,
                is_in_protocol=attempts == protocol.attempts,
                **{
                    name: mean(asdict(result)[name] for result in results)
                    for name in (
                        *("first_contact", "second_contact", "attempts_each", "vain_attempts_each"),
                        *("letters", "busy_minutes"),
                    )
                },
            )


def _simulate(protocol: VisitProtocol, chance: float, crews: int, people: int, seed: int) -> CampaignResult:
    rng = seed_generator(seed)
    world = draw_doors(DoorSettings(people=people, mean_chance=chance), protocol, rng)
    return run_campaign(world, protocol, CampaignSettings(crews=crews, rounds=SEARCH_ROUNDS), rng)
