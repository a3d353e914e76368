"""What is asked of AWS KMS, one call at a time: synchronous, for threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signerd.connections.aws import KmsConnection, told
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.failures import expected, failure, is_trouble, reason_of
from signerd.providers.aws_kms.table import Row
from signerd.providers.base import Change

if TYPE_CHECKING:
    from mypy_boto3_kms.literals import MessageTypeType
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

DELETION_DAYS = 7
"""The shortest time that AWS waits before it deletes a key."""

_NO_CREDENTIALS = "NoCredentialsError"
_NOTHING_NEW = frozenset(
    {
        Reason.KEY_EXISTS,
        Reason.KEY_MATERIAL_DISABLED,
        Reason.KEY_MATERIAL_UNREADABLE,
        Reason.PROVIDER_DENIED,
    }
)


@dataclass(frozen=True, slots=True)
class Described:
    """What AWS tells of a key: ARN, KeySpec, KeyState, and whether it is the customer's and for signatures.

    `text` is its description, `""` for none.
    """

    arn: str
    spec: str
    state: str
    signs: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class ImportParameters:
    """The public key to wrap with, DER, and the token that goes with it."""

    wrapping_key: bytes
    token: bytes


class KmsCalls:
    """The calls; all raise SignerdError only.

    `repeated` tries again when an answer is lost, `once` does not: it makes keys. With `quiet`, what may well be so (a
    key that is not there, disabled or not ours to see) is not logged. `trouble` is what went wrong with the latest call
    if that would befall all others too.
    """

    def __init__(
        self, provider: str, repeated: KmsConnection, once: KmsConnection, secrets: tuple[str, ...] = ()
    ) -> None:
        self._provider = provider
        self._repeated = repeated
        self._once = once
        self._secrets = secrets
        self.trouble = ""

    def sign(
        self, key_id: str, message: bytes, message_type: MessageTypeType, row: Row, *, quiet: bool = False
    ) -> bytes:
        """Sign."""
        # No context manager: this is the hot path.
        try:
            answer = self._repeated.client().sign(
                KeyId=key_id, Message=message, MessageType=message_type, SigningAlgorithm=row.signing
            )
            self.trouble = ""
            return answer["Signature"]
        except Exception as error:  # noqa: BLE001 - an SDK's exception may be anything
            raise self._failed(error, "Sign", quiet=quiet) from None

    def describe(self, key_id: str, *, quiet: bool = False) -> Described:
        """DescribeKey; an alias is resolved."""
        with self._telling("DescribeKey", quiet=quiet):
            return _described(self._repeated.client().describe_key(KeyId=key_id)["KeyMetadata"])

    def public_key(self, key_id: str, *, quiet: bool = False) -> bytes:
        """GetPublicKey: SubjectPublicKeyInfo in DER."""
        with self._telling("GetPublicKey", quiet=quiet):
            return self._repeated.client().get_public_key(KeyId=key_id)["PublicKey"]

    def tags(self, key_id: str, *, quiet: bool = False) -> dict[str, str]:
        """ListResourceTags, all pages."""
        with self._telling("ListResourceTags", quiet=quiet):
            pages = self._repeated.client().get_paginator("list_resource_tags").paginate(KeyId=key_id)
            return {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}

    def key_arns(self) -> list[str]:
        """ListKeys, all pages: the ARNs of all keys of the account in the region."""
        with self._telling("ListKeys"):
            pages = self._repeated.client().get_paginator("list_keys").paginate()
            return [key["KeyArn"] for page in pages for key in page["Keys"]]

    def create(self, row: Row, tags: Mapping[str, str], description: str, *, external: bool) -> Described:
        """CreateKey, with its tags in the same call; an external one waits for its material."""
        with self._telling("CreateKey"):
            answer = self._once.client().create_key(
                KeySpec=row.spec,
                KeyUsage="SIGN_VERIFY",
                Origin="EXTERNAL" if external else "AWS_KMS",
                Description=description,
                Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
            )
            return _described(answer["KeyMetadata"])

    def import_parameters(self, key_id: str) -> ImportParameters:
        """GetParametersForImport, for RSA_AES_KEY_WRAP_SHA_256: the one that takes all private keys."""
        with self._telling("GetParametersForImport"):
            answer = self._once.client().get_parameters_for_import(
                KeyId=key_id, WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec="RSA_4096"
            )
            return ImportParameters(answer["PublicKey"], answer["ImportToken"])

    def import_material(self, key_id: str, token: bytes, wrapped: bytes) -> None:
        """ImportKeyMaterial, never to expire."""
        with self._telling("ImportKeyMaterial"):
            self._once.client().import_key_material(
                KeyId=key_id,
                ImportToken=token,
                EncryptedKeyMaterial=wrapped,
                ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
            )

    def change(self, key_id: str, change: Change) -> None:
        """EnableKey, DisableKey or ScheduleKeyDeletion after the shortest time."""
        with self._telling(change.value):
            client = self._repeated.client()
            if change is Change.ENABLE:
                client.enable_key(KeyId=key_id)
            elif change is Change.DISABLE:
                client.disable_key(KeyId=key_id)
            else:
                client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=DELETION_DAYS)

    def create_alias(self, alias: str, arn: str) -> None:
        """CreateAlias; raises KEY_EXISTS."""
        with self._telling("CreateAlias", quiet=True):
            self._once.client().create_alias(AliasName=alias, TargetKeyId=arn)

    def update_alias(self, alias: str, arn: str) -> None:
        """UpdateAlias."""
        with self._telling("UpdateAlias"):
            self._repeated.client().update_alias(AliasName=alias, TargetKeyId=arn)

    def close(self) -> None:
        """Close the connections."""
        self._repeated.close()
        self._once.close()

    @contextmanager
    def _telling(self, operation: str, *, quiet: bool = False) -> Iterator[None]:
        try:
            yield
            self.trouble = ""
        except Exception as error:  # noqa: BLE001 - an SDK's exception may be anything
            raise self._failed(error, operation, quiet=quiet) from None

    def _failed(self, error: Exception, operation: str, *, quiet: bool = False) -> SignerdError:
        failed_with = told(error)
        if failed_with.code == _NO_CREDENTIALS:
            self._repeated.look_again()
            self._once.look_again()
        if quiet and reason_of(failed_with) in _NOTHING_NEW:
            made = expected(failed_with, self._provider, operation)
        else:
            made = failure(failed_with, self._provider, operation, self._secrets)
        self.trouble = made.message if is_trouble(failed_with) else ""
        return made


def _described(metadata: KeyMetadataTypeDef) -> Described:
    return Described(
        metadata["Arn"],
        metadata.get("KeySpec", ""),
        metadata.get("KeyState", ""),
        metadata.get("KeyUsage") == "SIGN_VERIFY" and metadata.get("KeyManager") == "CUSTOMER",
        metadata.get("Description", ""),
    )
