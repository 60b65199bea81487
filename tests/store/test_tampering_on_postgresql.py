"""Even the owner of the tables on a server is found out, once a head lies where he cannot reach it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from ledgers import open_postgres
from postgres import Server
from sqlalchemy import make_url
from tampering import START, WAYS, Scene, Way, desk_on, fill, open_as_owner

from becalm.desk import Desk
from becalm.ledger import Verdict
from becalm.record.core.request import VerifyRequest
from becalm.record.desk.verify import verify_record
from becalm.terms import FileName
from becalm.workspace.config import Config, Workspace, read_city

EACH = 3  # cases of each way
CASE = "tampered"


class Ground:
    """An honest ledger on a server, of which every case gets a copy of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.outside, self.ticks = server, folder / "outside", iter(range(10**9))
        self.workspace = Workspace(folder, Config(city=read_city("london")))
        self.honest = server.fresh_ledger()
        desk = self.desk(self.honest)
        self.scene: Scene = fill(desk, self.outside)
        desk.open_ledger().close()
        self.anchors = tuple(sorted(self.outside.glob("*.json")))

    def now(self) -> datetime:
        return START + timedelta(seconds=next(self.ticks))

    def desk(self, url: str) -> Desk:
        ledger = open_postgres(url, now=self.now, draw_salt=lambda: secrets.token_bytes(32))
        return desk_on(self.workspace, ledger, self.now)

    def copy(self) -> str:
        self.server.sql(
            f"DROP DATABASE IF EXISTS {CASE} WITH (FORCE)",
            f"CREATE DATABASE {CASE} TEMPLATE {make_url(self.honest).database}",
        )
        return make_url(self.honest).set(database=CASE).render_as_string()

    def verify(self, url: str) -> Verdict:
        desk = self.desk(url)
        try:
            return verify_record(
                desk, VerifyRequest(anchor=tuple(FileName(str(file)) for file in self.anchors))
            ).verdict
        finally:
            desk.open_ledger().close()


@pytest.fixture(scope="module")
def ground(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(postgres, tmp_path_factory.mktemp("server"))
    yield made
    postgres.sql(f"DROP DATABASE IF EXISTS {CASE} WITH (FORCE)")
    postgres.drop(made.honest)


def test_an_honest_ledger_on_a_server_holds(ground: Ground) -> None:
    verdict = ground.verify(ground.honest)
    assert verdict.findings == ()
    assert verdict.proven_outside_size == ground.scene.size


@pytest.mark.parametrize("way", list(dict.fromkeys(WAYS)), ids=lambda way: way.__name__)
def test_whatever_the_owner_of_the_tables_does_is_found_and_named(ground: Ground, way: Way) -> None:
    for seed in range(EACH):
        url = ground.copy()
        with open_as_owner(ground.server.url(CASE)) as db:
            expected = way(db, Random(seed), ground.scene)
            db.commit()
        verdict = ground.verify(url)
        assert not verdict.holds, expected
        if expected.low is not None:
            assert expected.low <= (verdict.first_bad or 0) <= (expected.high or 0), verdict.findings
