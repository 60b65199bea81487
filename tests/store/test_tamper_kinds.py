"""Every kind of tampering that was thought of is seen, on both stores, where a head lies outside.

Without such a head some are not: which ones, and how often, stands in the manual, in a table that the long
test writes again.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from postgres import Server
from tamper_finer import POSTGRES_SUPERUSER, UNDO_SUPERUSER
from tamper_grounds import CASE, FileGround, ServerGround
from tamper_kinds import POSTGRES_GUARD_KINDS, POSTGRES_KINDS, SQLITE_GUARD_KINDS, SQLITE_KINDS
from tampering import open_as_owner, open_raw

from becalm.ledger import Verdict
from becalm.terms import LedgerError, TamperError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "tampering.md"
CONTRADICTED = ("restore", "rewritten", "end")  # by the head, whatever the ledger says of itself
DRAWS = 4  # of each kind, in the long test
FAMILIES = {  # what a tampering is named as, by what it touches
    **{family: {"schema"} for family in ("guard", "index", "table", "trigger")},
    "details": {"payload"},
    "state": {"state"},
    "head": {"checkpoint"},
    "sense": {"sense"},
    "end": {"shorter"},
    "edit": {"altered"},
    "edit and new hash": {"rewritten"},
}
EXCEPTIONS = {
    **{f"head: {how}": {"key"} for how in ("its key", "rubbish put in", "of an unknown key put in")},
    "head: all signed with another key": {"key"},
    "state: the table with rows of its own": {"schema"},
    **{f"edit and new hash: {column}": {"rewritten", "sense"} for column in ("kind", "version")},
    "edit and new hash: commitment": {"rewritten", "payload"},
}
# Where entries are not what they were, so are the state tables; keys behind the first bad one are not read.
CONSEQUENCES = {"edit": {"state", "key"}, "sense": {"state"}, "end": {"state"}}
FILE_KINDS = [*SQLITE_KINDS, *SQLITE_GUARD_KINDS]
SERVER_KINDS = [*POSTGRES_KINDS, *POSTGRES_GUARD_KINDS]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FileGround:
    return FileGround(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def server(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerGround]:
    made = ServerGround(postgres, tmp_path_factory.mktemp("server"))
    yield made
    postgres.sql(*UNDO_SUPERUSER, f"DROP DATABASE IF EXISTS {CASE} WITH (FORCE)")
    postgres.drop(made.honest)


def tamper_file(ground: FileGround, folder: Path, name: str, seed: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ground.honest, folder)
    path = folder / "ledger.sqlite"
    if name in SQLITE_KINDS:
        with open_raw(path) as db:
            SQLITE_KINDS[name](db, Random(seed), ground.scene)
            db.commit()
            last = db.exec_driver_sql(
                "SELECT seq, hash FROM event WHERE seq > 0 ORDER BY seq DESC LIMIT 1"
            ).first()
        if last is not None:  # who owns the file owns the note beside it
            (folder / "ledger.head").write_text(f"{last.seq} {last.hash}\n")
        else:
            (folder / "ledger.head").unlink()
    else:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in SQLITE_GUARD_KINDS[name]:
                connection.execute(statement)


def see_in_file(ground: FileGround, folder: Path, *, with_head: bool) -> Verdict | None:
    """The verdict; None where the ledger cannot even be opened, which says enough."""
    try:
        return ground.verify(folder, None if with_head else ()).verdict
    except (LedgerError, TamperError):
        return None


def tamper_server(ground: ServerGround, name: str, seed: int) -> str:
    ground.server.sql(*UNDO_SUPERUSER)
    url = ground.copy()
    with open_as_owner(ground.server.url(CASE)) as db:
        if name in POSTGRES_KINDS:
            POSTGRES_KINDS[name](db, Random(seed), ground.scene)
        db.commit()
    for statement in POSTGRES_GUARD_KINDS.get(name, ()):
        role = "none" if name in POSTGRES_SUPERUSER else "becalm_owner"
        ground.server.sql("SET search_path = becalm", f"SET ROLE {role}", statement, database=CASE)
    return url


def see_on_server(ground: ServerGround, url: str, *, with_head: bool) -> Verdict | None:
    kept = ground.anchors
    try:
        ground.anchors = kept if with_head else ()
        return ground.verify(url)
    except (LedgerError, TamperError):
        return None
    finally:
        ground.anchors = kept


def is_seen(verdict: Verdict | None) -> bool:
    return verdict is None or not verdict.holds


def test_more_than_a_hundred_kinds_are_tried_on_each_store() -> None:
    assert len(FILE_KINDS) >= 100
    assert len(SERVER_KINDS) >= 100


@pytest.mark.parametrize("name", FILE_KINDS)
def test_each_kind_is_seen_in_a_file_with_a_head_outside(
    files: FileGround, tmp_path: Path, name: str
) -> None:
    tamper_file(files, tmp_path / "case", name, 1)
    verdict = see_in_file(files, tmp_path / "case", with_head=True)
    assert is_seen(verdict)
    family = name.partition(":")[0]
    if verdict is not None and family in FAMILIES:
        kinds = {finding.kind for finding in verdict.findings} - CONSEQUENCES.get(family, set())
        assert kinds == EXCEPTIONS.get(name, FAMILIES[family])
    if (
        name.startswith(CONTRADICTED)
        and name != "restore: a new log with a false head"
        and verdict is not None
    ):
        assert verdict.is_contradicted, verdict.findings


@pytest.mark.parametrize("name", SERVER_KINDS)
def test_each_kind_is_seen_on_a_server_with_a_head_outside(server: ServerGround, name: str) -> None:
    verdict = see_on_server(server, tamper_server(server, name, 1), with_head=True)
    assert is_seen(verdict)
    if (
        name.startswith(CONTRADICTED)
        and name != "restore: a new log with a false head"
        and verdict is not None
    ):
        assert verdict.is_contradicted, verdict.findings


@pytest.mark.exhaustive
def test_the_chance_to_see_each_kind_stands_in_the_manual(
    files: FileGround, server: ServerGround, tmp_path: Path
) -> None:
    shares: dict[str, list[str]] = {name: ["", "", "", ""] for name in [*FILE_KINDS, *SERVER_KINDS]}
    for name in FILE_KINDS:
        seen = [0, 0]
        for seed in range(DRAWS):
            tamper_file(files, tmp_path / "case", name, seed)
            for place, with_head in enumerate((True, False)):
                seen[place] += is_seen(see_in_file(files, tmp_path / "case", with_head=with_head))
        shares[name][:2] = [f"{100 * n / DRAWS:.0f} %" for n in seen]
    for name in SERVER_KINDS:
        seen = [0, 0]
        for seed in range(DRAWS // 2):
            url = tamper_server(server, name, seed)
            for place, with_head in enumerate((True, False)):
                seen[place] += is_seen(see_on_server(server, url, with_head=with_head))
        shares[name][2:] = [f"{100 * n / (DRAWS // 2):.0f} %" for n in seen]
    rows = [
        f"| {name} | {' | '.join(share or '—' for share in told)} |" for name, told in sorted(shares.items())
    ]
    begin = PAGE.read_text("utf-8").partition("| kind |")[0]
    heading = "| kind | file, head outside | file, none | server, head outside | server, none |\n"
    heading += "|---|---|---|---|---|\n"
    PAGE.write_text(begin + heading + "\n".join(rows) + "\n", "utf-8")
    assert all(told[0] in ("", "100 %") and told[2] in ("", "100 %") for told in shares.values())
