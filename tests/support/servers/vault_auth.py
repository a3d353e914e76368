"""Log-ins and tokens of the fake Vault: leases, renewal up to a longest life, revocation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.servers.vault_engine import Refused

ROOT_TOKEN = "s.rootTokenOfTheFakeVault1"
ISSUED = "s.issued-"
"""How every token begins that a log-in gives."""
ROLE_ID = "5f0d1c2e-role-id-of-the-tests"
SECRET_ID = "9b8a7f6e-secret-id-of-the-tests"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzaWduZXJkIn0.c2lnbmF0dXJl"
ROLE = "signerd"


@dataclass
class Lease:
    """A token's life; times are of `time.monotonic`, None: it does not end."""

    began: float
    ends: float | None
    renewable: bool


@dataclass
class Auth:
    """`ttl` and `longest` in seconds, for tokens that are made from now on."""

    ttl: float = 3600
    longest: float = 86400
    renewable: bool = True
    refuse: bool = False
    tokens: dict[str, Lease] = field(default_factory=lambda: {ROOT_TOKEN: Lease(0, None, False)})

    def check(self, token: str) -> None:
        lease = self.tokens.get(token)
        if lease is None or (lease.ends is not None and lease.ends < time.monotonic()):
            raise Refused(403, "permission denied")

    def login(self, method: str, given: Mapping[str, Any]) -> dict[str, Any]:
        right = _METHODS.get(method)
        if right is None:
            path = f"auth/{method}/login"
            raise Refused(404, f'no handler for route "{path}". route entry not found.')
        if self.refuse or not right(given):
            raise Refused(400, f"invalid role or secret ID: {sorted(given.values())}")
        return self.made()

    def made(self) -> dict[str, Any]:
        token, now = f"{ISSUED}{secrets.token_hex(12)}", time.monotonic()
        self.tokens[token] = Lease(now, now + self.ttl, self.renewable)
        return self._shown(token, self.ttl)

    def renew(self, token: str) -> dict[str, Any]:
        lease = self.tokens[token]
        if lease.ends is None:
            raise Refused(400, "invalid lease ID")
        if not lease.renewable:
            raise Refused(400, "lease is not renewable")
        now = time.monotonic()
        lease.ends = min(now + self.ttl, lease.began + self.longest)
        return self._shown(token, lease.ends - now)

    def looked_up(self, token: str) -> dict[str, Any]:
        lease = self.tokens[token]
        ttl = 0 if lease.ends is None else int(lease.ends - time.monotonic())
        return {"id": token, "ttl": ttl, "renewable": lease.renewable, "type": "service"}

    def revoke_all(self) -> None:
        for token in [one for one in self.tokens if one != ROOT_TOKEN]:
            del self.tokens[token]

    def _shown(self, token: str, ttl: float) -> dict[str, Any]:
        return {
            "client_token": token,
            "accessor": "a",
            "policies": ["default", "signerd"],
            "lease_duration": int(ttl),
            "renewable": self.tokens[token].renewable,
            "token_type": "service",
        }


def _by_role(given: Mapping[str, Any]) -> bool:
    return given == {"role": ROLE, "jwt": JWT}


_METHODS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "approle": lambda given: given == {"role_id": ROLE_ID, "secret_id": SECRET_ID},
    "kubernetes": _by_role,
    "jwt": _by_role,
}
