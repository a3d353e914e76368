"""Answers of Cloud KMS that are checked on arrival: public keys and signatures, by name and CRC32C."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signerd.core.algorithms import Algorithm, Family
from signerd.core.external_mu import external_mu
from signerd.core.inputs import Message, Mu, SigningInput
from signerd.core.public_keys import PublicKey, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed
from signerd.providers.gcp_kms.algorithms import (
    EXTERNAL_MU,
    check_size,
    is_post_quantum,
    member_of,
    spki_of,
)
from signerd.providers.gcp_kms.calls import Calls, routing
from signerd.providers.gcp_kms.names import version_name

_log = logging.getLogger(__name__)
_crc32c: Callable[[bytes], int] = google_crc32c.value
_POST_QUANTUM = "PQ_"


@dataclass(frozen=True, slots=True)
class Published:
    """A version's public key in DER, and the API's name of its algorithm."""

    algorithm: str
    der: bytes = field(repr=False)


class Answers:
    """Public keys and signatures of versions. What comes damaged is asked for once more, then PROVIDER_INTEGRITY."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._published: dict[str, Published] = {}
        self._prepared: dict[str, tuple[str, Any]] = {}
        self._request = calls.messages.AsymmetricSignRequest.pb()

    def known(self, name: str) -> Published | None:
        """The public key of a version as it was last seen."""
        return self._published.get(name)

    async def public_key(self, name: str, algorithm: str) -> Published:
        """Ask for the public key of an enabled version, by its resource name."""
        messages = self._calls.messages
        request = messages.GetPublicKeyRequest.pb()(name=name)
        if is_post_quantum(algorithm):
            request.public_key_format = messages.PublicKey.PublicKeyFormat.NIST_PQC
        read = self._read_raw if is_post_quantum(algorithm) else self._read_pem
        for _ in range(2):
            answer = await self._calls.raw("GetPublicKey", request, routing("name", name), "PublicKey")
            found = read(answer) if answer.name == name else None
            if found is not None:
                self._published[name] = found
                return found
        raise self._damaged(f"public key of {name}")

    def _read_pem(self, answer: Any) -> Published | None:
        data = answer.pem.encode()
        if answer.pem_crc32c.value != _crc32c(data):
            return None
        try:
            key = load_pem_public_key(data)
        except ValueError:
            return None
        return Published(self._algorithm(answer), spki(key)) if isinstance(key, PublicKey) else None

    def _read_raw(self, answer: Any) -> Published | None:
        sent = answer.public_key
        if sent.crc32c_checksum.value != _crc32c(sent.data):
            return None
        algorithm = self._algorithm(answer)
        try:
            return Published(algorithm, spki_of(algorithm, sent.data))
        except (ValueError, KeyError):
            return None

    def _algorithm(self, answer: Any) -> str:
        kinds = self._calls.messages.CryptoKeyVersion.CryptoKeyVersionAlgorithm
        return str(kinds(answer.algorithm).name)

    async def signature(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign with the version of a URI; raises KEY_URI_INVALID unless it names one."""
        prepared = self._prepared.get(uri)
        if prepared is None:
            name = version_name(uri)
            prepared = self._prepared[uri] = name, routing("name", name)
        name, metadata = prepared
        if algorithm.family is Family.ML_DSA:
            given = await self._fitting(name, algorithm, given)
        request, digested = self._signing(name, algorithm, given)
        for _ in range(2):
            answer = await self._calls.raw("AsymmetricSign", request, metadata, "AsymmetricSignResponse")
            received = answer.verified_digest_crc32c if digested else answer.verified_data_crc32c
            signature: bytes = answer.signature
            checked = answer.name == name and received
            if checked and answer.signature_crc32c.value == _crc32c(signature):
                return signature
        raise self._damaged(f"signature of {name}")

    def _signing(self, name: str, algorithm: Algorithm, given: SigningInput) -> tuple[Any, bool]:
        """The request, and whether it has a digest rather than data."""
        member, value = member_of(algorithm, given)
        checksum = {"value": _crc32c(value)}
        if member == "data":
            return self._request(name=name, data=value, data_crc32c=checksum), False
        return self._request(name=name, digest={member: value}, digest_crc32c=checksum), True

    async def _fitting(self, name: str, algorithm: Algorithm, given: SigningInput) -> SigningInput:
        """Bring an input to what an ML-DSA version takes: mu alone, or the message alone."""
        published = self._published.get(name) or await self.public_key(name, _POST_QUANTUM)
        takes_mu = published.algorithm.endswith(EXTERNAL_MU)
        if takes_mu and isinstance(given, Message):
            return external_mu(published.der, given.data)
        if isinstance(given, Mu) and not takes_mu:
            raise SignerdError(
                Reason.MU_NOT_ACCEPTED,
                f"this version at Cloud KMS is of {published.algorithm}, which takes no external mu; send the message",
                field="ml_dsa_mu",
            )
        if isinstance(given, Message):
            check_size(algorithm, given)
        return given

    def _damaged(self, what: str) -> SignerdError:
        text = "a wrong name or checksum, twice"
        return failed(
            _log,
            self._calls.name,
            Reason.PROVIDER_INTEGRITY,
            text,
            what=f"the {what} arrived damaged",
        )
