"""The people of the simulated city: who they are, what they were suspected of, and what was done to them.

Nobody here exists. Suspects and victims are drawn for the city's own crimes: few people account for many
of them, and some are both. The police find drugs and weapons more often on some groups than on others; the
factor is in the truth. Everything follows from one generator of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate import names
from becalm.simulate.city import CityPlan, SimulatedCity
from becalm.simulate.records import crime_refs, is_in_extract
from becalm.simulate.settings import OFFENCES
from becalm.simulate.time_profiles import DAY_MINUTES, day_number

HISTORY_DAYS: Final = 500  # before the end of the city
CRIMES_PER_PERSON, MOST_PEOPLE, LEAST_PEOPLE = 4, 40_000, 60
SUSPECT_SHARE, VICTIM_SHARE, CHILD_SHARE = 0.35, 0.5, 0.08
PROPENSITY_SHAPE: Final = 0.15  # of a gamma: the smaller, the fewer people account for half of all crimes
GROUPS: Final = ("A", "B", "C", "D")
GROUP_SHARES: Final = (0.55, 0.2, 0.15, 0.1)
DISCOVERY_FACTORS: Final = (
    1.0,
    1.4,
    3.0,
    2.0,
)  # how often the police find something on them, for equal conduct
TWICE_SHARE, WITHOUT_BIRTH_DATE, MISSING_SHARE = 0.01, 0.02, 0.12
STATUSES: Final = ("named", "interviewed", "charged", "out_of_court", "convicted", "eliminated")
STATUS_SHARES: Final = (0.27, 0.25, 0.24, 0.09, 0.1, 0.05)
OUTCOMES: Final = ("", "no_crime", "transferred")
OUTCOME_SHARES: Final = (0.96, 0.03, 0.01)
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class PeopleTables:
    """The files of `divert/`, and what is true of them."""

    persons: pa.Table
    events: pa.Table
    characteristics: pa.Table
    residents: pa.Table
    truth: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Crimes:
    """Crimes of the last months that somebody may be recorded for (parallel arrays)."""

    row: Ints  # of the city's incidents
    offence: Ints
    day: Ints
    is_police_found: Bools


def draw_people(city: SimulatedCity, rng: np.random.Generator) -> PeopleTables:
    """Draw the people of this city, and their part in its recorded crimes."""
    size_rng, who_rng, event_rng, twice_rng = rng.spawn(4)
    crimes = _recent_crimes(city)
    count = int(np.clip(len(crimes.row) // CRIMES_PER_PERSON, LEAST_PEOPLE, MOST_PEOPLE))
    group_of_person = who_rng.choice(len(GROUPS), count, p=GROUP_SHARES)
    person_numbers = [f"N{100_001 + row}" for row in range(count)]
    persons = _draw_persons(city, person_numbers, who_rng)
    propensities = size_rng.gamma(PROPENSITY_SHAPE, size=count)
    events = _draw_events(crimes, propensities, group_of_person, person_numbers, event_rng)
    persons, events, twins = _write_some_twice(persons, events, twice_rng)
    persons_by_number = dict(zip(person_numbers, range(count), strict=True))
    first_of_twin = {twin: person_numbers.index(first) for first, twin in twins}
    rows = [persons_by_number.get(n, first_of_twin.get(n, 0)) for n in persons["person_number"].to_pylist()]
    return PeopleTables(
        persons,
        events,
        _characteristics(city.plan, persons, np.array(rows), group_of_person, who_rng),
        _residents(city.plan),
        {
            "people": count,
            "records": persons.num_rows,
            "events": events.num_rows,
            "recorded_twice": twins,
            "discovery_factor_by_group": dict(zip(GROUPS, DISCOVERY_FACTORS, strict=True)),
            "propensity_shape": PROPENSITY_SHAPE,
            "suspect_share": SUSPECT_SHARE,
            "victim_share": VICTIM_SHARE,
            "as_of": city.plan.settings.end.isoformat(),
        },
    )


def _recent_crimes(city: SimulatedCity) -> _Crimes:
    incidents = city.incidents
    end = day_number(city.plan.settings.end)
    is_recent = incidents.minute // DAY_MINUTES >= end - HISTORY_DAYS
    row = np.flatnonzero(is_in_extract(city) & is_recent)
    offence_of_row = incidents.offence[row].astype(np.int64)
    is_police_found = np.array([o.found_by == "police" for o in OFFENCES])
    return _Crimes(row, offence_of_row, incidents.minute[row] // DAY_MINUTES, is_police_found[offence_of_row])


def _draw_persons(city: SimulatedCity, numbers: Sequence[str], rng: np.random.Generator) -> pa.Table:
    plan, count, end = city.plan, len(numbers), city.plan.settings.end
    home_address = rng.integers(0, len(plan.places.address_place), count)
    home_position = plan.places.address_position[home_address]
    ages = np.where(rng.random(count) < CHILD_SHARE, rng.uniform(10, 18, count), 18 + rng.gamma(2, 7, count))
    has_birth_date = rng.random(count) >= WITHOUT_BIRTH_DATE
    born_on = [
        str(end - timedelta(days=int(age * 365.25))) if has_date else ""
        for age, has_date in zip(ages, has_birth_date, strict=True)
    ]
    first_name_index = rng.integers(0, len(names.FIRST_NAMES), count)
    family_name_index = rng.integers(0, len(names.FAMILY_NAMES), count)
    return pa.table(
        {
            "person_number": list(numbers),
            "name": [
                f"{names.FIRST_NAMES[i]} {names.FAMILY_NAMES[j]}"
                for i, j in zip(first_name_index, family_name_index, strict=True)
            ],
            "born_on": born_on,
            "address": _addresses(plan, home_address, rng),
            "easting": home_position[:, 0].astype(np.int64),
            "northing": home_position[:, 1].astype(np.int64),
            "borough": [plan.land.borough_names[b] for b in _borough_of(plan, home_address)],
            "phone": [f"07700 900{n:03d}" for n in rng.integers(0, 1000, count)],  # Ofcom's numbers for drama
            "interpreter": np.where(rng.random(count) < 0.06, "yes", "no").tolist(),
            "contact_wishes": np.where(rng.random(count) < 0.05, "no mornings", "").tolist(),
        }
    )


def _borough_of(plan: CityPlan, home: Ints) -> list[int]:
    lsoa_of_person = plan.places.lsoa[plan.places.address_place[home]]
    return [int(borough) for borough in plan.land.borough_of_lsoa[lsoa_of_person]]


def _addresses(plan: CityPlan, home: Ints, rng: np.random.Generator) -> list[str]:
    street_names = plan.streets.names()
    segment_of_person = plan.places.segment[plan.places.address_place[home]]
    house_numbers = rng.integers(1, 190, len(home))
    boroughs = [plan.land.borough_names[b] for b in _borough_of(plan, home)]
    street_of_person = [street_names[plan.streets.street[segment]] for segment in segment_of_person]
    return [
        f"{n} {street}" + f" {b}"
        for n, street, b in zip(house_numbers, street_of_person, boroughs, strict=True)
    ]


def _draw_events(
    crimes: _Crimes, propensity: Floats, group: Ints, numbers: Sequence[str], rng: np.random.Generator
) -> pa.Table:
    """A suspect for some crimes, for all that the police found, and a victim for some that have one."""
    count = len(crimes.row)
    weights = propensity / propensity.sum()
    discovery_weights = weights * np.array(DISCOVERY_FACTORS)[group]
    suspect_of_crime = rng.choice(len(numbers), count, p=weights)
    police_suspect_of_crime = rng.choice(len(numbers), count, p=discovery_weights / discovery_weights.sum())
    suspect_of_crime = np.where(crimes.is_police_found, police_suspect_of_crime, suspect_of_crime)
    victim_weights = 0.6 / len(numbers) + 0.4 * weights
    victim_of_crime = rng.choice(len(numbers), count, p=victim_weights)
    has_suspect = crimes.is_police_found | (rng.random(count) < SUSPECT_SHARE)
    has_victim = (
        ~crimes.is_police_found & (rng.random(count) < VICTIM_SHARE) & (victim_of_crime != suspect_of_crime)
    )
    suspect_rows, victim_rows = np.flatnonzero(has_suspect), np.flatnonzero(has_victim)
    rows = np.concatenate([suspect_rows, victim_rows])
    person_of_event = np.concatenate([suspect_of_crime[suspect_rows], victim_of_crime[victim_rows]])
    is_victim = np.arange(len(rows)) >= len(suspect_rows)
    order = np.lexsort((is_victim, person_of_event, crimes.day[rows]))
    return _events_table(crimes, rows[order], person_of_event[order], is_victim[order], numbers, rng)


def _events_table(
    crimes: _Crimes,
    rows: Ints,
    person: Ints,
    is_victim: Bools,
    numbers: Sequence[str],
    rng: np.random.Generator,
) -> pa.Table:
    status_index = rng.choice(len(STATUSES), len(rows), p=STATUS_SHARES)
    outcome_index = rng.choice(len(OUTCOMES), len(rows), p=OUTCOME_SHARES)
    owner_numbers = rng.integers(1001, 1641, len(rows))
    status_words = [("" if v else STATUSES[s]) for v, s in zip(is_victim, status_index, strict=True)]
    role_of_status = {"charged": "charged", "convicted": "convicted"}
    ref_of_crime = crime_refs(int(crimes.row.max(initial=0)) + 1).to_numpy(zero_copy_only=False)
    return pa.table(
        {
            "person_number": [numbers[p] for p in person],
            "crime_ref": ref_of_crime[crimes.row[rows]].tolist(),
            "occurred_on": [str(EPOCH + timedelta(days=int(day))) for day in crimes.day[rows]],
            "offence": [OFFENCES[o].word for o in crimes.offence[rows]],
            "role": [
                "victim" if v else role_of_status.get(word, "suspect")
                for v, word in zip(is_victim, status_words, strict=True)
            ],
            "status": status_words,
            "basis": ["fact"] * len(rows),
            "found_by": np.where(crimes.is_police_found[rows], "police", "victim").tolist(),
            "outcome": [OUTCOMES[o] for o in outcome_index],
            "owner": [f"D{number}" for number in owner_numbers],
            "live": ["yes" if word in ("named", "interviewed") else "no" for word in status_words],
        }
    )


def _write_some_twice(
    persons: pa.Table, events: pa.Table, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table, list[list[str]]]:
    """Some people stand in the force's records twice, with a slip in the name, and their events with both."""
    rows = np.flatnonzero(rng.random(persons.num_rows) < TWICE_SHARE)
    columns = persons.to_pydict()
    number_pairs = []
    for number_after, row in enumerate(rows.tolist(), start=persons.num_rows):
        twin_number = f"N{100_001 + number_after}"
        number_pairs.append([columns["person_number"][row], twin_number])
        for values in columns.values():
            values.append(values[row])
        columns["person_number"][-1] = twin_number
        columns["name"][-1] = columns["name"][row].replace("a", "aa", 1)
    twin_of = dict(number_pairs)
    is_event_moved = rng.random(events.num_rows) < 0.4
    event_numbers = [
        twin_of.get(n, n) if is_moved else n
        for n, is_moved in zip(events["person_number"].to_pylist(), is_event_moved, strict=True)
    ]
    column_index = events.column_names.index("person_number")
    return (
        pa.table(columns),
        events.set_column(column_index, "person_number", pa.array(event_numbers)),
        number_pairs,
    )


def _characteristics(
    plan: CityPlan, persons: pa.Table, rows: Ints, group: Ints, rng: np.random.Generator
) -> pa.Table:
    """Protected characteristics, apart: they are read by the report on differences alone."""
    count = persons.num_rows
    sex_of_event = np.where(rng.random(group.size) < 0.84, "male", "female")[rows]
    group_words = np.array(GROUPS)[group[rows]]
    is_missing = rng.random(count) < MISSING_SHARE
    is_seen_otherwise = rng.random(count) < 0.05
    officer_words = np.where(
        is_seen_otherwise, np.array(GROUPS)[rng.integers(0, len(GROUPS), count)], group_words
    )
    decile_by_borough = {
        name: 1 + index * 10 // len(plan.land.borough_names)
        for index, name in enumerate(plan.land.borough_names)
    }
    boroughs = persons["borough"].to_pylist()
    return pa.table(
        {
            "person_number": persons["person_number"],
            "sex": sex_of_event.tolist(),
            "ethnicity_self": np.where(is_missing, "", group_words).tolist(),
            "ethnicity_officer": officer_words.tolist(),
            "borough": boroughs,
            "deprivation_decile": [str(decile_by_borough[name]) for name in boroughs],
        }
    )


RESIDENTS: Final = 9_000_000


def _residents(plan: CityPlan) -> pa.Table:
    """How many residents each group has: a denominator of the report on differences."""
    city_residents = RESIDENTS * plan.settings.area_km2 / 1_600
    group_shares = [("ethnicity_self", g, s) for g, s in zip(GROUPS, GROUP_SHARES, strict=True)]
    group_shares += [("sex", "male", 0.49), ("sex", "female", 0.51)]
    borough_names = plan.land.borough_names
    group_shares += [("borough", name, 1 / len(borough_names)) for name in borough_names]
    return pa.table(
        {
            "characteristic": [c for c, _, _ in group_shares],
            "group": [g for _, g, _ in group_shares],
            "residents": [round(city_residents * share) for _, _, share in group_shares],
        }
    )
