"""CRC32C of inputs and signatures (RFC 3720, appendix B.4): damage on the way is found on either side."""

from __future__ import annotations

import google_crc32c

from signerd.errors import Reason, SignerdError


def checksum(data: bytes) -> int:
    """CRC32C of the bytes."""
    return int(google_crc32c.value(data))


def check_checksum(data: bytes, expected: int) -> None:
    """Raise CHECKSUM_MISMATCH unless the bytes have that CRC32C."""
    compare(checksum(data), expected)


def compare(actual: int, expected: int) -> None:
    """Raise CHECKSUM_MISMATCH unless both are the same."""
    if actual != expected:
        raise SignerdError(
            Reason.CHECKSUM_MISMATCH,
            f"input has CRC32C {actual:#010x}, the request states {expected:#010x}",
            field="input_crc32c",
        )
