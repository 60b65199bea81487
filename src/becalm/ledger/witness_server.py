"""A witness over HTTP: `POST /add-checkpoint`, and the newest head of a log under `GET /checkpoint?origin=`.

By the standard library, for a few logs on a closed network. It asks nobody who he is: what counts is the
signature of the log on what is sent. Put a proxy with TLS before it where the network is not closed.
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from becalm.ledger.witness import LARGEST_REQUEST, Witness, WitnessReply
from becalm.terms import LedgerError

PATIENCE_S = 10  # for a client that says nothing


def make_server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """A server of this witness; raises LedgerError where the port cannot be had."""

    class Handler(_WitnessHandler):
        served_witness = witness

    try:
        return _Server((host, port), Handler)
    except OSError as error:
        raise LedgerError(
            f"The witness cannot listen on {host}:{port} ({error}). Name another port."
        ) from error


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Bind as it is: the library would ask a name server what this computer is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]


class _WitnessHandler(BaseHTTPRequestHandler):
    served_witness: ClassVar[Witness]
    protocol_version = "HTTP/1.1"  # so that a connection may be used again
    timeout = PATIENCE_S

    def do_POST(self) -> None:  # the library's name
        """An offer of a head."""
        if urlsplit(self.path).path.rstrip("/") != "/add-checkpoint":
            return self._answer(WitnessReply(404, "Offer a head to /add-checkpoint.\n"))
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_REQUEST:
            self.close_connection = True
            return self._answer(WitnessReply(413, f"Say how long it is, at most {LARGEST_REQUEST} bytes.\n"))
        try:
            text = self.rfile.read(int(length)).decode()
        except (UnicodeDecodeError, OSError):
            return self._answer(WitnessReply(400, "This is no text.\n"))
        return self._answer(self.served_witness.add_checkpoint(text))

    def do_GET(self) -> None:  # the library's name
        """The newest head of a log, or who the witness is."""
        url = urlsplit(self.path)
        if url.path != "/checkpoint":
            return self._answer(WitnessReply(200, f"{self.served_witness.key.text}\n"))
        origin = parse_qs(url.query).get("origin", [""])[0]
        note = self.served_witness.read_newest(origin)
        return self._answer(
            WitnessReply(200, str(note)) if note else WitnessReply(404, "No head of this log was signed.\n")
        )

    def _answer(self, reply: WitnessReply) -> None:
        content = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was signed stands in the folder."""
