"""Whoever changes a ledger behind becalm's back is found out, and the first bad entry is named."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from ledgers import SetClock, draw_salt, open_sqlite
from sqlalchemy import Connection
from tamper_grounds import FileGround
from tampering import NEXT_DAY, WAYS, Expected, Scene, Way, open_raw, sqlite_desk

from becalm.desk import Desk, record_event
from becalm.ledger.signing import SigningKey, draw_key, handover_bytes
from becalm.record.core.request import ExportRequest
from becalm.record.desk.verify import export_record
from becalm.terms import FileName
from becalm.workspace.config import Workspace

EXHAUSTIVE = 10_000
QUICK = 8  # of each way


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileGround]:
    made = FileGround(tmp_path_factory.mktemp("ground"))
    yield made
    sys.modules.pop("verify_ledger", None)


def attack(ground: FileGround, folder: Path, way: Way | None, seed: int) -> str:
    """Tamper once; what went wrong with finding it, in words, empty if nothing did."""
    expected = ground.tampered(folder, way, Random(seed))
    verdict = ground.verify(folder).verdict
    alone = ground.verify_alone(folder / "ledger.sqlite")
    shutil.rmtree(folder)
    said = f"{expected} (seed {seed}): {verdict.first_bad} {[f.description for f in verdict.findings]}"
    if verdict.holds:
        return f"not found: {said}"
    if expected.low is not None and not expected.low <= (verdict.first_bad or 0) <= (expected.high or 0):
        return f"wrong entry: {said}"
    # It is not shown the note beside the file, and knows neither tables nor kinds.
    unseen_alone = ("schema", "state", "sense")
    told = [f for f in verdict.findings if "ledger.head" not in f.description and f.kind not in unseen_alone]
    told = [f for f in told if (f.kind, f.first_seq) != ("payload", None)]
    first = min((f.first_seq for f in told if f.first_seq is not None), default=None)
    if alone != (not told, first, {f.kind for f in told}):
        return f"the verifiers differ: {alone} {said}"
    return ""


def test_an_honest_ledger_holds_and_every_entry_is_proven(ground: FileGround) -> None:
    verdict = ground.verify(ground.honest).verdict
    assert verdict.findings == ()
    assert verdict.size == verdict.proven_size == verdict.proven_outside_size == ground.scene.size
    assert ground.verify_alone(ground.honest / "ledger.sqlite") == (True, None, set())


@pytest.mark.parametrize("way", [*dict.fromkeys(WAYS), None], ids=lambda w: w.__name__ if w else "old_backup")
def test_every_way_of_tampering_is_found_and_named(
    ground: FileGround, tmp_path: Path, way: Way | None
) -> None:
    wrong = [attack(ground, tmp_path / "case", way, seed) for seed in range(QUICK if way else 4)]
    assert [words for words in wrong if words] == []


@pytest.mark.exhaustive
def test_ten_thousand_tamperings_are_all_found(ground: FileGround, tmp_path: Path) -> None:
    ways = (*WAYS, None)
    wrong = [attack(ground, tmp_path / "case", ways[n % len(ways)], 1_000 + n) for n in range(EXHAUSTIVE)]
    assert [words for words in wrong if words] == []


def hand_over(desk: Desk, old: SigningKey, signer: SigningKey | None, ledger: str = "") -> SigningKey:
    """Name a new key that the old one is said to vouch for; who signs that is another matter."""
    new = draw_key()
    message = handover_bytes(ledger or desk.open_ledger().identity, old.id, new.public_key)
    facts = {"old_key": old.id, "new_key": new.id, "new_public_key": new.public_key}
    facts["old_signature"] = signer.sign(message) if signer else ""
    record_event(desk, "key_rotated", purpose="proof", facts=facts)
    return new


@pytest.mark.parametrize(
    "signer", ["the key before it", "nobody", "the first key", "its own", "for another ledger"]
)
def test_a_key_is_handed_over_by_the_key_before_it_alone(
    ground: FileGround, tmp_path: Path, signer: str
) -> None:
    shutil.copytree(ground.honest, tmp_path / "copy")
    desk = sqlite_desk(Workspace(tmp_path / "copy", ground.config), start=NEXT_DAY - timedelta(hours=1))
    first_key = ground.scene.key
    second_key = hand_over(desk, first_key, first_key)
    keys = {"nobody": None, "the first key": first_key, "its own": draw_key()}
    ledger = "f" * 32 if signer == "for another ledger" else ""
    hand_over(desk, second_key, keys.get(signer, second_key), ledger)
    desk.open_ledger().close()
    seq = ground.scene.size + 2
    expected = [] if signer == "the key before it" else [("key", seq)]
    findings = ground.verify(tmp_path / "copy").verdict.findings
    assert [(f.kind, f.first_seq) for f in findings] == expected
    alone = ground.verify_alone(tmp_path / "copy" / "ledger.sqlite")
    assert alone == (not expected, seq if expected else None, {kind for kind, _ in expected})


def alone(ground: FileGround, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier as a stranger would: no installed package, no environment, no becalm."""
    return subprocess.run(  # our own file
        [sys.executable, "-I", "-S", str(ground.verifier), str(place), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.sep,
        env={},
    )


def test_a_stranger_verifies_with_nothing_installed(ground: FileGround, tmp_path: Path) -> None:
    anchors = [word for path in ground.anchors for word in ("--anchor", str(path))]
    honest = alone(ground, ground.honest / "ledger.sqlite", *anchors)
    assert (honest.returncode, honest.stderr) == (0, "")
    (head,) = re.findall(r"root ([0-9a-f]{64})", honest.stdout)
    assert honest.stdout.splitlines()[:2] == [
        f"Ledger {ground.scene.identity}: {ground.scene.size} entries, root {head}",
        f"It holds. Entries 1 to {ground.scene.size} agree with a head that was kept outside.",
    ]
    assert "give one with --anchor" not in honest.stdout
    bare = alone(ground, ground.honest / "ledger.sqlite").stdout.splitlines()
    assert bare[1:3] == ["It holds.", "No head that was kept outside was compared: give one with --anchor."]
    assert bare[3].startswith("Not shown: whether entries after 0 were cut off or rewritten.")
    ground.tampered(tmp_path / "case", WAYS[0], Random(1))
    found = alone(ground, tmp_path / "case" / "ledger.sqlite", "--json", *anchors)
    assert found.returncode == 11
    assert json.loads(found.stdout)["first_bad"] == ground.verify(tmp_path / "case").verdict.first_bad
    assert alone(ground, tmp_path / "nothing").returncode == 2


def test_an_export_is_verified_like_the_ledger(ground: FileGround, tmp_path: Path) -> None:
    shutil.copytree(ground.honest, tmp_path / "copy")
    (tmp_path / "copy" / "becalm.toml").write_text("")  # its hash is recorded with the export
    desk = sqlite_desk(Workspace(tmp_path / "copy", ground.config), start=NEXT_DAY)
    out = export_record(desk, ExportRequest(out=FileName(str(tmp_path / "out")), purpose="audit")).folder
    desk.open_ledger().close()
    assert alone(ground, out, "--anchor", str(ground.anchors[-1])).returncode == 0
    lines = (out / "entries.jsonl").read_text().splitlines(keepends=True)
    lines[6] = lines[6].replace("VSU", "TSG")
    (out / "entries.jsonl").write_text("".join(lines))
    broken = alone(ground, out, "--json")
    assert broken.returncode == 11
    assert json.loads(broken.stdout)["first_bad"] == 7


def test_without_a_head_kept_outside_the_verdict_says_what_it_cannot_show(
    ground: FileGround, tmp_path: Path
) -> None:
    way = next(way for way in WAYS if way.__name__ == "rewrite_from")
    ground.tampered(tmp_path / "case", way, Random(3))
    with open_raw(tmp_path / "case" / "ledger.sqlite") as db:  # and the note of the head beside it
        last = db.exec_driver_sql("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").one()
    (tmp_path / "case" / "ledger.head").write_text(f"{last.seq} {last.hash}\n")
    with closing(open_sqlite(tmp_path / "case" / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)) as db:
        db.rebuild()  # whoever rewrites all of it folds the state tables too
    verdict = ground.verify(tmp_path / "case", anchors=()).verdict
    assert verdict.holds
    assert any("wrote all of it again" in note for note in verdict.notes)


def test_an_older_copy_and_a_rewriting_are_told_apart_in_words(ground: FileGround, tmp_path: Path) -> None:
    backup = min(ground.backups.iterdir(), key=lambda path: int(path.name))
    older = ground.verify(backup).verdict
    assert {f.kind for f in older.findings} == {"shorter"}
    assert "older copy, or its end was cut off" in older.findings[0].description
    way = next(way for way in WAYS if way.__name__ == "rewrite_from")
    ground.tampered(tmp_path / "case", way, Random(3))
    rewriting = ground.verify(tmp_path / "case").verdict
    assert {f.kind for f in rewriting.findings} == {"rewritten", "state"}
    assert "rewritten" in rewriting.findings[0].description


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE event SET actor = CAST(x'ff41' AS TEXT) WHERE seq = 7", 7),
        ("UPDATE event SET facts = '{' WHERE seq = 7", 7),
        ("UPDATE event SET facts = 'NaN' WHERE seq = 1", 1),
        ("DELETE FROM event", 1),
        ("UPDATE ledger SET tree = 'zz'", None),
        ("UPDATE ledger SET size = size + 1", None),
    ],
)
def test_what_can_hardly_be_read_is_named_too(
    ground: FileGround, tmp_path: Path, statement: str, first: int | None
) -> None:
    def way(db: Connection, rng: Random, scene: Scene) -> Expected:
        db.exec_driver_sql(statement)
        return Expected(statement, first, first)

    assert attack(ground, tmp_path / "case", way, 0) == ""
