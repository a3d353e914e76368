"""Keys as attributes of PKCS#11 objects, and back."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.x509 import load_der_x509_certificate

from signerd.core.algorithms import Algorithm
from signerd.core.private_keys import from_pkcs8
from signerd.core.public_keys import CURVES, MlDsaPublicKey, PublicKey, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.pkcs11.algorithms import curve_size, parameters_of
from signerd.providers.pkcs11.frames import TokenKey

_OCTET_STRING = 4
_LONG = 0x80
_ED25519_POINT = 32
_ML_DSA_KEYS: dict[int, type[MlDsaPublicKey]] = {
    1312: mldsa.MLDSA44PublicKey,
    1952: mldsa.MLDSA65PublicKey,
    2592: mldsa.MLDSA87PublicKey,
}
"""By the length of the public key in bytes (FIPS 204, table 2)."""

Attributes = dict[str, bytes]


def public_key(key: TokenKey) -> bytes:
    """SubjectPublicKeyInfo, DER, from the attributes of the public half, else from the certificate.

    Raises KEY_MATERIAL_UNREADABLE where there is neither, ALGORITHM_UNSUPPORTED for keys that signerd does not use.
    """
    try:
        found = _from_attributes(key) or _from_certificate(key)
    except (ValueError, UnsupportedAlgorithm):
        raise SignerdError(
            Reason.KEY_MATERIAL_UNREADABLE, f"the public half of {key.label!r} on the token can't be decoded"
        ) from None
    if found is None:
        raise SignerdError(
            Reason.KEY_MATERIAL_UNREADABLE,
            f"private key {key.label!r} has no public key object and no certificate with its id on the token "
            "that signerd can read; put one there",
        )
    return spki(found)


def _from_attributes(key: TokenKey) -> PublicKey | None:
    point, value = key.public.get("EC_POINT"), key.public.get("VALUE", b"")
    if key.key_type == "EC" and point:
        return _on_curve(curve_size(key.public.get("EC_PARAMS", b"")), point)
    if key.key_type == "EC_EDWARDS" and point:
        raw = point if len(point) == _ED25519_POINT else _content(point)
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    if key.key_type == "RSA" and key.public.keys() >= {"MODULUS", "PUBLIC_EXPONENT"}:
        n, e = (int.from_bytes(key.public[name], "big") for name in ("MODULUS", "PUBLIC_EXPONENT"))
        return rsa.RSAPublicNumbers(e, n).public_key()
    if key.key_type == "ML_DSA" and len(value) in _ML_DSA_KEYS:
        return _ML_DSA_KEYS[len(value)].from_public_bytes(value)
    return None


def _on_curve(size: int, point: bytes) -> PublicKey | None:
    if not size:
        return None
    length = (size + 7) // 8
    # DER as the standard says, or the bare point, as some modules do; their lengths always differ.
    raw = point if len(point) in (1 + length, 1 + 2 * length) else _content(point)
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[size](), raw)


def _from_certificate(key: TokenKey) -> PublicKey | None:
    if not key.certificate:
        return None
    found = load_der_x509_certificate(key.certificate).public_key()
    return found if isinstance(found, PublicKey) else None


def _content(der: bytes) -> bytes:
    """What an OCTET STRING (X.690, section 8.7) holds; raises ValueError for anything else."""
    if der[:1] != bytes([_OCTET_STRING]) or len(der) < 3:  # noqa: PLR2004 - tag, length, one byte
        raise ValueError("no OCTET STRING")
    length, start = der[1], 2
    if length & _LONG:
        start += length & ~_LONG
        length = int.from_bytes(der[2:start], "big")
    if len(der) != start + length:
        raise ValueError("an OCTET STRING of another length")
    return der[start:]


def _octet_string(content: bytes) -> bytes:
    length = len(content)
    head = bytes([length]) if length < _LONG else bytes([_LONG | 1, length])
    return bytes([_OCTET_STRING]) + head + content


def halves(pkcs8: bytes, algorithm: Algorithm) -> tuple[Attributes, Attributes]:
    """The attributes of a private key, and those of its public half, to create objects of.

    Raises PRIVATE_KEY_INVALID, ALGORITHM_UNSUPPORTED.
    """
    key, _ = from_pkcs8(pkcs8, algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        return _rsa_halves(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers, size = key.private_numbers(), (algorithm.size + 7) // 8
        x, y = numbers.public_numbers.x, numbers.public_numbers.y
        value, point = (
            numbers.private_value.to_bytes(size, "big"),
            b"\4" + x.to_bytes(size, "big") + y.to_bytes(size, "big"),
        )
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        value, point = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    else:
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"keys of {algorithm} are not imported; create one on the token",
            field="algorithm",
        )
    curve = {"EC_PARAMS": parameters_of(algorithm)}
    return curve | {"VALUE": value}, curve | {"EC_POINT": _octet_string(point)}


def _rsa_halves(key: rsa.RSAPrivateKey) -> tuple[Attributes, Attributes]:
    numbers = key.private_numbers()
    public = {"MODULUS": numbers.public_numbers.n, "PUBLIC_EXPONENT": numbers.public_numbers.e}
    private = public | {
        "PRIVATE_EXPONENT": numbers.d,
        "PRIME_1": numbers.p,
        "PRIME_2": numbers.q,
        "EXPONENT_1": numbers.dmp1,
        "EXPONENT_2": numbers.dmq1,
        "COEFFICIENT": numbers.iqmp,
    }
    return _unsigned(private), _unsigned(public)


def _unsigned(numbers: dict[str, int]) -> Attributes:
    return {name: value.to_bytes((value.bit_length() + 7) // 8, "big") for name, value in numbers.items()}
