"""One program of a soak: eight threads on one ledger in a file, each doing something else, for some seconds.

    python ledger_soak.py LEDGER SECONDS SEED

Prints one line of JSON: the numbers and hashes of all entries that were acknowledged, and what was refused.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from ledgers import access, arrest, draw_salt, erasure, open_sqlite, visit

from becalm.ledger import Checkpoint, EventToAppend, LedgerCopy, draw_key, verify_ledger
from becalm.ledger.store.backup import back_up
from becalm.terms import EventError, LedgerError

# What may be refused while others write: nothing else.
ALLOWED = ("last traces", "for too long", "has no payload", "have no payload", "in its copy")


class Soak:
    """A ledger, what was acknowledged, and what went wrong."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.seed = path, seed
        self.ledger = open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt)
        self.acknowledged: list[tuple[int, str]] = []
        self.details: list[int] = []
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()

    def append(self, rng: Random) -> None:
        moment = datetime.now(UTC)
        events = [EventToAppend(visit(f"p{rng.randint(1, 99)}", moment), rng.randbytes(20)) for _ in range(3)]
        entries = self.ledger.append([*events, EventToAppend(arrest(f"U{rng.randint(1, 9)}", moment))])
        self.acknowledged.extend((entry.seq, entry.hash) for entry in entries)
        self.details.extend(entry.seq for entry in entries[:3])

    def read_details(self, rng: Random) -> None:
        if self.details:
            self.ledger.payload(rng.choice(self.details), access=access(at=datetime.now(UTC)))

    def erase(self, rng: Random) -> None:
        if self.details:
            seqs = sorted({self.details.pop(rng.randrange(len(self.details)))})
            entry = self.ledger.erase(seqs, erasure=erasure(seqs, datetime.now(UTC)))
            self.acknowledged.append((entry.seq, entry.hash))

    def checkpoint(self, _rng: Random) -> None:
        key = draw_key()
        head = self.ledger.head()
        self.ledger.keep_checkpoint(
            Checkpoint(self.ledger.identity, head, datetime.now(UTC), key.id, "00" * 64)
        )

    def rebuild(self, _rng: Random) -> None:
        if differences := self.ledger.rebuild():
            raise AssertionError(f"a state table had gone astray: {differences[:3]}")

    def back_up(self, rng: Random) -> None:
        copy = self.path.parent / f"copy-{self.seed}-{rng.randbytes(6).hex()}.sqlite"
        back_up(self.path, copy, now=datetime.now(UTC))

    def verify(self, _rng: Random) -> None:
        copy = LedgerCopy(self.ledger.identity, self.ledger.rows, ())
        findings = [finding for finding in verify_ledger(copy).findings if finding.kind != "shorter"]
        if findings:
            raise AssertionError(f"it does not hold: {findings[:3]}")

    def work(self, act: Callable[[Random], None], until: float, rng: Random, pause_s: float) -> None:
        while time.monotonic() < until:
            try:
                act(rng)
                self.done[act.__name__] += 1
            except (LedgerError, EventError) as error:
                if not any(words in str(error) for words in ALLOWED):
                    self.faults.append(f"{act.__name__}: {error}")
                    return
            except Exception as error:  # noqa: BLE001 # whatever goes wrong is told
                self.faults.append(f"{act.__name__}: {error!r}")
                return
            time.sleep(pause_s * rng.random())


def main(path: Path, seconds: float, seed: int) -> None:
    soak = Soak(path, seed)
    until = time.monotonic() + seconds
    acts = (
        *((soak.append, 0.01), (soak.append, 0.01), (soak.read_details, 0.05), (soak.erase, 0.2)),
        *((soak.checkpoint, 0.02), (soak.rebuild, 1.0), (soak.back_up, 4.0), (soak.verify, 1.0)),
    )
    threads = [
        threading.Thread(target=soak.work, args=(act, until, Random(f"{seed} {number}"), pause_s))
        for number, (act, pause_s) in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    soak.ledger.close()
    told = {"acknowledged": soak.acknowledged, "faults": soak.faults, "done": soak.done}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
