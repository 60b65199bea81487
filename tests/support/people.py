"""A handful of people drawn by hand, and a programme that steps about them are taken in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from town import becalm

from becalm.divert.core.screening import CHECKS

TODAY = datetime.now(UTC).date()
NAMES = {
    "N101": ("Ada Ashgrove", "1990-02-03"),
    "N102": ("Bram Corsley", "1988-07-01"),
    "N103": ("Cleo Dunwater", str(TODAY - timedelta(days=16 * 365))),
    "N104": ("Dara Eastholm", ""),
    "N105": ("Edda Farrowby", "1991-01-01"),
    "N106": ("Finn Gullwick", "1992-01-01"),
    "N107": ("Gita Harpenmoor", "1993-01-01"),
    "N108": ("Hale Ingstrand", "1985-05-05"),
    "N109": ("Haale Ingstrand", "1985-05-05"),
    "N110": ("Ines Jessop", "1979-12-12"),
    "N111": ("Joss Kelmarsh", "1981-03-04"),
}
FIRM_DAYS = (20, 60, 100, 150)  # days ago: no single one decides


def event(number: str, days_ago: int, **changes: str) -> dict[str, str]:
    row = {
        "person_number": number,
        "crime_ref": f"C-{number}-{days_ago}",
        "occurred_on": str(TODAY - timedelta(days=days_ago)),
        "offence": "34B",
        "role": "charged",
        "status": "charged",
        "basis": "fact",
        "found_by": "victim",
        "outcome": "",
        "owner": "D1001",
        "live": "no",
    }
    return row | changes


def events_of_all() -> list[dict[str, str]]:
    firm = [event(number, days) for number in ("N101", "N102", "N110", "N111") for days in FIRM_DAYS]
    firm.append(event("N111", 30, role="suspect", status="named", owner="pat", live="yes"))
    firm.append(event("N111", 400))
    victim = {"role": "victim", "status": ""}
    others = [
        *(event(number, days) for number in ("N103", "N104", "N108", "N109") for days in FIRM_DAYS),
        event("N102", 45, **victim),
        *(event("N105", days, **victim) for days in FIRM_DAYS),
        *(event("N106", days, found_by="police") for days in FIRM_DAYS),
        *(event("N107", days) for days in (200, 250, 300)),
    ]
    return firm + others


def write_csv(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_people(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    persons = [
        {"person_number": n, "name": name, "born_on": born, "address": f"{n[1:]} Kelp Row", "phone": ""}
        for n, (name, born) in NAMES.items()
    ]
    return write_csv(folder / "persons.csv", persons), write_csv(folder / "events.csv", events_of_all())


@dataclass
class Programme:
    """A workspace with people in it, and commands given by people in their roles."""

    workspace: Path
    files: Path
    ledger_url: str = ""

    def run(self, role: str, actor: str, *words: object, code: int = 0) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BECALM_WORKSPACE", str(self.workspace))
            patch.setenv("BECALM_ROLE", role)
            patch.setenv("BECALM_ACTOR", actor)
            if self.ledger_url:
                patch.setenv("BECALM_LEDGER", self.ledger_url)
            result = becalm("divert", *words, code=code)
            assert "Traceback" not in result.output
            return result

    def ask(self, role: str, actor: str, *words: object) -> Any:
        return json.loads(self.run(role, actor, *words, "--format", "json").stdout)

    def person(self, number: str) -> str:
        """The pseudonym of a person, as the one who holds the key finds it."""
        from becalm.divert.files.records_file import RecordsFile

        file = RecordsFile(self.workspace, bytes)
        records = file.read()
        wanted = file.keyed_hash(number, of="number")
        row = records.people["number_hmac"].to_pylist().index(wanted)
        return str(records.people["person"][row].as_py())

    def begin(self) -> None:
        """Report on differences and papers signed, purge run: people can be approved."""
        characteristics = [
            {"person_number": n, "sex": "male", "ethnicity_self": "AB"[i % 2], "borough": "Camden"}
            for i, n in enumerate(NAMES)
        ]
        file = write_csv(self.files / "characteristics.csv", characteristics)
        owner = ("programme owner", "ola")
        self.run(*owner, "disparity", "--load", file, "--sign")
        papers = self.files / "papers"
        self.run(*owner, "govern", "--out", papers, "--sign", "--legal-basis", "common law; DPA 2018 Part 3")
        self.run("system administrator", "sys", "purge")

    def nominate(self, number: str, sentence: str, *words: object, code: int = 0) -> Result:
        reason = ("--code", "recent_harm", "--sentence", sentence)
        return self.run("nominator", "nora", "nominate", self.person(number), *reason, *words, code=code)

    def screen(self, number: str, **answers: str) -> Result:
        checks = [f"--check={check.name}={answers.get(check.name, 'no')}" for check in CHECKS]
        return self.run("screener", "sam", "screen", self.person(number), *checks)

    def approve(
        self,
        number: str,
        sentence: str,
        *,
        actor: str = "abe",
        codes: Sequence[str] = ("recent_harm",),
        code: int = 0,
    ) -> Result:
        reason = [word for name in codes for word in ("--code", name)]
        words = (*reason, "--sentence", sentence)
        return self.run("approver", actor, "approve", self.person(number), *words, code=code)

    def open_evidence(self, number: str, actor: str = "abe") -> Any:
        return self.ask("approver", actor, "explain", self.person(number), "--purpose", "decision")


def make_programme(folder: Path, ledger_url: str = "") -> Programme:
    """A new workspace with the drawn people taken in."""
    becalm("init", folder / "w", "--city", "london")
    persons, events = write_people(folder / "files")
    programme = Programme(folder / "w", folder / "files", ledger_url)
    programme.run("analyst", "ana", "load", persons, events)
    return programme


def day_text(day: date) -> str:
    return day.isoformat()
