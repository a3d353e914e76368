"""What can be made to go wrong at the stand-in for Cloud KMS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
from google.cloud import kms_v1  # noqa: TID251 - the API's own messages

WRONG_NAME = "projects/p/locations/l/keyRings/r/cryptoKeys/other/cryptoKeyVersions/9"


@dataclass
class Fault:
    """One thing that goes wrong with calls of a method, `times` times, for ever with -1.

    `status` answers with that error before anything is done; with `late` after it was done: the answer is lost. `hang`
    waits that many seconds before answering. `tamper` damages the answer.
    """

    method: str
    status: str = ""
    message: str = ""
    late: bool = False
    hang: float = 0.0
    tamper: str = ""
    times: int = -1


@dataclass
class Behaviour:
    """Settings of the running server, in seconds.

    `generation` is how long a new version is pending, `skipped` how far its clock is ahead, `page` how many rows a page
    has at most. `watched` counts the connections that calls come from.
    """

    latency: float = 0.0
    generation: float = 0.0
    generation_fails: bool = False
    page: int = 1000
    skipped: float = 0.0
    watched: bool = False
    faults: list[Fault] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    peers: set[str] = field(default_factory=set)

    def fault(self, method: str) -> Fault | None:
        """The first fault that waits for the method; it is used up by this."""
        for fault in self.faults:
            if fault.method == method and fault.times:
                fault.times -= fault.times > 0
                return fault
        return None


def tampered(kind: str, answer: object) -> object:
    """Damage an answer of GetPublicKey or AsymmetricSign: a name, a checksum or the bytes themselves."""
    _TAMPER[kind](answer)
    return answer


def _name(answer: kms_v1.AsymmetricSignResponse) -> None:
    answer.name = WRONG_NAME


def _signature_checksum(answer: kms_v1.AsymmetricSignResponse) -> None:
    answer.signature_crc32c.value ^= 1


def _signature(answer: kms_v1.AsymmetricSignResponse) -> None:
    answer.signature = answer.signature[:-1] + bytes([answer.signature[-1] ^ 1])
    answer.signature_crc32c.value = google_crc32c.value(answer.signature)


def _no_checksum(answer: kms_v1.AsymmetricSignResponse) -> None:
    answer.ClearField("signature_crc32c")


def _unverified(answer: kms_v1.AsymmetricSignResponse) -> None:
    answer.verified_digest_crc32c = answer.verified_data_crc32c = False


def _pem(answer: kms_v1.PublicKey) -> None:
    answer.pem = answer.pem.replace("A", "B", 1)


def _public_key(answer: kms_v1.PublicKey) -> None:
    answer.public_key.data = answer.public_key.data[:-1] + bytes([answer.public_key.data[-1] ^ 1])


def _nonsense(answer: kms_v1.PublicKey) -> None:
    answer.pem = "no key"
    answer.ClearField("pem_crc32c")


_TAMPER: dict[str, Callable[[Any], None]] = {
    "name": _name,
    "checksum": _signature_checksum,
    "no-checksum": _no_checksum,
    "signature": _signature,
    "unverified": _unverified,
    "pem": _pem,
    "public-key": _public_key,
    "nonsense": _nonsense,
}
