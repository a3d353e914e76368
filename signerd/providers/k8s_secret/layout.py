"""Keys inside of Secrets: cosign's layout, which is written, and Tekton Chains' `x509.pem`, which is read."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from signerd.core import cosign_keys, private_keys
from signerd.core.algorithms import BY_NAME, Algorithm
from signerd.core.pem import read_block
from signerd.core.private_keys import PrivateKey
from signerd.core.public_keys import pem, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material, Order
from signerd.providers.k8s_secret.names import (
    ALGORITHM,
    annotations_for,
    labels_for,
    managed,
    name_for,
    tags_of,
    uri_of,
)

COSIGN, PASSWORD, PUBLIC, X509 = "cosign.key", "cosign.password", "cosign.pub", "x509.pem"
_FIELDS = (COSIGN, PASSWORD, PUBLIC, X509)
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What a Secret's metadata tell: which object it is, and which state of it. `gone`: it was deleted."""

    name: str
    uid: str
    version: str
    managed: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A Secret with a signing key in it, still closed."""

    namespace: str
    seen: Seen
    tags: Mapping[str, str]
    algorithm: Algorithm | None
    data: Mapping[str, bytes] = field(repr=False)

    @property
    def uri(self) -> str:
        """Key URI."""
        return uri_of(self.namespace, self.seen.name)

    def public_key(self) -> bytes | None:
        """The public key, DER, from beside the private one; None where the private key must be opened for it."""
        with suppress(SignerdError):
            block = read_block(self.data.get(PUBLIC, b""))
            if block.label == "PUBLIC KEY":
                return block.data
        return None

    def material(self, public_key: bytes) -> Material:
        """What the provider tells of it."""
        return Material(self.uri, public_key, self.tags, self.algorithm)

    def unlock(self) -> PrivateKey:
        """Decrypt the key, 0.14 s and 64 MiB for cosign's; raises KEY_MATERIAL_UNREADABLE."""
        try:
            private_key = private_keys.from_pkcs8(private_keys.read(*self._sealed())[1])[0]
        except SignerdError as error:
            raise self.unusable(error.message) from None
        if self.public_key() not in (None, spki(private_key.public_key())):
            raise self.unusable(f"it does not belong to the public key in {PUBLIC}")
        return private_key

    def _sealed(self) -> tuple[bytes, bytes | None]:
        if COSIGN in self.data and X509 in self.data:
            raise self.unusable(
                f"there are {COSIGN} and {X509}, and nothing tells which one signs; remove one"
            )
        if X509 in self.data:
            return self.data[X509], None
        if PASSWORD not in self.data:
            raise self.unusable(
                f"{COSIGN} is there and {PASSWORD} is missing; add it, empty if there is none"
            )
        return self.data[COSIGN], self.data[PASSWORD]

    def unusable(self, why: str) -> SignerdError:
        """What to raise about a key that can't be opened."""
        return unreadable(self.namespace, self.seen.name, f"can't be used: {why}")


def unreadable(namespace: str, name: str, what: str) -> SignerdError:
    """KEY_MATERIAL_UNREADABLE that names the Secret."""
    return SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"Secret {namespace}/{name} {what}")


def seen_in(metadata: Mapping[str, Any], *, gone: bool = False) -> Seen:
    """Read the metadata of an object."""
    return Seen(
        str(metadata["name"]),
        str(metadata.get("uid", "")),
        str(metadata.get("resourceVersion", "")),
        managed(metadata.get("labels") or {}),
        gone,
    )


def read_secret(secret: Mapping[str, Any], namespace: str) -> StoredKey | None:
    """Read a Secret; None for one without a signing key. What is not base64 counts as not there."""
    metadata = secret["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    data = {}
    for name in _FIELDS:
        with suppress(KeyError, TypeError, binascii.Error):
            data[name] = base64.b64decode((secret.get("data") or {})[name], validate=True)
    if COSIGN not in data and X509 not in data:
        return None
    tags = tags_of(labels, annotations)
    algorithm = BY_NAME.get(annotations.get(ALGORITHM, "")) if tags else None
    return StoredKey(namespace, seen_in(metadata), tags, algorithm, data)


def secret_for(order: Order, namespace: str, private_key: PrivateKey) -> dict[str, Any]:
    """The Secret of an order, immutable, as cosign writes it, with a password of its own. Takes 0.14 s and 64 MiB."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES).encode()
    data = {
        COSIGN: cosign_keys.encrypt(private_keys.to_pkcs8(private_key), password),
        PASSWORD: password,
        PUBLIC: pem(spki(private_key.public_key())).encode(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {
            "name": name_for(order),
            "namespace": namespace,
            "labels": labels_for(order),
            "annotations": annotations_for(order),
        },
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }
