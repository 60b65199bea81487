"""Who somebody is by the word of a provider (OpenID Connect): the code flow with PKCE, and what must fit.

Authlib checks the claims and joserfc the signature; whatever is wrong becomes one ProviderError.
"""

from __future__ import annotations

import base64
import json
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749 import parameters
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.app.store.provider_accounts import Attempt
    from becalm.workspace.config import OidcEntry

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")  # of a key pair; never "none", never a shared secret
LEEWAY_S: Final = 60
FETCH_S: Final = 5.0
LARGEST_BYTES: Final = 512 * 1024
METADATA_KEPT_S: Final = 3600.0
KEYS_KEPT_S: Final = 300.0
PROOF_S: Final = 300  # within which somebody must have signed in there, where the act is grave
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class ProviderError(Exception):
    """The provider cannot be reached, or what it said does not fit. `code` is for the log alone."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_values: Any) -> None:
        return None


@dataclass
class Provider:
    """A provider as `[web.oidc]` describes it. What it publishes is fetched when it is first needed."""

    entry: OidcEntry
    secret: str
    _answers_by_address: dict[str, tuple[float, Mapping[str, Any]]] = field(default_factory=dict)

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes to sign in."""
        extra = {"prompt": "login", "max_age": "0"} if attempt.session_sha256 else {}
        return str(
            parameters.prepare_grant_uri(
                self._endpoint("authorization_endpoint"),
                client_id=self.entry.client,
                response_type="code",
                redirect_uri=redirect_uri,
                scope="openid profile",
                state=attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
                **extra,
            )
        )

    def read_claims(
        self, address: str, attempt: Attempt, redirect_uri: str, *, now: datetime
    ) -> Mapping[str, Any]:
        """What the provider says of the person who came back with this address; raises ProviderError."""
        try:
            code = parameters.parse_authorization_code_response(address, attempt.state)["code"]
            body = parameters.prepare_token_request(
                "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=attempt.verifier
            )
            answer = self._fetch(self._endpoint("token_endpoint"), body.encode())
            token = jwt.decode(str(answer["id_token"]), self._keys(), algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self.entry.issuer},
                    "aud": {"essential": True, "value": self.entry.client},
                },
                params={
                    "nonce": attempt.nonce,
                    "client_id": self.entry.client,
                    "access_token": answer.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
            self._check_proof(claims, attempt, now)
        except (AuthlibBaseError, JoseError) as error:
            raise ProviderError(f"{type(error).__name__}: {error.error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProviderError(f"malformed: {type(error).__name__}") from error
        return dict(claims)

    def _check_proof(self, claims: Mapping[str, Any], attempt: Attempt, now: datetime) -> None:
        """A grave act needs somebody who signed in there just now, not one whose session goes on."""
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise ProviderError("no subject")
        if attempt.session_sha256 and now.timestamp() - float(claims["auth_time"]) > PROOF_S:
            raise ProviderError("signed in too long ago")

    def _endpoint(self, name: str) -> str:
        metadata = self._kept_answer(
            f"{self.entry.issuer.rstrip('/')}/.well-known/openid-configuration", METADATA_KEPT_S
        )
        if metadata.get("issuer") != self.entry.issuer:
            raise ProviderError("the provider calls itself otherwise")
        endpoint = str(metadata.get(name, ""))
        if not is_safe(endpoint):
            raise ProviderError(f"{name} is not reached over TLS")
        return endpoint

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(dict(self._kept_answer(self._endpoint("jwks_uri"), KEYS_KEPT_S)))  # type: ignore[arg-type]  # what the provider publishes is looked at by joserfc

    def _kept_answer(self, address: str, seconds: float) -> Mapping[str, Any]:
        fetched_at, answer = self._answers_by_address.get(address, (float("-inf"), {}))
        if time.monotonic() - fetched_at > seconds:
            answer = self._fetch(address)
            self._answers_by_address[address] = (time.monotonic(), answer)
        return answer

    def _fetch(self, address: str, body: bytes | None = None) -> Mapping[str, Any]:
        """The JSON object at this address; with a body, as this client."""
        headers = {"Accept": "application/json"}
        if body is not None:
            pair = f"{quote(self.entry.client, safe='')}:{quote(self.secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = urllib.request.Request(address, body, headers)
        opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=FETCH_S) as response:
                answer = json.loads(response.read(LARGEST_BYTES))
        except (OSError, ValueError) as error:
            raise ProviderError(f"cannot be reached: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise ProviderError("did not answer with an object")
        return answer


def is_safe(address: str) -> bool:
    """Is this address reached over TLS, or on this machine?

    >>> is_safe("https://login.example.org"), is_safe("http://login.example.org")
    (True, False)
    """
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def read_secret(entry: OidcEntry, workspace_path: Path, from_environment: str) -> str:
    """The client's secret: from the environment, else from a file that nobody else may read."""
    if from_environment:
        return from_environment
    if not entry.secret_file:
        raise UsageError(
            "[web.oidc] has no secret. Put it into BECALM_OIDC_SECRET, or into a file with mode 600, and "
            "name that file under `secret_file`."
        )
    path = workspace_path / entry.secret_file
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise UsageError(f"The secret of [web.oidc], {path}, cannot be read: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"Others may read the secret of [web.oidc]. Run `chmod 600 {path}`.")
    if not secret:
        raise UsageError(f"The secret of [web.oidc], {path}, is empty.")
    return secret


def check_entry(entry: OidcEntry, known_roles: tuple[str, ...]) -> None:
    """Raise UsageError where `[web.oidc]` cannot be used as it stands."""
    if not is_safe(entry.issuer):
        raise UsageError(
            f"[web.oidc] issuer {entry.issuer!r:.80} is not reached over TLS. Give an https address."
        )
    if not entry.client:
        raise UsageError(
            "[web.oidc] names no `client`. Write the name under which the provider knows becalm."
        )
    unknown = [role for roles in entry.roles.values() for role in roles if role not in known_roles]
    if unknown or not entry.roles:
        problem = f"gives {unknown[0]!r:.60}, which is no role" if unknown else "gives nobody a role"
        raise UsageError(f"[web.oidc] roles {problem}. Roles are: {', '.join(known_roles)}.")
