"""Settings of the providers: one section for each type. Durations are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from signerd.config_values import Address, Duration, FilePath, Name, Section, problem

Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Credential = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
MountPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s@/]+(/\S*)?$")]


class Secret(Section):
    """Where a secret comes from: a file, an environment variable or a systemd credential."""

    file: FilePath | None = None
    env: Variable | None = None
    credential: Credential | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(source is not None for source in (self.file, self.env, self.credential)) != 1:
            raise problem("file", "needs one source of the secret: file, env or credential")
        return self


class ProviderSection(Section):
    """What all providers have in common.

    `call` and `create` limit a call and the making of a key, `concurrent` the calls under way.
    """

    in_process: ClassVar[bool] = False

    call: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    create: Annotated[Duration, Field(gt=0, le=600)] = 60.0
    concurrent: Annotated[int, Field(ge=1, le=4096)] = 256

    def secrets(self) -> Mapping[str, Secret]:
        """The secrets that the section names, by field."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in found if isinstance(value, Secret)}

    def variables(self) -> tuple[str, ...]:
        """Environment variables that hold secrets: they are taken out of the environment."""
        return tuple(secret.env for secret in self.secrets().values() if secret.env)


class LocalProvider(Section):
    """Key files in cosign's encrypted format. Without a password setting the default sources are tried."""

    in_process: ClassVar[bool] = True

    type: Literal["local"]
    directory: FilePath
    password_file: FilePath | None = None
    password_env: Variable | None = None
    password_credential: Credential | None = None
    verify_after_sign: Literal["sampled", "always"] = "sampled"

    def variables(self) -> tuple[str, ...]:
        """Environment variables that hold secrets: they are taken out of the environment."""
        return (self.password_env,) if self.password_env else ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [
            f
            for f in ("password_file", "password_env", "password_credential")
            if getattr(self, f) is not None
        ]
        if len(given) > 1:
            raise problem(given[1], f"contradicts {given[0]}; give one source of the password")
        return self


class MemoryProvider(Section):
    """Keys in memory, for tests: they are gone when the daemon stops."""

    in_process: ClassVar[bool] = True

    type: Literal["memory"]
    verify_after_sign: Literal["sampled", "always"] = "sampled"

    def variables(self) -> tuple[str, ...]:
        """None."""
        return ()


class K8sSecretProvider(ProviderSection):
    """Keys in Kubernetes Secrets of one namespace. Without `kubeconfig` the pod's own service account is used."""

    in_process: ClassVar[bool] = True

    type: Literal["k8s-secret"]
    namespace: Name
    kubeconfig: FilePath | None = None
    context: str | None = None
    verify_after_sign: Literal["sampled", "always"] = "sampled"


class AwsKmsProvider(ProviderSection):
    """Keys in AWS KMS. Credentials come from the SDK's default chain, or from a profile of its files.

    `signatures_per_second` is the account's quota that signerd may use; the workers share it.
    """

    type: Literal["aws-kms"]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    endpoint: Url | None = None
    profile: str | None = None
    alias_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]{0,64}$")] = "signerd/"
    signatures_per_second: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.alias_prefix.startswith("aws/"):
            raise problem("alias_prefix", "starts with aws/, which AWS keeps for its own keys")
        return self

    def variables(self) -> tuple[str, ...]:
        """The variables of the SDK that hold secrets."""
        return ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class GcpKmsProvider(ProviderSection):
    """Keys in Cloud KMS, made in one key ring. Credentials are the application default ones.

    `destroy_delay` is set for the keys that are made here: a destroyed version can be restored that long.
    `insecure_plaintext` is for tests: no TLS and no credentials, at an `endpoint` of one's own.
    """

    type: Literal["gcp-kms"]
    key_ring: Annotated[
        str,
        Field(
            pattern=r"^projects/[a-z0-9.:_-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]{1,63}$",
            max_length=320,
        ),
    ]
    protection: Literal["software", "hsm"] = "software"
    destroy_delay: Annotated[Duration, Field(ge=86_400, le=10_368_000)] = 2_592_000.0
    endpoint: Address | None = None
    insecure_plaintext: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.insecure_plaintext and self.endpoint is None:
            raise problem("endpoint", "is missing; insecure_plaintext is for an endpoint of one's own")
        return self


class VaultProvider(ProviderSection):
    """Keys in the transit engine of Vault or OpenBao.

    One `method` of logging in with what it needs. `mount` is transit's, `auth_mount` the method's. `jwt_file` is what
    Kubernetes and JWT log-ins send, read at each; `insecure_plaintext` allows http to other hosts.
    """

    type: Literal["vault-transit"]
    address: Url
    insecure_plaintext: bool = False
    mount: MountPath = "transit"
    namespace: Annotated[str, Field(pattern=r"^[\w./-]+$")] | None = None
    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    method: Literal["token", "approle", "kubernetes", "jwt"] = "token"
    auth_mount: MountPath | None = None
    token: Secret | None = None
    role: str | None = None
    role_id: Secret | None = None
    secret_id: Secret | None = None
    jwt_file: FilePath = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")

    @model_validator(mode="after")
    def _check(self) -> Self:
        needed = _VAULT_METHODS[self.method]
        for field in ("token", "role", "role_id", "secret_id"):
            given = getattr(self, field) is not None
            if field in needed and not given:
                raise problem(field, f"is missing; method {self.method} needs it")
            if given and field not in needed:
                raise problem(field, f"is not used by method {self.method}")
        if (self.cert is None) != (self.key is None):
            raise problem("cert", "goes with key; give both or neither")
        if not (self.insecure_plaintext or _is_safe(self.address)):
            raise problem("address", "sends tokens in the clear; use https, or set insecure_plaintext: true")
        return self


_VAULT_METHODS = {
    "token": ("token",),
    "approle": ("role_id", "secret_id"),
    "kubernetes": ("role",),
    "jwt": ("role",),
}


def _is_safe(address: str) -> bool:
    """Whether what is sent there stays secret: TLS, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


class Pkcs11Provider(ProviderSection):
    """Keys on a PKCS#11 token, which is named by its label or its serial number.

    `environment` is what the module finds there besides paths and locale; no secrets.
    """

    type: Literal["pkcs11"]
    module: FilePath
    environment: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(
        default_factory=dict
    )
    token: str | None = None
    serial: str | None = None
    pin: Secret
    call: Annotated[Duration, Field(gt=0, le=60)] = 2.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.token is None and self.serial is None:
            raise problem("token", "is missing; name the token by its label, or by its serial number")
        return self


ProviderConfig = Annotated[
    LocalProvider
    | MemoryProvider
    | K8sSecretProvider
    | AwsKmsProvider
    | GcpKmsProvider
    | VaultProvider
    | Pkcs11Provider,
    Field(discriminator="type"),
]


def shown_settings(section: Section) -> dict[str, str]:
    """Settings that every caller may see, as text: numbers, choices and names; no secret, and no file."""
    shown = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if name == "type" or name.startswith("password") or not isinstance(value, str | int | float):
            continue
        shown[name] = str(value).lower() if isinstance(value, bool) else _text(value)
    return shown


def _text(value: str | float) -> str:
    return f"{value:g}s" if isinstance(value, float) else str(value)
