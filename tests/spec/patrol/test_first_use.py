"""The first plan on a machine is told to take longer: the planner is compiled for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ASK = "from becalm.patrol.desk.plan import is_first_use; print(is_first_use())"


def asked(cache: Path) -> str:
    process = subprocess.run(
        [sys.executable, "-c", ASK],
        env={"NUMBA_CACHE_DIR": str(cache), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def test_a_machine_that_compiled_nothing_says_so(tmp_path: Path) -> None:
    assert asked(tmp_path) == "True"
