"""Methods of the stand-in for Cloud KMS, and the strictness in front of them: fields it does not know are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import google_crc32c
from google.cloud import kms_v1  # noqa: TID251 - the API's own messages
from google.protobuf.unknown_fields import UnknownFieldSet

from tests.support.servers import gcp_material
from tests.support.servers.gcp_faults import Behaviour
from tests.support.servers.gcp_ring import Algorithms, Rings, Version, check_labels, invalid

_T = TypeVar("_T")
_TEMPLATE = "crypto_key.version_template"
_DIGESTS = {"sha256", "sha384", "sha512", "external_mu"}
_NESTED = {
    f"google.cloud.kms.v1.{name}"
    for name in ("CryptoKey", "CryptoKeyVersion", "CryptoKeyVersionTemplate", "Digest")
}
_PAGES = {"parent", "page_size", "page_token"}


@dataclass(frozen=True)
class Method:
    """Request type, the fields that may be set, the field that names the resource in the routing header."""

    request: Any
    fields: frozenset[str]
    routed_by: str
    run: Callable[[Methods, Any], Any]


@dataclass
class Methods:
    """What the methods do; each takes and gives messages."""

    rings: Rings
    behaviour: Behaviour

    def list_keys(self, request: Any) -> Any:
        rows, token = self._page(self.rings.in_ring(request.parent), request)
        return kms_v1.ListCryptoKeysResponse.pb()(
            crypto_keys=[key.shown() for key in rows], next_page_token=token
        )

    def get_key(self, request: Any) -> Any:
        return self.rings.key(request.name).shown()

    def create_key(self, request: Any) -> Any:
        key = self.rings.add_key(request.parent, request.crypto_key_id, request.crypto_key)
        try:
            if not request.skip_initial_version_creation:
                self._add(key.name)
        except BaseException:
            del self.rings.keys[key.name]
            raise
        self.rings.save()
        return key.shown()

    def update_key(self, request: Any) -> Any:
        if list(request.update_mask.paths) != ["labels"]:
            raise invalid("update_mask must name labels.")
        key = self.rings.key(request.crypto_key.name)
        check_labels(request.crypto_key.labels)
        key.labels = dict(request.crypto_key.labels)
        self.rings.save()
        return key.shown()

    def list_versions(self, request: Any) -> Any:
        versions = sorted(self.rings.key(request.parent).versions.values(), key=lambda one: one.name)
        rows, token = self._page(versions, request)
        return kms_v1.ListCryptoKeyVersionsResponse.pb()(
            crypto_key_versions=[self.rings.settled(one).shown() for one in rows], next_page_token=token
        )

    def get_version(self, request: Any) -> Any:
        return self.rings.version(request.name).shown()

    def create_version(self, request: Any) -> Any:
        version = self._add(request.parent)
        self.rings.save()
        return version.shown()

    def update_version(self, request: Any) -> Any:
        if list(request.update_mask.paths) != ["state"]:
            raise invalid("update_mask must name state.")
        version = self.rings.version(request.crypto_key_version.name)
        self.rings.change(version, request.crypto_key_version.state)
        self.rings.save()
        return version.shown()

    def destroy_version(self, request: Any) -> Any:
        version = self.rings.version(request.name)
        self.rings.schedule(version)
        self.rings.save()
        return version.shown()

    def public_key(self, request: Any) -> Any:
        version = self.rings.usable(request.name)
        answer = kms_v1.PublicKey.pb()(name=version.name, protection_level=version.protection)
        answer.algorithm = Algorithms[version.algorithm]
        if gcp_material.is_post_quantum(version.algorithm):
            if request.public_key_format != kms_v1.PublicKey.PublicKeyFormat.NIST_PQC:
                raise invalid("public_key_format is required for this algorithm.")
            answer.public_key.data = gcp_material.public_raw(version.private_key)
            answer.public_key.crc32c_checksum.value = google_crc32c.value(answer.public_key.data)
            answer.public_key_format = request.public_key_format
        elif request.public_key_format:
            raise invalid("public_key_format is not offered here for this algorithm.")
        else:
            answer.pem = gcp_material.public_pem(version.private_key)
            answer.pem_crc32c.value = google_crc32c.value(answer.pem.encode())
        return answer

    def sign(self, request: Any) -> Any:
        version = self.rings.usable(request.name)
        member, value, checksum = _signed(request)
        if checksum is not None and checksum.value != google_crc32c.value(value):
            raise invalid("The checksum in the request did not match the data.")
        try:
            signature = _signer(version)(member, value)
        except ValueError as error:
            raise invalid(str(error)) from None
        answer = kms_v1.AsymmetricSignResponse.pb()(
            name=version.name, signature=signature, protection_level=version.protection
        )
        answer.signature_crc32c.value = google_crc32c.value(signature)
        answer.verified_data_crc32c = member == "data" and checksum is not None
        answer.verified_digest_crc32c = member != "data" and checksum is not None
        return answer

    def _add(self, key: str) -> Version:
        behaviour = self.behaviour
        return self.rings.add_version(self.rings.key(key), behaviour.generation, behaviour.generation_fails)

    def _page(self, rows: list[_T], request: Any) -> tuple[list[_T], str]:
        start = int(request.page_token or 0)
        end = start + min(request.page_size or 100, self.behaviour.page)
        return rows[start:end], str(end) if end < len(rows) else ""


def _signed(request: Any) -> tuple[str, bytes, Any]:
    """Member and value of what is to be signed, and its checksum or None; without a digest it is data, maybe empty."""
    if request.HasField("digest") and (request.data or request.HasField("data_crc32c")):
        raise invalid("Only one of digest and data may be set.")
    if not request.HasField("digest"):
        return "data", request.data, request.data_crc32c if request.HasField("data_crc32c") else None
    member = request.digest.WhichOneof("digest") or ""
    checksum = request.digest_crc32c if request.HasField("digest_crc32c") else None
    return member, getattr(request.digest, member, b""), checksum


def _signer(version: Version) -> gcp_material.Sign:
    if version.signer is None:
        version.signer = gcp_material.signer(version.algorithm, version.private_key)
    return version.signer


def check_request(method: Method, request: Any, routed: str) -> None:
    """Refuse what is set and not expected, and a request without the routing header."""
    unknown = _set_fields(request, "") - method.fields
    if unknown:
        raise invalid(f"Unexpected fields: {', '.join(sorted(unknown))}.")
    value: Any = request
    for part in method.routed_by.split("."):
        value = getattr(value, part)
    wanted = f"{method.routed_by}={quote(value, safe='/')}"
    if routed != wanted:
        raise invalid(f"x-goog-request-params must be {wanted}, is {routed!r}.")


def _set_fields(message: Any, prefix: str) -> set[str]:
    if len(UnknownFieldSet(message)):
        return {f"{prefix}<unknown>"}
    found = set()
    for field, value in message.ListFields():
        path = prefix + field.name
        if field.message_type is not None and field.message_type.full_name in _NESTED:
            found |= _set_fields(value, f"{path}.")
        else:
            found.add(path)
    return found


def _method(request: Any, fields: set[str], routed_by: str, run: Callable[[Methods, Any], Any]) -> Method:
    return Method(request.pb(), frozenset(fields), routed_by, run)


METHODS = {
    "ListCryptoKeys": _method(kms_v1.ListCryptoKeysRequest, _PAGES, "parent", Methods.list_keys),
    "GetCryptoKey": _method(kms_v1.GetCryptoKeyRequest, {"name"}, "name", Methods.get_key),
    "CreateCryptoKey": _method(
        kms_v1.CreateCryptoKeyRequest,
        {
            "parent",
            "crypto_key_id",
            "skip_initial_version_creation",
            "crypto_key.purpose",
            "crypto_key.labels",
            "crypto_key.destroy_scheduled_duration",
            f"{_TEMPLATE}.algorithm",
            f"{_TEMPLATE}.protection_level",
        },
        "parent",
        Methods.create_key,
    ),
    "UpdateCryptoKey": _method(
        kms_v1.UpdateCryptoKeyRequest,
        {"crypto_key.name", "crypto_key.labels", "update_mask"},
        "crypto_key.name",
        Methods.update_key,
    ),
    "ListCryptoKeyVersions": _method(
        kms_v1.ListCryptoKeyVersionsRequest, _PAGES, "parent", Methods.list_versions
    ),
    "GetCryptoKeyVersion": _method(kms_v1.GetCryptoKeyVersionRequest, {"name"}, "name", Methods.get_version),
    "CreateCryptoKeyVersion": _method(
        kms_v1.CreateCryptoKeyVersionRequest, {"parent"}, "parent", Methods.create_version
    ),
    "UpdateCryptoKeyVersion": _method(
        kms_v1.UpdateCryptoKeyVersionRequest,
        {"crypto_key_version.name", "crypto_key_version.state", "update_mask"},
        "crypto_key_version.name",
        Methods.update_version,
    ),
    "DestroyCryptoKeyVersion": _method(
        kms_v1.DestroyCryptoKeyVersionRequest, {"name"}, "name", Methods.destroy_version
    ),
    "GetPublicKey": _method(
        kms_v1.GetPublicKeyRequest, {"name", "public_key_format"}, "name", Methods.public_key
    ),
    "AsymmetricSign": _method(
        kms_v1.AsymmetricSignRequest,
        {"name", "data", "data_crc32c", "digest_crc32c", *(f"digest.{one}" for one in _DIGESTS)},
        "name",
        Methods.sign,
    ),
}
