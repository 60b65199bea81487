"""How fast is a ledger verified: by becalm, by the stand-alone verifier, and read without being verified?"""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from _measure import new_ledger, report, seconds

from becalm.ledger import Event, EventToAppend, LedgerCopy, format_instant, verify_ledger
from becalm.ledger.chain import COLUMNS
from becalm.ledger.chain_check import SenseRules
from becalm.ledger.export import VERIFIER, verifier_text

ENTRIES = 100_000
BATCH = 5_000
TARGET_PER_SECOND = 100_000


def arrests(first: int, count: int) -> Iterator[EventToAppend]:
    """Arrests as a log brings them."""
    for n in range(first, first + count):
        facts = {
            "unit": f"VSU {n % 40}",
            "activity": "dedicated violence suppression",
            "place_easting_m": 530_000 + n % 9_000,
            "place_northing_m": 180_000 + n % 7_000,
            "offence": "possession of an offensive weapon",
            "reference": f"R{n:07d}",
        }
        yield EventToAppend(
            Event("arrest_made", 1, datetime.now(UTC), "PC 101", "officer", "arrest log", facts), None
        )


def main() -> None:
    """Fill a ledger, and verify it in each way."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = new_ledger(path)
        for first in range(0, ENTRIES, BATCH):
            ledger.append(list(arrests(first, BATCH)))

        def verify() -> None:
            # As `becalm record verify` does it: the chain here, what stands beside it on another core.
            collect_audit = ledger.start_audit()
            rules = SenseRules(set(ledger.kinds.by_key), format_instant(datetime.now(UTC)))
            verdict = verify_ledger(
                LedgerCopy(
                    ledger.identity,
                    ledger.rows,
                    (),
                    ledger.payload_commitments(),
                    ledger.noted_heads(),
                    sense_rules=rules,
                    findings=(finding for finding in collect_audit()),
                )
            )
            assert verdict.holds
            assert verdict.size == ENTRIES

        def read() -> None:
            with sqlite3.connect(path) as raw:
                for _ in raw.execute(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY seq"):
                    pass

        spent = seconds(verify, repeats=3)
        peer = f"sqlite3 {sqlite3.sqlite_version}: reading the rows alone"
        report(
            f"verify a ledger of {ENTRIES:,} entries",
            spent,
            peer,
            seconds(read, repeats=3),
            most=ENTRIES / TARGET_PER_SECOND,
        )
        # Both sides of it by the processor's time, which other work on the machine alters less.
        before = time.process_time()
        verify()
        chain_seconds, before = time.process_time() - before, time.process_time()
        gc.disable()  # as in the process that folds
        ledger.run_checks(ledger.audit_states)
        fold_seconds = time.process_time() - before
        gc.enable()
        longer_seconds = max(chain_seconds, fold_seconds)
        report(
            f"the same, processor time of the longer side (chain {chain_seconds:.2f} s, folding "
            f"{fold_seconds:.2f} s)",
            longer_seconds,
            most=ENTRIES / TARGET_PER_SECOND,
        )
        ledger.close()
        script = Path(folder) / VERIFIER
        script.write_text(verifier_text(), "utf-8")
        command = [sys.executable, "-I", "-S", str(script), str(path)]
        alone = seconds(lambda: subprocess.run(command, check=True, capture_output=True), repeats=3)
        report(
            f"verify {ENTRIES:,} entries by the stand-alone verifier", alone, "becalm record verify", spent
        )


if __name__ == "__main__":
    main()
