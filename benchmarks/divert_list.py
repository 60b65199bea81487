"""The list from 200,000 people and a million events, and one person's page of reasons.

The peer is an outsider's script: the rule written again from its published page in plain Python, which must
come to the very same list. It does not say how firm the answers are, which takes most of our time; that it
agrees says what a reader can check.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from secrets import token_bytes
from time import process_time

import numpy as np
import pyarrow as pa
from _measure import report

from becalm.divert.core.crime_events import EPOCH, OUTCOMES, ROLES, SOURCES, STATUSES
from becalm.divert.core.explanation import explain_person
from becalm.divert.core.population import population_of
from becalm.divert.core.rule import FORMAL, Rule
from becalm.divert.core.score import find_cuts, select_people
from becalm.divert.files.read_rule import read_rule
from becalm.divert.files.records_file import EMPTY_RECORDS, EVENT_SCHEMA, PERSON_SCHEMA, Records, RecordsFile

PEOPLE = int(sys.argv[1]) if sys.argv[1:] else 200_000
EVENTS = 5 * PEOPLE
AS_OF = date(2020, 5, 31)


def draw_records(rule: Rule) -> Records:
    """People of whom few account for many events."""
    rng = np.random.default_rng(1)
    weights = rng.gamma(0.15, size=PEOPLE)
    person = np.sort(rng.choice(PEOPLE, EVENTS, p=weights / weights.sum()))
    words = (*(harm.offence for harm in rule.offences), "Shoplifting", "Other theft", "Possession of drugs")
    role = rng.choice(len(ROLES), EVENTS, p=[0.4, 0.15, 0.1, 0.3, 0.05])
    as_of_day = (AS_OF - EPOCH).days
    columns = {
        "person": person,
        "crime": np.arange(EVENTS) // 2,
        "day": as_of_day - rng.integers(0, 500, EVENTS),
        "offence": rng.integers(0, len(words), EVENTS),
        "role": role,
        "status": np.where(role < 3, rng.integers(1, len(STATUSES), EVENTS), 0),
        "basis": np.zeros(EVENTS, np.int64),
        "found_by": rng.choice(len(SOURCES), EVENTS, p=[0.7, 0.1, 0.15, 0.02, 0.03]),
        "outcome": rng.choice(len(OUTCOMES), EVENTS, p=[0.96, 0.03, 0.01]),
    }
    arrays = {name: pa.array(values).cast(EVENT_SCHEMA.field(name).type) for name, values in columns.items()}
    refs = pa.array([f"C{n:08d}" for n in range(EVENTS // 2 + 1)]).take(pa.array(columns["crime"]))
    texts = {"crime_ref": refs, "owner": pa.array([""] * EVENTS), "live": pa.array(np.zeros(EVENTS, bool))}
    born = as_of_day - rng.integers(10 * 365, 60 * 365, PEOPLE)
    people = {
        "person": [f"P-{n:014x}" for n in range(PEOPLE)],
        **{name: [""] * PEOPLE for name in ("number_hmac", "details_hmac", "match_hmac")},
        "born_day": pa.array(born, pa.int32(), mask=rng.random(PEOPLE) < 0.02),
        "seq": np.arange(PEOPLE),
        "main": pa.array(np.arange(PEOPLE), pa.int32()),
    }
    return Records(
        pa.table(people, schema=PERSON_SCHEMA),
        pa.table(arrays | texts, schema=EVENT_SCHEMA),
        EMPTY_RECORDS.reasons,
        words,
        "0" * 64,
    )


def select_again(records: Records, rule: Rule) -> list[int]:
    """The list as an outsider computes it from the published page, event by event."""
    bands, as_of_day = rule.bands(), (AS_OF - EPOCH).days
    last_birth = (date(AS_OF.year - rule.adult_age, AS_OF.month, AS_OF.day) - EPOCH).days
    best: dict[int, dict[int, int]] = {}
    days: dict[int, set[int]] = {}
    formal: dict[int, set[int]] = {}
    names = ("person", "crime", "day", "offence", "role", "status", "found_by", "outcome")
    for who, crime, day, offence, role, status, found_by, outcome in zip(
        *(records.events[name].to_pylist() for name in names), strict=True
    ):
        band, word = bands.get(records.offence_words[offence], 0), STATUSES[status]
        age = as_of_day - day
        if role > 2 or not band or outcome or found_by > 1 or word == "eliminated" or not 0 <= age <= 365:
            continue
        points = band * rule.points.for_age(age) * rule.points.by_status[word]
        theirs = best.setdefault(who, {})
        theirs[crime] = max(points, theirs.get(crime, 0))
        days.setdefault(who, set()).add(day)
        if word in FORMAL:
            formal.setdefault(who, set()).add(crime)
    births = records.people["born_day"].to_pylist()
    scored = []
    for who, crimes in best.items():
        points = sum(sorted(crimes.values(), reverse=True)[: rule.points.most_events])
        is_adult = births[who] is not None and births[who] <= last_birth
        newest = max(days[who])
        if (
            is_adult and points and len(crimes) >= rule.gate.crimes and len(days[who]) >= rule.gate.dates
            and formal.get(who) and as_of_day - newest <= rule.gate.recent_days
        ):  # fmt: skip
            scored.append((points, newest, who))
    scored.sort(reverse=True)
    if len(scored) > rule.limit:
        tie = scored[rule.limit - 1][:2]
        whole = scored[rule.limit][:2] != tie
        scored = [row for row in scored[: rule.limit] if whole or row[:2] != tie]
    return sorted(who for *_, who in scored)


def main() -> None:
    """List, explain, and do it again as an outsider."""
    rule = read_rule()
    with tempfile.TemporaryDirectory() as folder:
        file = RecordsFile(Path(folder), lambda: token_bytes(32))
        file.keyed_hashes([], of="number")  # draws the key
        file.write(draw_records(rule))
        start = process_time()
        records = file.read()
        population = population_of(records.crime_events(), records.born_day, records.main, rule)
        as_of_day = population.day(AS_OF)
        selection = select_people(population.events, population.adult_day, rule, as_of_day=as_of_day)
        list_s = process_time() - start
        start = process_time()
        records = file.read()
        population = population_of(records.crime_events(), records.born_day, records.main, rule)
        cut, other_cut = find_cuts(population.events, population.adult_day, rule, as_of_day=as_of_day)
        row = int(selection.rows[0])
        born_on = EPOCH + timedelta(days=records.people["born_day"][row].as_py())
        explain_person(
            records.person_at(row), records.rows_of_person(row), born_on, rule,
            as_of=AS_OF, cut=cut, other_cut=other_cut,
        )  # fmt: skip
        explain_s = process_time() - start
        start = process_time()
        again = select_again(records, rule)
        outsider_s = process_time() - start
    assert again == sorted(selection.rows.tolist()), "the outsider comes to another list"
    peer = "the rule written again in plain Python, the same list"
    label = f"{PEOPLE:,} people, {EVENTS:,} events: {len(again):,} selected"
    report(f"list of {label}", list_s, peer, outsider_s, most=5, most_mb=1_000)
    report(f"page of reasons and where the list ends, {PEOPLE:,} people", explain_s, most=2)


if __name__ == "__main__":
    main()
