"""What a client needs to know to connect: endpoint and credentials, from arguments or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from signerd.client.endpoints import Endpoint, parse_endpoint
from signerd.core.locations import default_socket, home
from signerd.errors import Reason, SignerdError

ENDPOINT_VARIABLE = "SIGNERD_ADDR"
VARIABLES = {
    "ca": "SIGNERD_CACERT",
    "cert": "SIGNERD_CERT",
    "key_file": "SIGNERD_KEY",
    "token": "SIGNERD_TOKEN",
    "token_file": "SIGNERD_TOKEN_FILE",
}


class Credentials(TypedDict, total=False):
    """Credentials as arguments. `ca`, `cert`, `key_file` and `token_file` are paths of PEM or text files.

    `expected_uid` is the user that the daemon runs as; without it the socket must be the current user's or root's.
    """

    ca: str
    cert: str
    key_file: str
    token: str
    token_file: str
    insecure: bool
    expected_uid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An endpoint with the credentials for it; never a combination that would send secrets in the clear."""

    endpoint: Endpoint
    ca: str = ""
    cert: str = ""
    key_file: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""
    insecure: bool = False
    expected_uid: int | None = None

    def __post_init__(self) -> None:
        if bool(self.cert) != bool(self.key_file):
            raise _invalid("a client certificate and its key go together", "cert")
        if self.token and self.token_file:
            raise _invalid("give the token or the file that holds it, not both", "token")
        if not self.endpoint.is_unix:
            self._check_tcp()

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return bool(self.ca or self.cert)

    def _check_tcp(self) -> None:
        if self.insecure and self.uses_tls:
            raise _invalid("TLS settings and insecure plaintext contradict each other", "insecure")
        if not self.insecure and not self.uses_tls:
            raise _invalid(
                f"{self.endpoint} has no TLS settings; give a CA (--ca, {VARIABLES['ca']}), "
                "or say insecure plaintext (--insecure-plaintext)",
                "ca",
            )
        if self.insecure and (self.token or self.token_file):
            raise _invalid("a token is not sent over insecure plaintext; use TLS", "token")


def settings_from(env: Mapping[str, str], endpoint: str = "", **credentials: Unpack[Credentials]) -> Settings:
    """Settings from arguments, and what they leave out from the environment.

    Without an endpoint it is the socket under the home directory. With an endpoint in the arguments the token of
    the environment is used too: the variables are meant for one daemon. Raises ENDPOINT_INVALID.
    """
    text = endpoint or env.get(ENDPOINT_VARIABLE, "") or f"unix:{default_socket(home(env))}"
    found: Credentials = {
        "ca": env.get(VARIABLES["ca"], ""),
        "cert": env.get(VARIABLES["cert"], ""),
        "key_file": env.get(VARIABLES["key_file"], ""),
        **_token(env, credentials),
    }
    return Settings(endpoint=parse_endpoint(text), **(found | credentials))


def _token(env: Mapping[str, str], credentials: Credentials) -> Credentials:
    if credentials.get("token") or credentials.get("token_file"):
        return {}
    return {"token": env.get(VARIABLES["token"], ""), "token_file": env.get(VARIABLES["token_file"], "")}


def _invalid(message: str, field: str) -> SignerdError:
    return SignerdError(Reason.ENDPOINT_INVALID, message, field=field)
