"""External mu of ML-DSA: the message representative, so that long messages need not travel (FIPS 204)."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.serialization import load_der_public_key

from signerd.core.inputs import MU_SIZE, Mu
from signerd.core.public_keys import MlDsaPublicKey
from signerd.errors import Reason, SignerdError

_TR_SIZE = 64
_PURE = b"\x00"  # not prehashed
_NO_CONTEXT = b"\x00"  # its length


def external_mu(public_key: bytes, message: bytes) -> Mu:
    """Mu of a message with empty context, for a public key in DER; raises ALGORITHM_UNSUPPORTED for other keys."""
    key = load_der_public_key(public_key)
    if not isinstance(key, MlDsaPublicKey):
        raise SignerdError(Reason.ALGORITHM_UNSUPPORTED, "only ML-DSA keys have an external mu")
    # Algorithm 22, line 5 and 7: tr = H(pk, 64); algorithm 2, line 10: M' = 0 || |ctx| || ctx || M.
    tr = hashlib.shake_256(key.public_bytes_raw()).digest(_TR_SIZE)
    # Algorithm 7, line 6: mu = H(tr || M', 64).
    hashed = hashlib.shake_256(tr + _PURE + _NO_CONTEXT)
    hashed.update(message)
    return Mu(hashed.digest(MU_SIZE))
