"""Group commit: of the threads that wait to write, the first writes for all, and the next one after it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from becalm.terms import LedgerError

MOST_PER_BATCH = 512  # requests in one commit: a late one waits for no more than this many

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Request(Generic[Task, Answer]):
    """What one thread wants written; the writer fills in the answer or the error."""

    task: Task
    answer: Answer | None = None
    error: Exception | None = None
    wake_lock: threading.Lock = field(default_factory=threading.Lock)  # its thread waits until it is free


class GroupCommit(Generic[Task, Answer]):
    """Lets one waiting thread at a time write for all that wait.

    `write` fills in the answer or the error of each request. No thread of its own: the first in the queue
    writes while the others gather behind it, so one commit to the disk carries many.
    """

    # A thread of its own would cost every append two switches between threads, and would outlive a ledger
    # that nobody closed. A commit waits for the disk (milliseconds), linking an entry takes microseconds.

    def __init__(self, write: Callable[[Sequence[Request[Task, Answer]]], None]) -> None:
        self._write = write
        self._queue: deque[Request[Task, Answer]] = deque()
        self._guard = threading.Lock()
        self._is_writing = False
        self._last_batch_size = 1

    def submit(self, task: Task) -> Answer:
        """Have this written, and return when it is on the disk.

        Raises the BecalmError that kept it from being written.
        """
        request: Request[Task, Answer] = Request(task)
        request.wake_lock.acquire()
        with self._guard:
            self._queue.append(request)
            is_leader = not self._is_writing
            self._is_writing = True
        if not is_leader:
            try:
                request.wake_lock.acquire()  # until another wrote it, or hands over the lead
            except BaseException:  # somebody pressed the keys that stop a program
                self._give_up(request)
                raise
        if request.answer is None and request.error is None:
            self._lead()
        if request.error is not None:
            raise request.error
        if request.answer is None:
            raise LedgerError("The writer of the ledger gave no answer. Look whether the entry is there.")
        return request.answer

    def _give_up(self, request: Request[Task, Answer]) -> None:
        """Leave the queue; if the lead was just handed over, hand it on."""
        with self._guard:
            if request not in self._queue:
                return
            self._queue.remove(request)
            # The lock is free only if the lead was handed over in this very moment: were it not handed on,
            # every later append would wait for a leader that is gone.
            if not request.wake_lock.acquire(blocking=False):
                return
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the first in the queue lead, or nobody."""
        self._is_writing = bool(self._queue)
        if self._queue:
            self._queue[0].wake_lock.release()

    def _gather(self) -> None:
        """Let those that were written just now queue up again: they too share this commit."""
        # Else the woken threads would miss this commit by microseconds, and every second one be nearly empty.
        queue_length = 0
        while queue_length < len(self._queue) < self._last_batch_size:
            queue_length = len(self._queue)
            time.sleep(0)

    def _lead(self) -> None:
        """Write for all that wait now, wake them, and hand the lead to the next."""
        self._gather()
        with self._guard:
            batch = [self._queue.popleft() for _ in range(min(MOST_PER_BATCH, len(self._queue)))]
        self._last_batch_size = len(batch)
        try:
            self._write(batch)
        except BaseException as error:
            for request in batch:
                request.error = LedgerError(f"The writer of the ledger was stopped: {error!r}.")
            raise
        finally:
            with self._guard:
                self._hand_over()
            for request in batch[1:]:  # the first is this thread's own
                request.wake_lock.release()
