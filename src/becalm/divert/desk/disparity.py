"""The report on differences between groups: the only reader of protected characteristics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from becalm.desk import Desk, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import NO_CASE
from becalm.divert.core.crime_events import ROLES, SUSPECT_ROLES
from becalm.divert.core.disparity import (
    CHARACTERISTICS,
    DisparityRow,
    age_band,
    compare_groups,
    count_groups,
    stages_of,
)
from becalm.divert.core.population import years_between
from becalm.divert.core.request import DisparityRequest
from becalm.divert.core.score import select_people
from becalm.divert.core.small_counts import OVERSIGHT, withhold_from_disparity
from becalm.divert.desk.context import (
    born_on,
    last_entry,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
)
from becalm.divert.desk.lists import check_day, read_population
from becalm.divert.files.protected_store import ProtectedStore
from becalm.divert.files.read_characteristics import read_characteristics, read_residents
from becalm.divert.files.records_file import Records
from becalm.formats.durable_files import make_private_folder, sha256_of_text
from becalm.formats.json_text import json_text

RESIDENTS_KEY: Final = ""


@dataclass(frozen=True, slots=True)
class DisparityReport:
    """Every group at every stage against every denominator, and what nobody recorded."""

    rule: str
    as_of: date
    mode: str
    rows: tuple[DisparityRow, ...]
    missing_shares: Mapping[str, float]  # of people whose group is not recorded, by characteristic
    sha256: str
    is_signed: bool


def report_disparity(desk: Desk, request: DisparityRequest) -> DisparityReport:
    """Does the rule, or do those who apply it, fall unevenly on groups?

    Raises CaseError where no characteristics were taken in; a report that nobody could read is no report.
    """
    desk = require_role(desk, "disparity")
    records_store = records_file(desk)
    records, rule = records_store.read(), read_rule_in_force(desk)
    make_private_folder(records_store.folder)
    store = ProtectedStore(records_store.folder, records_store, desk.protected_url)
    if request.load:
        _take_in(desk, store, request)
    as_of = check_day(desk, request.as_of)
    protected_rows = store.read()
    if not protected_rows:
        raise step_refusal(
            "load", "no characteristics were taken in", "give them with `load`; they stay apart"
        )
    residents = protected_rows.pop(RESIDENTS_KEY, {})
    rows = _compare_all(desk, records, protected_rows, residents, as_of)
    sha256 = sha256_of_text(json_text([str(row) for row in rows]))
    if request.sign:
        facts = {"rule_sha256": rule.sha256, "report_sha256": sha256, "as_of": as_of.isoformat()}
        record_event(desk, kinds.DISPARITY, purpose=request.purpose, facts=facts)
    signature = last_entry(desk, kinds.DISPARITY)
    is_signed = signature is not None and signature.event.facts["report_sha256"] == sha256
    shares = _missing_shares(records, protected_rows)
    if desk.role == OVERSIGHT:
        rows = withhold_from_disparity(rows)
    return DisparityReport(
        f"{rule.key} {rule.version}", as_of, programme_mode(desk), rows, shares, sha256, is_signed
    )


def _take_in(desk: Desk, store: ProtectedStore, request: DisparityRequest) -> None:
    """Read the files, find the pseudonyms by the keyed hash, and put the rows apart."""
    records_store = records_file(desk)
    records = records_store.read()
    columns = (records.people[name].to_pylist() for name in ("number_hmac", "person"))
    person_by_hash = dict(zip(*columns, strict=True))
    characteristics = read_characteristics(Path(str(request.load)))
    hashes = records_store.keyed_hashes(list(characteristics), of="number")
    characteristics_by_person = {
        person_by_hash[number_hash]: row
        for number_hash, row in zip(hashes, characteristics.values(), strict=True)
        if number_hash in person_by_hash
    }
    if request.residents:
        characteristics_by_person[RESIDENTS_KEY] = read_residents(Path(request.residents))
    store.write(characteristics_by_person)


def _compare_all(
    desk: Desk,
    records: Records,
    protected_rows: Mapping[str, Mapping[str, str]],
    residents: Mapping[str, str],
    as_of: date,
) -> tuple[DisparityRow, ...]:
    people_by_stage = _people_by_stage(desk, records, as_of)
    people_by_denominator = _people_by_denominator(records)
    rows: list[DisparityRow] = []
    for characteristic in CHARACTERISTICS:
        group_by_person = (
            _age_bands(records, as_of)
            if characteristic == "age_band"
            else {person: row.get(characteristic, "") for person, row in protected_rows.items()}
        )
        residents_by_group = {
            name.partition("=")[2]: int(count)
            for name, count in residents.items()
            if name.startswith(f"{characteristic}=")
        }
        counts = count_groups(
            characteristic, group_by_person, people_by_stage, people_by_denominator, residents_by_group
        )
        rows += compare_groups(counts)
    return tuple(rows)


def _people_by_stage(desk: Desk, records: Records, as_of: date) -> dict[str, list[str]]:
    rule, ledger = read_rule_in_force(desk), desk.open_ledger()
    population = read_population(records, rule)
    selection = select_people(population.events, population.adult_day, rule, as_of_day=population.day(as_of))
    selected_people = records.people["person"].take(selection.rows).to_pylist()
    rows = [row for row in ledger.state_rows("case") if row["state"] != NO_CASE]
    states = {str(row["subject"]): str(row["state"]) for row in rows}
    history: dict[str, set[str]] = {person: set() for person in states}
    for entry in ledger.entries(kinds=(kinds.DECISION, "visit_made")):
        if entry.event.subject in history:
            history[entry.event.subject].add(str(entry.event.facts.get("decision", entry.event.kind)))
    return stages_of(states, selected_people, history)


def _people_by_denominator(records: Records) -> dict[str, list[str]]:
    """Everybody who was recorded as a suspect, and as a victim, of any crime that was taken in."""
    events, names = records.crime_events(), records.people["person"].to_pylist()
    is_suspect = events.role < len(SUSPECT_ROLES)
    is_victim = events.role == ROLES.index("victim")
    return {
        "recorded suspects": [names[row] for row in sorted(set(events.person[is_suspect].tolist()))],
        "recorded victims": [names[row] for row in sorted(set(events.person[is_victim].tolist()))],
    }


def _age_bands(records: Records, as_of: date) -> dict[str, str]:
    pseudonyms = records.people["person"].to_pylist()
    births = (born_on(records, row) for row in range(len(pseudonyms)))
    return {
        name: age_band(None if birth is None else years_between(birth, as_of))
        for name, birth in zip(pseudonyms, births, strict=True)
    }


def _missing_shares(records: Records, protected_rows: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    pseudonyms = records.people["person"].to_pylist()
    return {
        characteristic: sum(not protected_rows.get(name, {}).get(characteristic) for name in pseudonyms)
        / len(pseudonyms)
        for characteristic in CHARACTERISTICS
        if characteristic != "age_band"
    }
