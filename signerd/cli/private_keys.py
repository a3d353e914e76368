"""Private keys that the daemon does not decrypt: they are opened here, and their password goes nowhere."""

from __future__ import annotations

from signerd.errors import Reason, SignerdError

_SEALED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


def decrypted(private_key: bytes, password: bytes) -> tuple[bytes, bytes]:
    """Private key and password as they are sent: OpenSSL's encrypted PEM as plain PKCS#8, all else as it came.

    Raises PASSWORD_WRONG or PRIVATE_KEY_INVALID.
    """
    if not any(mark in private_key for mark in _SEALED):
        return private_key, password
    if not password:
        raise _wrong("the private key is encrypted; give its password")
    return _plain(private_key, password), b""


def _plain(private_key: bytes, password: bytes) -> bytes:
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    try:
        key = form.load_pem_private_key(private_key, password)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        if str(error).startswith("Incorrect password"):  # the library tells these apart by text only
            raise _wrong("the password does not open the private key") from None
        raise SignerdError(
            Reason.PRIVATE_KEY_INVALID, "the encrypted private key can't be decoded", field="private_key"
        ) from None
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


def _wrong(message: str) -> SignerdError:
    return SignerdError(Reason.PASSWORD_WRONG, message, field="password")
