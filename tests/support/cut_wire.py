"""A wire to a PostgreSQL server that can be cut while something is under way."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


@dataclass
class Wire:
    """Passes on what is said, until it hears the word at which it is to be cut."""

    server: Path  # the server's folder
    folder: Path  # the one that its clients are told
    cut_at: bytes = b""  # empty: never
    passes_on: bool = True  # the word itself still reaches the server; the answer never comes back
    is_down: bool = False  # nobody gets through any more
    stays_down: bool = False  # once cut
    cuts: int = 0
    _ends: list[socket.socket] = field(default_factory=list)

    def serve(self, door: socket.socket) -> None:
        """Let clients in until the door is closed."""
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.server / SOCKET))
            self._ends += [client, server]
            cut, answered = threading.Event(), threading.Event()
            for work in (self._ask, self._answer):
                told = (client, server, cut, answered)
                threading.Thread(target=work, args=told, daemon=True).start()

    def _ask(
        self, client: socket.socket, server: socket.socket, cut: threading.Event, answered: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while said := client.recv(65_536):
                if self.cut_at and self.cut_at in said:
                    self.cut_at, self.is_down, self.cuts = b"", self.stays_down, self.cuts + 1
                    cut.set()
                    if self.passes_on:
                        server.sendall(said)
                        answered.wait(10)
                    break
                server.sendall(said)
        close(client)
        close(server)

    def _answer(
        self, client: socket.socket, server: socket.socket, cut: threading.Event, answered: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while said := server.recv(65_536):
                if cut.is_set():  # the server has answered, and nobody hears it
                    break
                client.sendall(said)
        answered.set()
        close(client)
        close(server)

    def close(self) -> None:
        """Cut everything."""
        for end in self._ends:
            close(end)


def close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def wire_to(server: Path) -> Iterator[Wire]:
    """A wire to the server in this folder."""
    with tempfile.TemporaryDirectory(prefix="becalm-wire-") as folder, socket.socket(socket.AF_UNIX) as door:
        wire = Wire(server, Path(folder))
        door.bind(str(wire.folder / SOCKET))
        door.listen(50)
        threading.Thread(target=wire.serve, args=(door,), daemon=True).start()
        yield wire
        door.shutdown(socket.SHUT_RDWR)
        wire.close()
