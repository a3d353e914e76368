"""Public keys as JSON Web Keys (RFC 7517): EC and RSA (RFC 7518), OKP (RFC 8037), AKP (RFC 9964)."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signerd.core.algorithms import Algorithm, Family
from signerd.core.public_keys import PublicKey, key_id, spki

_ECDSA_NAMES = {256: "ES256", 384: "ES384", 521: "ES512"}


def jwk(public_key: PublicKey, algorithm: Algorithm) -> dict[str, str]:
    """Key as a JWK with `use`, `kid` (the key id) and, where JOSE has a name for the algorithm, `alg`."""
    members = {**_members(public_key), "use": "sig", "kid": key_id(spki(public_key))}
    name = jose_name(algorithm)
    return {**members, "alg": name} if name else members


def jose_name(algorithm: Algorithm) -> str:
    """Name in the JOSE registry, empty for Ed25519ph, which has none."""
    match algorithm.family:
        case Family.ECDSA:
            return _ECDSA_NAMES[algorithm.size]
        case Family.RSA_PKCS1:
            return "RS256"
        case Family.RSA_PSS:
            return "PS256"
        case Family.ED25519:
            return "EdDSA"
        case Family.ED25519PH:
            return ""
        case Family.ML_DSA:
            return algorithm.name.upper()


def _members(public_key: PublicKey) -> dict[str, str]:
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _ec_members(public_key)
    if isinstance(public_key, rsa.RSAPublicKey):
        numbers = public_key.public_numbers()
        return {"kty": "RSA", "n": _shortest(numbers.n), "e": _shortest(numbers.e)}
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public_key.public_bytes_raw())}
    return {"kty": "AKP", "pub": _base64url(public_key.public_bytes_raw())}


def _ec_members(public_key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Coordinates have the full length of the field (RFC 7518, section 6.2.1.2)."""
    size = (public_key.curve.key_size + 7) // 8
    numbers = public_key.public_numbers()
    return {
        "kty": "EC",
        "crv": f"P-{public_key.curve.key_size}",
        "x": _base64url(numbers.x.to_bytes(size, "big")),
        "y": _base64url(numbers.y.to_bytes(size, "big")),
    }


def _shortest(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
