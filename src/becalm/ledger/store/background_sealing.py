"""A thread that seals what was handed in, soon after it was, so that whoever handed it in need not wait."""

import atexit
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, Self

from becalm.terms import BecalmError

SEAL_EVERY_S: Final = 0.25  # so that all is sealed within a second, and many share a sealing
FIRST_PAUSE_S: Final = 0.01  # while another program seals
LAST_WORDS_S: Final = 5.0  # at the end, for what is still to be sealed


class BackgroundSealing:
    """Calls `seal` a moment after each waking, until it says that nothing waits any more.

    What cannot be sealed now (the server is away, the clock is wrong) is tried again and again: it is on the
    disk. A program that ends without `stop` leaves it to the next.
    """

    def __init__(self, seal: Callable[[], bool]) -> None:
        self._seal, self._has_work, self._is_urgent = seal, threading.Event(), threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="becalm-sealing", daemon=True)
        self._thread.start()
        atexit.register(self.stop)  # before the connections are closed

    def wake(self, *, is_urgent: bool = False) -> None:
        """Something was handed in; `is_urgent`: somebody waits for its number."""
        self._has_work.set()
        if is_urgent:
            self._is_urgent.set()

    def stop(self) -> None:
        """Seal once more, and end."""
        atexit.unregister(self.stop)
        self._is_stopping = True
        self.wake(is_urgent=True)
        self._thread.join(LAST_WORDS_S)

    def _run(self) -> None:
        while not self._is_stopping:
            self._has_work.wait()
            self._is_urgent.wait(SEAL_EVERY_S)
            self._has_work.clear()
            self._is_urgent.clear()
            self._seal_all()

    def _seal_all(self) -> None:
        deadline, pause_s = time.monotonic() + LAST_WORDS_S / 2, FIRST_PAUSE_S
        while not (self._is_stopping and time.monotonic() > deadline):
            try:
                if not self._seal():
                    return
            except BecalmError:  # it stays on the disk; `becalm record verify` tells of what waits for long
                pause_s = SEAL_EVERY_S
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, SEAL_EVERY_S)


class SealingProcess:
    """Keeps sealing what programs hand in until it is stopped. As a context: sealing inside of it.

    Several may run, on several hosts: each seals what the others did not get to.
    """

    def __init__(self, place: str, begin: Callable[[], BackgroundSealing]) -> None:
        self.place, self._begin = place, begin
        self._is_stopping = threading.Event()

    def __enter__(self) -> Self:
        """Begin; raises a BecalmError where the ledger may not be written."""
        self._sealing = self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        """Seal once more."""
        self._sealing.stop()

    def serve_forever(self) -> None:
        """Look for what waits, until the process is told to stop (SIGTERM)."""
        old_handler = signal.signal(signal.SIGTERM, self._stop)
        try:
            while not self._is_stopping.wait(SEAL_EVERY_S):
                self._sealing.wake()
        finally:
            signal.signal(signal.SIGTERM, old_handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping.set()
