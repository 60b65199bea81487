"""A proof of an entry and of a figure, checked in a bare Python without becalm; and proofs that are none."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.ledger.export import verifier_text
from becalm.ledger.signed_note import parse_note_key

Spoil = Callable[[dict[str, Any]], dict[str, Any]]
LOG = """\
arrested_at,place_easting_m,place_northing_m,unit,activity,offence
2020-04-29 22:15,530120,180410,VSU 2,weapon sweep,knife possession
2020-04-30 22:15,530120,180410,VSU 2,dedicated patrol,robbery
2020-05-01 01:00,530120,180410,VSU 2,warrant,wounding
2020-05-02 01:00,530120,180410,VSU 3,dedicated patrol,wounding
"""


def call(workspace: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proofs") / "city"
    call(folder, "init", "--city", "london")
    log = folder.parent / "arrests.csv"
    log.write_text(LOG, "utf-8")
    call(folder, "record", "import", str(log), "--kind", "arrest")
    call(folder, "record", "correct", "6", "--set", "unit=VSU 4")
    return folder


@pytest.fixture(scope="module")
def log_key(workspace: Path) -> str:
    lines = call(workspace, "record", "head").splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("log key"))


@pytest.fixture(scope="module")
def figure(workspace: Path) -> Path:
    period = ("--since", "2020-04-01", "--until", "2020-05-31")
    call(workspace, "record", "prove-arrests", *period, code=2)
    file = workspace.parent / "figure.json"
    told = call(workspace, "record", "prove-arrests", *period, "--purpose", "audit", "--out", str(file))
    assert "proved by" in told
    return file


def verify(folder: Path, file: Path, *words: str) -> tuple[int, str]:
    """The verifier alone, in an isolated Python that does not see what is installed."""
    (folder / "verify_ledger.py").write_text(verifier_text())
    command = [sys.executable, "-I", "-S", str(folder / "verify_ledger.py"), str(file), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_proof_of_an_entry_holds_in_a_bare_python(workspace: Path, log_key: str, tmp_path: Path) -> None:
    file = tmp_path / "entry5.tlog-proof"
    call(workspace, "record", "prove", "5", "--out", str(file))
    assert file.read_text("utf-8").startswith("c2sp.org/tlog-proof@v1\nextra ")
    code, told = verify(tmp_path, file, "--log-key", log_key)
    assert (code, "It holds" in told) == (0, True), told
    assert "arrest_made" in told
    for other_key in ((), ("--log-key", parse_note_key(log_key).text.replace("invalid", "example"))):
        code, told = verify(tmp_path, file, *other_key)
        assert (code, "no key that was given signed the head" in told) == (11, True), told


def test_a_figure_of_arrests_holds_in_a_bare_python(figure: Path, log_key: str, tmp_path: Path) -> None:
    proof = json.loads(figure.read_text("utf-8"))
    assert proof["arrests"] == len(proof["entries"]) > 1
    assert any(first != latest for first, latest in proof["entries"])
    code, told = verify(tmp_path, figure, "--log-key", log_key)
    assert (code, "It holds" in told) == (0, True), told
    assert f"{proof['arrests']} arrests" in told
    code, told = verify(
        tmp_path, figure, "--log-key", log_key, "--witness-key", log_key.replace("becalm", "w")
    )
    assert (code, "did not sign the head" in told) == (11, True), told


def spoil_first(how: Callable[[str], str]) -> Spoil:
    return lambda f: {**f, "proofs": [how(f["proofs"][0]), *f["proofs"][1:]]}


def spoil_entries(how: Callable[[list[list[int]]], list[list[int]]], *, more: int = 0) -> Spoil:
    return lambda f: {**f, "entries": how(f["entries"]), "arrests": f["arrests"] + more}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_entries(lambda e: e, more=1), "names another number of entries"),
        (spoil_entries(lambda e: [*e, e[0]], more=1), "names another number of entries"),
        (spoil_entries(lambda e: [[2, 2], *e[1:]]), "counts entry 2 without a proof"),
        (spoil_entries(lambda e: [[e[0][0], e[1][1]], *e[1:]]), "does not correct"),
        (lambda f: {**f, "since": "2020-05-01T12:00:00.000000Z"}, "at another time than the period"),
        (lambda f: {**f, "proofs": [p.replace("made 2", "made 1") for p in f["proofs"]]}, "no key that was"),
        (spoil_first(lambda proof: forge(proof, "VSU", "TSG")), "does not lead to the root"),
        (spoil_first(lambda proof: proof.replace("index ", "index 1")), "does not lead to the root"),
        (spoil_first(lambda proof: proof.replace("— ", "—  ")), "leads to another head"),
    ],
)
def test_a_proof_of_another_figure_does_not_hold(
    figure: Path, log_key: str, tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    spoiled = tmp_path / "figure.json"
    spoiled.write_text(json.dumps(spoil(json.loads(figure.read_text("utf-8")))))
    code, told = verify(tmp_path, spoiled, "--log-key", log_key)
    assert (code, reason in told) == (11, True), told


def forge(proof: str, old: str, new: str) -> str:
    """The same proof, of an entry that says something else."""
    lines = proof.split("\n")
    entry = base64.b64decode(lines[1].removeprefix("extra ")).decode().replace(old, new)
    return "\n".join([lines[0], f"extra {base64.b64encode(entry.encode()).decode()}", *lines[2:]])


@pytest.mark.parametrize(
    "text", ["{}", "{", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 1\n\nx\n"]
)
def test_what_is_no_proof_cannot_be_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.tlog-proof"
    file.write_text(text)
    code, told = verify(tmp_path, file)
    assert (code, "cannot be read" in told, "Traceback" in told) == (2, True, False), told
