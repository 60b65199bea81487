"""The site in a process of its own at another time: `street_server.py WORKSPACE PORT TIME`."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from becalm.app.main import open_desk
from becalm.app.site import street_assets
from becalm.app.store.database import open_store
from becalm.app.web import make_app, make_site


def clock_from(start: str) -> object:
    """A clock that says this time when the machine's clock says a fixed one, and runs on with it."""
    shift = datetime.fromisoformat(start) - datetime(2026, 1, 1, tzinfo=UTC)
    begun = time.time()
    return lambda: datetime(2026, 1, 1, tzinfo=UTC) + shift + timedelta(seconds=time.time() - begun)


def main() -> None:
    """Serve until killed."""
    workspace, port, start = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    from dataclasses import replace

    if release := os.environ.get("STREET_RELEASE"):  # as if the pages had been changed
        street_assets._digest = lambda: release  # type: ignore[assignment]  # it was cached
    now = clock_from(start)
    desk = replace(open_desk(workspace), now=now)  # type: ignore[arg-type]  # it is a clock
    site = replace(make_site(desk, open_store(workspace, "")), now=now)  # type: ignore[arg-type]
    uvicorn.run(make_app(site), port=port, log_level="warning")


if __name__ == "__main__":
    main()
