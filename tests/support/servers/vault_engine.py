"""Transit as OpenBao documents it, errors and all, on real cryptography; keys outlive the process in a file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa-p256": ec.SECP256R1(),
    "ecdsa-p384": ec.SECP384R1(),
    "ecdsa-p521": ec.SECP521R1(),
}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha2-256": hashes.SHA256(),
    "sha2-384": hashes.SHA384(),
    "sha2-512": hashes.SHA512(),
}
FIELDS = {
    "input",
    "batch_input",
    "key_version",
    "prehashed",
    "hash_algorithm",
    "signature_algorithm",
    "salt_length",
    "marshaling_algorithm",
}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = list(errors)


def wrapped_error(text: str) -> Refused:
    """What transit says about mistakes that it only finds out while it works."""
    return Refused(500, f"1 error occurred:\n\t* {text}\n\n")


def generate(kind: str) -> PrivateKey:
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind in ("rsa-2048", "rsa-3072", "rsa-4096"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    raise Refused(400, f"unknown key type {kind}")


@dataclass
class Key:
    kind: str
    versions: dict[int, PrivateKey]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        return max(self.versions)

    def shown(self, name: str) -> dict[str, Any]:
        shown = {
            "name": name,
            "type": self.kind,
            "latest_version": self.latest,
            "min_available_version": 0,
            "min_decryption_version": 1,
            "min_encryption_version": 0,
            "deletion_allowed": False,
            "derived": False,
            "exportable": False,
            "allow_plaintext_backup": False,
            "auto_rotate_period": 0,
            "imported_key": False,
            "soft_deleted": False,
            "supports_signing": True,
            **self.settings,
        }
        oldest = shown["min_decryption_version"]
        shown["keys"] = {
            str(number): {"name": self.kind, "public_key": public(one), "certificate_chain": ""}
            for number, one in self.versions.items()
            if number >= oldest
        }
        return shown


def public(key: PrivateKey) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return base64.b64encode(key.public_key().public_bytes_raw()).decode()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def signature(key: PrivateKey, data: bytes, asked: Mapping[str, Any]) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    hash_ = HASHES[asked.get("hash_algorithm", "sha2-256")]
    if not asked.get("prehashed"):
        digest = hashes.Hash(hash_)
        digest.update(data)
        data = digest.finalize()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        # Transit takes digests of any length: shorter ones are smaller numbers, longer ones are cut.
        data = data[: hash_.digest_size].rjust(hash_.digest_size, b"\0")
        return key.sign(data, ec.ECDSA(Prehashed(hash_)))
    if len(data) != hash_.digest_size:
        raise wrapped_error("crypto/rsa: input must be hashed message")
    if asked.get("signature_algorithm", "pss") == "pkcs1v15":
        return key.sign(data, padding.PKCS1v15(), Prehashed(hash_))
    salt: Any = hash_.digest_size if asked.get("salt_length") == "hash" else padding.PSS.MAX_LENGTH
    return key.sign(data, padding.PSS(padding.MGF1(hash_), salt), Prehashed(hash_))


class Engine:
    """One mount of transit."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.keys: dict[str, Key] = {}
        self._wrapping: rsa.RSAPrivateKey | None = None
        if file.exists():
            self._load()

    def key(self, name: str) -> Key:
        if name not in self.keys:
            raise Refused(404)
        return self.keys[name]

    def names(self) -> list[str]:
        if not self.keys:
            raise Refused(404)
        return [*sorted(self.keys), "import/"]

    def create(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if name not in self.keys:
            kind = asked.get("type", "aes256-gcm96")
            private_key = generate(kind)
            self.keys.setdefault(name, Key(kind, {1: private_key}))
            self._save()
        return self.key(name).shown(name)

    def rotate(self, name: str) -> dict[str, Any]:
        key = self.key(name)
        key.versions[key.latest + 1] = generate(key.kind)
        self._save()
        return key.shown(name)

    def configure(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if name not in self.keys:
            raise Refused(400, f"no existing key named {name} could be found")
        self.keys[name].settings.update(asked)
        self._save()
        return self.keys[name].shown(name)

    def delete(self, name: str) -> None:
        if name not in self.keys:
            raise Refused(400, f"error deleting policy {name}: could not delete key; not found")
        if not self.keys[name].settings.get("deletion_allowed"):
            raise Refused(400, f"error deleting policy {name}: deletion is not allowed for this key")
        del self.keys[name]
        self._save()

    def wrapping_key(self) -> dict[str, Any]:
        return {"public_key": public(self._wrapper())}

    def take_in(self, name: str, asked: Mapping[str, Any]) -> None:
        if name in self.keys:
            raise wrapped_error(
                "the import path cannot be used with an existing key; use import-version to rotate an existing "
                "imported key"
            )
        raw = base64.b64decode(asked["ciphertext"])
        der = aes_key_unwrap_with_padding(self._wrapper().decrypt(raw[:512], OAEP), raw[512:])
        private_key: Any = serialization.load_der_private_key(der, None)
        self.keys[name] = Key(asked["type"], {1: private_key}, {"imported_key": True})
        self._save()

    def sign(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One signature, or one for each item of `batch_input`; their errors stand at the items."""
        if unknown := set(asked) - FIELDS:
            raise Refused(400, f"the fake does not know {sorted(unknown)}")
        if name not in self.keys:
            raise Refused(400, "signing key not found")
        items = asked.get("batch_input")
        if items is None:
            try:
                return self._signed(self.keys[name], asked["input"], asked)
            except ValueError as error:
                raise wrapped_error(str(error)) from None
        return {"batch_results": [self._item(self.keys[name], item, asked) for item in items]}

    def verify(self, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Whether an ECDSA signature of a digest is right."""
        if name not in self.keys:
            raise Refused(400, "signature verification key not found")
        head, _, value = str(asked["signature"]).rpartition(":")
        key: Any = self.keys[name].versions[int(head.removeprefix("vault:v"))]
        scheme = ec.ECDSA(Prehashed(HASHES[asked["hash_algorithm"]]))
        try:
            key.public_key().verify(base64.b64decode(value), base64.b64decode(asked["input"]), scheme)
        except InvalidSignature:
            return {"valid": False}
        return {"valid": True}

    def _item(self, key: Key, item: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {**self._signed(key, item["input"], asked), "reference": ""}
        except ValueError as error:
            return {"key_version": 0, "error": str(error), "reference": ""}

    def _signed(self, key: Key, text: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        number = int(asked.get("key_version") or 0) or key.latest
        if key.settings.get("soft_deleted"):
            raise ValueError("refusing to use soft-deleted key")
        if number > key.latest:
            raise ValueError("requested version for signing is higher than the latest key version")
        if number < key.settings.get("min_encryption_version", 0):
            raise ValueError("requested version for signing is less than the minimum encryption key version")
        if number < key.settings.get("min_decryption_version", 1) or number not in key.versions:
            raise ValueError("no such key version")
        made = signature(key.versions[number], base64.b64decode(text, validate=True), asked)
        return {"signature": f"vault:v{number}:{base64.b64encode(made).decode()}", "key_version": number}

    def _wrapper(self) -> rsa.RSAPrivateKey:
        if self._wrapping is None:
            self._wrapping = rsa.generate_private_key(65537, 4096)
        return self._wrapping

    def _save(self) -> None:
        stored = {
            name: {
                "kind": key.kind,
                "settings": key.settings,
                "versions": {number: _pem(one) for number, one in key.versions.items()},
            }
            for name, key in self.keys.items()
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(stored))
        fresh.replace(self._file)

    def _load(self) -> None:
        for name, one in json.loads(self._file.read_text()).items():
            versions: dict[int, Any] = {
                int(number): serialization.load_pem_private_key(text.encode(), None)
                for number, text in one["versions"].items()
            }
            self.keys[name] = Key(one["kind"], versions, one["settings"])


def _pem(key: PrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
