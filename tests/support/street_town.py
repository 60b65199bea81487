"""A town whose units are on a tour, with visits for one of them, and the site of it in a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import patrol_town
import town
from sites import person
from visit_cases import Clock, approve, desk_for
from visit_programme import Programme

from becalm.app.store.accounts import find_account
from becalm.app.store.database import open_store
from becalm.app.store.sessions import open_session
from becalm.divert.core.request import LoadRequest
from becalm.divert.core.visits import request as ask
from becalm.divert.desk.people import load_people
from becalm.divert.desk.visits.price import price_visits

DAY = date(2020, 5, 4)
HOUR = datetime(2020, 5, 4, 13, 10, tzinfo=UTC)  # 14:10 in London, early on the tour
SERVER = Path(__file__).with_name("street_server.py")


def unit_of(workspace: Path) -> str:
    """The unit with the most bursts left on the tour that is under way."""
    best = ("", 0)
    for path in sorted((workspace / "patrol" / "plan" / "tours").glob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        for tour in content["tours"]:
            starts, ends = (datetime.fromisoformat(tour[name]) for name in ("starts_at", "ends_at"))
            if starts <= HOUR < ends:
                left = sum(datetime.fromisoformat(stop["ends_at"]) > HOUR for stop in tour["stops"])
                best = max(best, (content["unit"], left), key=lambda pair: pair[1])
    return best[0]


def build(folder: Path) -> Path:
    """A planned town with a programme of visits, of which one falls to a unit on tour."""
    files = town.simulate(folder / "files")
    workspace = patrol_town.workspace_of(files, folder / "workspace")
    patrol_town.plan(workspace, workspace / "patrol" / "plan")
    unit = unit_of(workspace)
    lines = [
        "day,unit,area,base,mode,start,hours,crew,burst_share,pair,use",
        f"{DAY},{unit},Ash,{_first_base(workspace)},vehicle,12:00,8,2,0.9,,visits",
    ]
    (workspace / "crews.csv").write_text("\n".join(lines) + "\n", "utf-8")
    load = LoadRequest(
        persons=str(files / "divert" / "persons.csv"), events=str(files / "divert" / "events.csv")
    )
    load_people(desk_for(workspace, Clock(), "analyst"), load)
    programme = Programme(workspace)
    approve(programme.desk("approver"), programme.people[:3], date(2020, 5, 3))
    price = ask.PriceRequest(people=50, chance=(0.45,), crews=2, cities=1, sign=True)
    price_visits(programme.desk("programme owner"), price)
    programme.go_to(DAY, 8)
    schedule = programme.schedule(DAY)
    programme.go_to(DAY, 13)
    for visit in schedule.visits:
        programme.check(visit.person)
    return workspace


def _first_base(workspace: Path) -> str:
    plan = json.loads((workspace / "patrol" / "plan" / "plan.json").read_text("utf-8"))
    return str(plan["bases"][0]["base"])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class StreetSite:
    """The site of a workspace, which can be killed and started again at the same address."""

    workspace: Path
    port: int = field(default_factory=free_port)
    at: datetime = HOUR
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, release: str = "") -> None:
        """Serve; with a `release`, the pages of a newer one."""
        words = [sys.executable, str(SERVER), str(self.workspace), str(self.port), self.at.isoformat()]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path]), "STREET_RELEASE": release}
        self.process = subprocess.Popen(words, env=environment)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the site did not start")

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def cookie(self, role: str) -> str:
        """The session of somebody with this role alone."""
        store = open_store(self.workspace, "")
        try:
            account = find_account(store, person(store, role))
            assert account
            return open_session(store, account, role, now=self.at)
        finally:
            store.close()


@contextmanager
def serve_copy(workspace: Path, folder: Path) -> Iterator[StreetSite]:
    """The site of a copy of this workspace, made in `folder` with the key that is kept beside it."""
    site = StreetSite(town.copy(workspace.parent, folder) / workspace.name)
    site.start()
    yield site
    site.kill()
