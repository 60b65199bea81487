"""An honest ledger in a file and on a server, of which every case of tampering gets a copy of its own."""

import secrets
import shutil
import sys
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from types import ModuleType

from ledgers import open_postgres
from postgres import Server
from sqlalchemy import make_url
from tampering import NEXT_DAY, START, Expected, Scene, Way, desk_on, fill, open_raw, sqlite_desk

from becalm.desk import Desk
from becalm.ledger import Verdict
from becalm.ledger.export import verifier_text
from becalm.record.core.request import VerifyRequest
from becalm.record.desk.verify import VerifiedLedger, verify_record
from becalm.terms import FileName
from becalm.workspace.config import Config, Workspace, read_city

BACKUP = "an older backup"
CASE = "tampered"


def without_places(config: Config) -> Config:
    """The same settings, but heads come by hand: that the places they went to are gone is another test's."""
    return config.model_copy(update={"ledger": config.ledger.model_copy(update={"anchors": ()})})


class FileGround:
    """An honest ledger on disk, its heads outside, older backups, and the verifier that needs no becalm."""

    def __init__(self, folder: Path) -> None:
        self.config = Config(city=read_city("london"))
        self.honest, self.outside, self.backups = folder / "honest", folder / "outside", folder / "backups"
        self.honest.mkdir()
        desk = sqlite_desk(Workspace(self.honest, self.config))
        self.scene: Scene = fill(desk, self.outside, self.backups)
        desk.open_ledger().close()
        self.anchors = tuple(sorted(self.outside.glob("*.json")))
        self.verifier = folder / "verify_ledger.py"
        self.verifier.write_text(verifier_text())
        self.module = ModuleType("verify_ledger")
        sys.modules["verify_ledger"] = self.module
        file = str(
            files("becalm.ledger") / "standalone" / "verify_ledger.py"
        )  # named, so that it can be traced
        exec(compile(verifier_text(), file, "exec"), self.module.__dict__)  # as it is

    def tampered(self, into: Path, way: Way | None, rng: Random) -> Expected:
        if way is None:
            backup = rng.choice(sorted(self.backups.iterdir()))
            shutil.copytree(backup, into)
            return Expected(BACKUP, int(backup.name) + 1, int(backup.name) + 1)
        shutil.copytree(self.honest, into)
        with open_raw(into / "ledger.sqlite") as db:
            expected = way(db, rng, self.scene)
            db.commit()
        if rng.random() < 0.8:
            (into / "ledger.head").unlink()
        return expected

    def verify(self, folder: Path, anchors: tuple[Path, ...] | None = None) -> VerifiedLedger:
        desk = sqlite_desk(Workspace(folder, without_places(self.config)), start=NEXT_DAY)
        try:
            files = self.anchors if anchors is None else anchors
            return verify_record(desk, VerifyRequest(anchor=tuple(FileName(str(file)) for file in files)))
        finally:
            desk.open_ledger().close()

    def verify_alone(self, place: Path) -> tuple[bool, int | None, set[str]]:
        """What the stand-alone verifier says, in this process."""
        anchors = [self.module.read_anchor(str(path)) for path in self.anchors]
        verdict = self.module.Verdict(self.module.Ledger(place), anchors)
        return not verdict.findings, verdict.first_bad(), {fate for fate, _, _ in verdict.findings}


class ServerGround:
    """An honest ledger on a server, of which every case gets a copy of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.outside, self.ticks = server, folder / "outside", iter(range(10**9))
        self.workspace = Workspace(folder, Config(city=read_city("london")))
        self.honest = server.fresh_ledger()
        desk = self.desk(self.honest)
        self.scene: Scene = fill(desk, self.outside)
        desk.open_ledger().close()
        self.workspace = Workspace(folder, without_places(self.workspace.config))
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
