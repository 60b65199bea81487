"""A provider of OpenID Connect in a process of its own: small, real, and able to say what is not so.

`python provider.py` prints the port on which it listens. In the address of `/plan`, `fault` is the fault of
the next sign-in and `person` who signs in there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "becalm", "a secret of the tests"
PEOPLE = {
    "ann": {"sub": "0001", "preferred_username": "ann.oakley@force.example", "groups": ["analysts"]},
    "sam": {"sub": "0002", "preferred_username": "sam.reed@force.example", "groups": ["administrators"]},
    "bob": {"sub": "0003", "preferred_username": "bob.hill@force.example", "groups": ["catering"]},
    "odd": {"sub": "0004", "preferred_username": "<b>x</b>", "groups": ["analysts"]},
}
FAULTS = (
    *("state", "nonce", "issuer", "audience", "algorithm none", "algorithm shared", "expired", "not yet"),
    *("another key", "no token", "not json", "error", "no subject", "unknown key", "azp"),
    *("authorised party", "odd claims", "silent"),
)


@dataclass
class Provider:
    """A provider that is running."""

    issuer: str

    def plan(self, **choices: str) -> None:
        """Choose the next person and the next fault."""
        urllib.request.urlopen(f"{self.issuer}/plan?{urlencode(choices)}").read()


@contextmanager
def run_provider() -> Iterator[Provider]:
    """The provider, in its own process."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Provider(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}) for _ in range(2))
PLAN: dict[str, str] = {}
CODES: dict[str, dict[str, str]] = {}


class Handler(BaseHTTPRequestHandler):
    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def log_message(self, *_args: Any) -> None:
        pass

    def send(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/plan":
            PLAN.clear()
            PLAN.update(query)
            self.send({})
        elif parts.path == "/.well-known/openid-configuration":
            pages = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            self.send({"issuer": self.issuer, **{n: f"{self.issuer}/{p}" for n, p in pages.items()}})
        elif parts.path == "/keys":
            self.send({"keys": [KEY.as_dict(private=False)]})
        elif parts.path == "/authorize":
            self.authorize(query)
        else:
            self.send({}, 404)

    def authorize(self, query: dict[str, str]) -> None:
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code, fault = secrets.token_urlsafe(16), PLAN.get("fault", "")
        CODES[code] = {**query, "fault": fault, "person": PLAN.get("person", "ann")}
        back = {"code": code, "state": "tampered" if fault == "state" else query["state"]}
        if fault == "error":
            back = {"error": "access_denied", "state": query["state"]}
        self.send(b"", 303, Location=f"{query['redirect_uri']}?{urlencode(back)}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        pair = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()).decode()
        asked = CODES.pop(fields.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        ).rstrip(b"=")
        is_right = asked and asked["code_challenge"].encode() == challenge
        if self.headers["Authorization"] != f"Basic {pair}" or not is_right:
            self.send({"error": "invalid_grant"}, 400)
            return
        assert asked
        self.answer(asked)

    def answer(self, asked: dict[str, str]) -> None:
        fault, claims = asked["fault"], self.claims(asked)
        token = sign(claims, fault)
        if fault == "not json":
            self.send(b"<html>")
        elif fault == "silent":
            self.close_connection = True
        else:
            self.send({"token_type": "Bearer", **({} if fault == "no token" else {"id_token": token})})

    def claims(self, asked: dict[str, str]) -> dict[str, Any]:
        fault, now = asked["fault"], int(time.time())
        claims: dict[str, Any] = {
            **PEOPLE[asked["person"]],
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "auth_time": now - (3600 if fault == "old sign-in" else 0),
        }
        changes: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"},
            "issuer": {"iss": "https://evil.example"},
            "audience": {"aud": "another client"},
            "authorised party": {"aud": [CLIENT, "another"], "azp": "another"},
            "azp": {"azp": "another"},
            "expired": {"exp": now - 3600, "iat": now - 7200},
            "not yet": {"nbf": now + 3600},
            "odd claims": {"exp": "tomorrow", "aud": {"x": 1}},
        }
        claims |= changes.get(fault, {})
        if fault == "no subject":
            del claims["sub"]
        return claims


def sign(claims: dict[str, Any], fault: str) -> str:
    """The token, signed as it should be or not."""
    if fault == "algorithm none":
        parts = ({"alg": "none"}, claims)
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return f"{'.'.join(texts)}."
    header = {"alg": "RS256", "kid": "other" if fault == "unknown key" else "first"}
    key: Any = OTHER_KEY if fault == "another key" else KEY
    if fault == "algorithm shared":  # the public key, taken for a secret
        header, key = {"alg": "HS256"}, OctKey.import_key(KEY.as_pem(private=False))
    return jwt.encode(header, claims, key, algorithms=["RS256", "HS256"])


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
