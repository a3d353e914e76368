"""Settings of the providers: one section for each type. Durations are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from signerd.config_values import Duration, FilePath, Section, problem

Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Credential = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
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
    """Keys in Kubernetes Secrets. Without `kubeconfig` the pod's own service account is used."""

    in_process: ClassVar[bool] = True

    type: Literal["k8s-secret"]
    namespace: str
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
    alias_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]{1,64}$")] = "signerd/"
    signatures_per_second: Annotated[int, Field(ge=1, le=100_000)] = 1000

    def variables(self) -> tuple[str, ...]:
        """The variables of the SDK that hold secrets."""
        return ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class GcpKmsProvider(ProviderSection):
    """Keys in Cloud KMS, made in one key ring. Credentials are the application default ones.

    `endpoint` and `insecure_plaintext` are for tests.
    """

    type: Literal["gcp-kms"]
    key_ring: Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+$")]
    protection: Literal["software", "hsm"] = "software"
    endpoint: str | None = None
    insecure_plaintext: bool = False


class VaultProvider(ProviderSection):
    """Keys in the transit engine of Vault or OpenBao.

    One way to log in: `token`, or a `method` with what it needs. `mount` is transit's, `auth_mount` the method's.
    """

    type: Literal["vault-transit"]
    address: Url
    mount: str = "transit"
    namespace: str | None = None
    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    token: Secret | None = None
    method: Literal["token", "approle", "kubernetes", "jwt"] = "token"
    auth_mount: str | None = None
    role: str | None = None
    role_id: Secret | None = None
    secret_id: Secret | None = None
    jwt: Secret | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        needs = {
            "token": ("token",),
            "approle": ("role_id", "secret_id"),
            "kubernetes": ("role",),
            "jwt": ("role", "jwt"),
        }
        for field in needs[self.method]:
            if getattr(self, field) is None:
                raise problem(field, f"is missing; method {self.method} needs it")
        return self


class Pkcs11Provider(ProviderSection):
    """Keys on a PKCS#11 token, which is named by its label or its serial number."""

    type: Literal["pkcs11"]
    module: FilePath
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
