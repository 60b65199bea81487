"""Becalm's own commands, called in one process as a force would call them, with a clock that is handed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

from becalm.desk import Caller
from becalm.terms import RehearsalError


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a command said: its exit code, what it printed, and what it said beside."""

    words: tuple[str, ...]
    exit_code: int
    text: str
    message: str

    @property
    def data(self) -> Any:
        """The answer, read as JSON; raises RehearsalError where it is none."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise RehearsalError(f"`becalm {' '.join(self.words)}` did not print JSON.") from error


RunCommand = Callable[[Sequence[str], Caller], CommandAnswer]
"""Run one command line (without `becalm`) for this caller: made by the composition root."""


@dataclass(slots=True)
class Clock:
    """The rehearsed time: it goes on by a second whenever it is read."""

    instant: datetime

    def now(self) -> datetime:
        """The instant, in UTC."""
        self.instant += timedelta(seconds=1)
        return self.instant


@dataclass(slots=True)
class Office:
    """The force's office: one workspace, and commands that are called in it one after the other.

    All chance is drawn from `seed`, the instant and the number of the draw, so that the same year gives the
    same answers. `refusals` keeps what was refused although nobody expected it.
    """

    run_command: RunCommand
    workspace: Path
    seed: int
    clock: Clock = field(default_factory=lambda: Clock(datetime(2000, 1, 1, tzinfo=UTC)))
    draw_count: int = 0
    refusals: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of the processor, by command

    def begin(self, instant: datetime) -> None:
        """Let it be this instant; draws are counted from there."""
        self.clock.instant, self.draw_count = instant, 0

    def call(self, *words: object, actor: str = "analyst", may_fail: bool = False) -> CommandAnswer:
        """Call a command in the workspace; what fails is kept, and ends the year unless it `may_fail`."""
        arguments = [*map(str, words), "--workspace", str(self.workspace), "--format", "json", "--quiet"]
        started = process_time()
        answer = self.run_command(arguments, Caller(actor, self.clock.now, self._draw_key, self._draw_seed))
        name = " ".join(str(word) for word in words[:2] if str(word).isalpha())
        self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - started
        if answer.exit_code and not may_fail:
            raise RehearsalError(
                f"On {self.clock.instant:%Y-%m-%d} `becalm {' '.join(map(str, words))}` ended with exit code "
                f"{answer.exit_code}: {answer.message.strip()}"
            )
        if answer.exit_code:
            self.refusals.append(f"{words[0]}: {answer.message.strip()}")
        return answer

    def _draw_key(self) -> bytes:
        self.draw_count += 1
        text = f"{self.seed} {self.clock.instant.isoformat()} {self.draw_count}"
        return hashlib.sha256(text.encode()).digest()

    def _draw_seed(self) -> int:
        return int.from_bytes(self._draw_key()[:8], "big") >> 1
