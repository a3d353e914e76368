"""CRC32C of inputs and signatures, for those who ask for it."""

from __future__ import annotations

from signerd.errors import Reason, SignerdError
from signerd.v1.signer_pb2 import SignRequest, SignResponse


def crc32c(data: bytes) -> int:
    """CRC32C (Castagnoli, RFC 3720 appendix B.4)."""
    import google_crc32c

    return int(google_crc32c.value(data))


def put_checksum(request: SignRequest) -> None:
    """Set `input_crc32c` from the request's input."""
    request.input_crc32c = crc32c(_input_bytes(request))


def check_checksum(request: SignRequest, answer: SignResponse) -> SignResponse:
    """Give the answer back; raises CHECKSUM_MISMATCH where one was asked for and is missing or wrong."""
    if not request.HasField("input_crc32c"):
        return answer
    if not answer.HasField("signature_crc32c") or answer.signature_crc32c != crc32c(answer.signature):
        raise SignerdError(
            Reason.CHECKSUM_MISMATCH,
            "the CRC32C of the signature is missing or wrong: it was damaged on the way back",
            field="signature_crc32c",
        )
    return answer


def _input_bytes(request: SignRequest) -> bytes:
    match request.WhichOneof("input"):
        case "digest":
            return request.digest.value
        case "dsse":
            return request.dsse.payload
        case "ml_dsa_mu":
            return request.ml_dsa_mu
        case _:
            return request.message
