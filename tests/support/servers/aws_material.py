"""A small AWS KMS after its API reference: keys, their states, and what each operation answers.

It has what moto lacks: ML-DSA with external mu, and import; and the states that forbid an operation. Fields that an
operation does not have are refused, by the SDK's own model of the service.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.servers.aws_model import Fields, check_fields, enumeration
from tests.support.servers.aws_signing import (
    SIGNING,
    Refusal,
    invalid,
    signed,
    specs,
    unwrapped,
    wrapping_key,
)

ACCOUNT = "111122223333"
LONGEST = 4096
GENERATE: dict[str, Callable[[], Any]] = {
    "ECC_NIST_P256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ECC_NIST_P384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ECC_NIST_P521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ECC_SECG_P256K1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "RSA_2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA_3072": lambda: rsa.generate_private_key(65537, 3072),
    "RSA_4096": lambda: rsa.generate_private_key(65537, 4096),
    "ML_DSA_44": mldsa.MLDSA44PrivateKey.generate,
    "ML_DSA_65": mldsa.MLDSA65PrivateKey.generate,
    "ML_DSA_87": mldsa.MLDSA87PrivateKey.generate,
    "SYMMETRIC_DEFAULT": lambda: None,
}


@dataclass
class Key:
    """A KMS key. `hidden` counts the calls for which it is not known yet (eventual consistency)."""

    id: str
    arn: str
    spec: str
    usage: str
    origin: str
    state: str
    private_key: Any
    tags: dict[str, str] = field(default_factory=dict)
    manager: str = "CUSTOMER"
    hidden: int = 0
    text: str = ""
    created: float = field(default_factory=time.time)
    deletion: float = 0.0

    def metadata(self) -> Fields:
        used = "SigningAlgorithms" if self.usage == "SIGN_VERIFY" else "EncryptionAlgorithms"
        return {
            "AWSAccountId": ACCOUNT,
            "KeyId": self.id,
            "Arn": self.arn,
            "CreationDate": self.created,
            "Description": self.text,
            "Enabled": self.state == "Enabled",
            "KeyUsage": self.usage,
            "KeyState": self.state,
            "Origin": self.origin,
            "KeyManager": self.manager,
            **specs(self.spec),
            used: SIGNING.get(self.spec, ["SYMMETRIC_DEFAULT"]),
            "MultiRegion": False,
            **({"DeletionDate": self.deletion} if self.state == "PendingDeletion" else {}),
        }


class Kms:
    """One account in one region. `missing` are the key specs that the region does not have."""

    def __init__(self, region: str = "eu-central-1") -> None:
        self.region = region
        self.keys: dict[str, Key] = {}
        self.aliases: dict[str, str] = {}
        self.missing: set[str] = set()
        self.page = 100
        self.hide_new_keys = 0
        self._tokens: dict[bytes, str] = {}

    def answer(self, operation: str, given: Fields) -> Fields:
        """What an operation answers; raises Refusal."""
        check_fields(operation, given)
        answer: Fields = getattr(self, xform_name(operation))(given)
        return answer

    def key(self, key_id: str) -> Key:
        """The key of an id, ARN, alias or alias' ARN."""
        name = key_id.rsplit(":", 1)[-1]
        if key_id.startswith("arn:") and key_id.split(":")[3:5] != [self.region, ACCOUNT]:
            raise Refusal("NotFoundException", f"Invalid arn {key_id.split(':')[3]}")
        found = self.keys.get(self.aliases.get(name, name.removeprefix("key/")))
        if found is None:
            raise Refusal("NotFoundException", f"Key '{key_id}' does not exist")
        if found.hidden:
            found.hidden -= 1
            raise Refusal("NotFoundException", f"Key '{key_id}' does not exist")
        return found

    def usable(self, key_id: str) -> Key:
        found = self.key(key_id)
        if found.state == "Disabled":
            raise Refusal("DisabledException", f"{found.arn} is disabled.")
        if found.state != "Enabled":
            raise invalid_state(found)
        return found

    def create_key(self, given: Fields) -> Fields:
        spec, external = given.get("KeySpec", "SYMMETRIC_DEFAULT"), given.get("Origin") == "EXTERNAL"
        if spec in self.missing or spec not in GENERATE:
            raise enumeration("KeySpec", spec, [one for one in GENERATE if one not in self.missing])
        key_id = str(uuid.uuid4())
        made = Key(
            key_id,
            f"arn:aws:kms:{self.region}:{ACCOUNT}:key/{key_id}",
            spec,
            given.get("KeyUsage", "ENCRYPT_DECRYPT"),
            given.get("Origin", "AWS_KMS"),
            "PendingImport" if external else "Enabled",
            None if external else GENERATE[spec](),
            {tag["TagKey"]: tag["TagValue"] for tag in given.get("Tags", [])},
            hidden=self.hide_new_keys,
            text=given.get("Description", ""),
        )
        self.keys[key_id] = made
        return {"KeyMetadata": made.metadata()}

    def describe_key(self, given: Fields) -> Fields:
        return {"KeyMetadata": self.key(given["KeyId"]).metadata()}

    def get_public_key(self, given: Fields) -> Fields:
        found = self.usable(given["KeyId"])
        der = found.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "KeyId": found.arn,
            "PublicKey": base64.b64encode(der).decode(),
            **specs(found.spec),
            "KeyUsage": found.usage,
            "SigningAlgorithms": SIGNING[found.spec],
        }

    def list_keys(self, given: Fields) -> Fields:
        rows = [{"KeyId": key.id, "KeyArn": key.arn} for key in self.keys.values()]
        return self._page("Keys", rows, given)

    def list_resource_tags(self, given: Fields) -> Fields:
        tags = self.key(given["KeyId"]).tags
        return self._page(
            "Tags", [{"TagKey": name, "TagValue": value} for name, value in tags.items()], given
        )

    def _page(self, name: str, rows: list[dict[str, str]], given: Fields) -> Fields:
        start = int(given.get("Marker", "0"))
        end = start + min(given.get("Limit", self.page), self.page)
        more = {"Truncated": True, "NextMarker": str(end)} if end < len(rows) else {"Truncated": False}
        return {name: rows[start:end], **more}

    def sign(self, given: Fields) -> Fields:
        found, algorithm = self.usable(given["KeyId"]), given["SigningAlgorithm"]
        if found.usage != "SIGN_VERIFY" or algorithm not in SIGNING[found.spec]:
            raise Refusal("InvalidKeyUsageException", f"{algorithm} is incompatible with {found.spec}")
        message = base64.b64decode(given["Message"])
        if len(message) > LONGEST:
            raise invalid(
                "Value at 'message' failed to satisfy constraint: length less than or equal to 4096"
            )
        made = signed(found.private_key, algorithm, message, given.get("MessageType", "RAW"))
        shown = base64.b64encode(made).decode()
        return {"KeyId": found.arn, "Signature": shown, "SigningAlgorithm": algorithm}

    def disable_key(self, given: Fields) -> Fields:
        return self._changed(given, "Disabled", ("Enabled", "Disabled"))

    def enable_key(self, given: Fields) -> Fields:
        return self._changed(given, "Enabled", ("Enabled", "Disabled"))

    def schedule_key_deletion(self, given: Fields) -> Fields:
        days = given.get("PendingWindowInDays", 30)
        if not 7 <= days <= 30:
            raise invalid(f"Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint")
        self._changed(given, "PendingDeletion", ("Enabled", "Disabled", "PendingImport"))
        found = self.key(given["KeyId"])
        found.deletion = time.time() + days * 86_400
        return {
            "KeyId": found.arn,
            "DeletionDate": found.deletion,
            "PendingWindowInDays": days,
            "KeyState": "PendingDeletion",
        }

    def _changed(self, given: Fields, state: str, allowed: tuple[str, ...]) -> Fields:
        if "alias/" in given["KeyId"]:
            raise Refusal("InvalidArnException", "an alias is not taken here")
        found = self.key(given["KeyId"])
        if found.state not in allowed:
            raise invalid_state(found)
        found.state = state
        return {}

    def create_alias(self, given: Fields) -> Fields:
        if given["AliasName"] in self.aliases:
            raise Refusal("AlreadyExistsException", f"An alias {given['AliasName']} already exists")
        return self._aliased(given)

    def update_alias(self, given: Fields) -> Fields:
        if given["AliasName"] not in self.aliases:
            raise Refusal("NotFoundException", f"Alias {given['AliasName']} is not found.")
        return self._aliased(given)

    def _aliased(self, given: Fields) -> Fields:
        alias = given["AliasName"]
        if not alias.startswith("alias/") or alias.startswith("alias/aws/"):
            raise Refusal("InvalidAliasNameException", alias)
        target = self.key(given["TargetKeyId"])
        if target.state == "PendingDeletion":
            raise invalid_state(target)
        self.aliases[alias] = target.id
        return {}

    def get_parameters_for_import(self, given: Fields) -> Fields:
        found = self.key(given["KeyId"])
        if found.origin != "EXTERNAL":
            raise Refusal("UnsupportedOperationException", f"{found.arn} origin is {found.origin}")
        if found.spec.startswith("ML_DSA"):
            raise Refusal("UnsupportedOperationException", f"{found.spec} can't be imported")
        token = uuid.uuid4().bytes
        self._tokens[token] = found.id
        public_key = wrapping_key().public_key()
        der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "KeyId": found.arn,
            "ImportToken": base64.b64encode(token).decode(),
            "PublicKey": base64.b64encode(der).decode(),
            "ParametersValidTo": 4102444800,
        }

    def import_key_material(self, given: Fields) -> Fields:
        found = self.key(given["KeyId"])
        if self._tokens.get(base64.b64decode(given["ImportToken"])) != found.id:
            raise Refusal("InvalidImportTokenException", "the token is not one for this key")
        found.private_key = unwrapped(base64.b64decode(given["EncryptedKeyMaterial"]), found.spec)
        found.state = "Enabled"
        return {"KeyId": found.arn, "KeyMaterialId": secrets.token_hex(32)}


def invalid_state(key: Key) -> Refusal:
    states = {"PendingDeletion": "pending deletion", "PendingImport": "pending import"}
    return Refusal("KMSInvalidStateException", f"{key.arn} is {states.get(key.state, key.state)}.")


def dumps(answer: Fields) -> bytes:
    return json.dumps(answer).encode()
