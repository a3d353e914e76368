"""cosign's encrypted private key format: scrypt and NaCl secretbox around PKCS#8, in JSON, in PEM."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from signerd.core.pem import invalid, read_block, write_block
from signerd.errors import Reason, SignerdError

LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
LABELS = (LABEL, "ENCRYPTED COSIGN PRIVATE KEY")
SCRYPT_N = 65536
_ALLOWED_N = (32768, 65536, 131072)  # the ones that cosign takes
_R, _P = 8, 1
_SALT, _NONCE, _KEY = 32, 24, 32
_MAX_MEMORY = 256 * 1024 * 1024


def encrypt(pkcs8: bytes, password: bytes) -> bytes:
    """Encrypt PKCS#8 DER to PEM. Takes 0.14 s and 64 MiB."""
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    box = SecretBox(_derived(password, salt, SCRYPT_N))
    document = {
        "kdf": {"name": "scrypt", "params": {"N": SCRYPT_N, "r": _R, "p": _P}, "salt": _text(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _text(nonce)},
        "ciphertext": _text(box.encrypt(pkcs8, nonce).ciphertext),
    }
    return write_block(LABEL, json.dumps(document, separators=(",", ":")).encode())


def decrypt(pem: bytes, password: bytes) -> bytes:
    """Decrypt PEM to PKCS#8 DER; raises PRIVATE_KEY_INVALID or PASSWORD_WRONG. Takes 0.14 s and 64 MiB."""
    block = read_block(pem)
    if block.label not in LABELS:
        raise invalid(f"a PEM block {block.label!r} is not one of cosign's encrypted keys")
    salt, n, nonce, ciphertext = _parameters(block.data)
    box = SecretBox(_derived(password, salt, n))
    try:
        return box.decrypt(ciphertext, nonce)
    except CryptoError:
        raise SignerdError(
            Reason.PASSWORD_WRONG, "the password does not open the private key", field="password"
        ) from None


def _derived(password: bytes, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=_R, p=_P, dklen=_KEY, maxmem=_MAX_MEMORY)


def _parameters(data: bytes) -> tuple[bytes, int, bytes, bytes]:
    """Salt, N, nonce and ciphertext, each of the right type and length."""
    try:
        document = json.loads(data)
        kdf, cipher = document["kdf"], document["cipher"]
        n, r, p = (kdf["params"][name] for name in ("N", "r", "p"))
        names = kdf["name"], cipher["name"]
        salt, nonce, ciphertext = (
            base64.b64decode(text, validate=True)
            for text in (kdf["salt"], cipher["nonce"], document["ciphertext"])
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise invalid("the PEM block does not hold cosign's JSON") from None
    if names != ("scrypt", "nacl/secretbox") or (r, p) != (_R, _P) or n not in _ALLOWED_N:
        raise invalid("the key needs scrypt with N 32768, 65536 or 131072, r 8 and p 1, and nacl/secretbox")
    if len(salt) != _SALT or len(nonce) != _NONCE or len(ciphertext) <= SecretBox.MACBYTES:
        raise invalid("salt, nonce or ciphertext has a wrong length")
    return salt, int(n), nonce, ciphertext


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
