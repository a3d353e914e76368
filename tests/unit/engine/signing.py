"""What tests of the signer share."""

from __future__ import annotations

import hashlib
from typing import Any

BYTES = b"some bytes"
SHA256 = hashlib.sha256(BYTES).digest()
Input = dict[str, Any]
SHA512: Input = {"digest": {"hash": "HASH_ALGORITHM_SHA512", "value": bytes(64)}}
