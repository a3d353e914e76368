"""Signing and verifying: closures built once per key, since nothing may be constructed per signature."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from signerd.core.algorithms import Algorithm, Family
from signerd.core.digests import Digest, Hash
from signerd.core.ed25519ph import digest_signer, digest_verifier
from signerd.core.inputs import Message, Mu, SigningInput
from signerd.core.private_keys import MlDsaPrivateKey, PrivateKey
from signerd.core.public_keys import CURVES, MlDsaPublicKey, PublicKey, check_fits
from signerd.errors import Reason, SignerdError

Sign = Callable[[SigningInput], bytes]
Verify = Callable[[SigningInput, bytes], None]

_HASHES: dict[Hash, hashes.HashAlgorithm] = {
    Hash.SHA256: hashes.SHA256(),
    Hash.SHA384: hashes.SHA384(),
    Hash.SHA512: hashes.SHA512(),
}
_ED25519_SIGNATURE = 64
_ML_DSA_SIGNATURES = {44: 2420, 65: 3309, 87: 4627}  # FIPS 204, table 2


def signer(private_key: PrivateKey, algorithm: Algorithm) -> Sign:
    """Build a function that signs prepared inputs (core.inputs.prepare); raises ALGORITHM_UNSUPPORTED."""
    check_fits(private_key.public_key(), algorithm)
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return _ecdsa_signer(private_key, algorithm)
    if isinstance(private_key, rsa.RSAPrivateKey):
        return _rsa_signer(private_key, algorithm)
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return _ed25519_signer(private_key, algorithm)
    return _ml_dsa_signer(private_key)


def verifier(public_key: PublicKey, algorithm: Algorithm) -> Verify:
    """Build a function that takes a prepared input and a signature and returns if it holds.

    It raises SIGNATURE_MISMATCH, or SIGNATURE_MALFORMED for what is no signature of the algorithm at all.
    """
    check_fits(public_key, algorithm)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _ecdsa_verifier(public_key, algorithm)
    if isinstance(public_key, rsa.RSAPublicKey):
        return _rsa_verifier(public_key, algorithm)
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return _ed25519_verifier(public_key, algorithm)
    return _ml_dsa_verifier(public_key, algorithm)


def p1363_to_der(signature: bytes, algorithm: Algorithm) -> bytes:
    """Turn r||s (IEEE P1363) into DER; raises SIGNATURE_MALFORMED for wrong lengths and ranges."""
    if algorithm.family is not Family.ECDSA:
        raise _malformed(f"{algorithm} has no r||s form")
    size = (algorithm.size + 7) // 8
    if len(signature) != 2 * size:
        raise _malformed(f"r||s is {len(signature)} bytes, {algorithm} has {2 * size}")
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    order = CURVES[algorithm.size]().group_order
    if not (0 < r < order and 0 < s < order):
        raise _malformed("r or s is not between 1 and the order of the curve")
    return encode_dss_signature(r, s)


def _ecdsa_signer(key: ec.EllipticCurvePrivateKey, algorithm: Algorithm) -> Sign:
    hash_ = _hash_of(algorithm)
    scheme = ec.ECDSA(Prehashed(_HASHES[hash_]))
    sign = key.sign

    def sign_digest(given: SigningInput) -> bytes:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        return sign(given.value, scheme)

    return sign_digest


def _ecdsa_verifier(key: ec.EllipticCurvePublicKey, algorithm: Algorithm) -> Verify:
    hash_ = _hash_of(algorithm)
    scheme = ec.ECDSA(Prehashed(_HASHES[hash_]))
    verify = key.verify

    def verify_digest(given: SigningInput, signature: bytes) -> None:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        try:
            verify(signature, given.value, scheme)
        except InvalidSignature:
            _check_der(signature)
            raise _mismatch() from None

    return verify_digest


def _check_der(signature: bytes) -> None:
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise _malformed("the signature is not DER of ECDSA's r and s") from None
    if min(r, s) < 1:
        raise _malformed("r or s is below 1")


def _rsa_padding(algorithm: Algorithm, hash_: Hash) -> padding.AsymmetricPadding:
    if algorithm.family is Family.RSA_PKCS1:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(_HASHES[hash_]), padding.PSS.DIGEST_LENGTH)


def _rsa_signer(key: rsa.RSAPrivateKey, algorithm: Algorithm) -> Sign:
    hash_ = _hash_of(algorithm)
    scheme, prehashed = _rsa_padding(algorithm, hash_), Prehashed(_HASHES[hash_])
    sign = key.sign

    def sign_digest(given: SigningInput) -> bytes:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        return sign(given.value, scheme, prehashed)

    return sign_digest


def _rsa_verifier(key: rsa.RSAPublicKey, algorithm: Algorithm) -> Verify:
    hash_ = _hash_of(algorithm)
    scheme, prehashed = _rsa_padding(algorithm, hash_), Prehashed(_HASHES[hash_])
    verify, size = key.verify, algorithm.size // 8

    def verify_digest(given: SigningInput, signature: bytes) -> None:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        _check_length(signature, size, algorithm)
        try:
            verify(signature, given.value, scheme, prehashed)
        except InvalidSignature:
            raise _mismatch() from None

    return verify_digest


def _ed25519_signer(key: ed25519.Ed25519PrivateKey, algorithm: Algorithm) -> Sign:
    if algorithm.hash is None:
        return lambda given: key.sign(_message_of(given, algorithm))
    sign, hash_ = digest_signer(key.private_bytes_raw(), key.public_key().public_bytes_raw()), algorithm.hash

    def sign_digest(given: SigningInput) -> bytes:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        return sign(given.value)

    return sign_digest


def _ed25519_verifier(key: ed25519.Ed25519PublicKey, algorithm: Algorithm) -> Verify:
    if algorithm.hash is not None:
        return _ed25519ph_verifier(key, algorithm)

    def verify_message(given: SigningInput, signature: bytes) -> None:
        _check_length(signature, _ED25519_SIGNATURE, algorithm)
        try:
            key.verify(signature, _message_of(given, algorithm))
        except InvalidSignature:
            raise _mismatch() from None

    return verify_message


def _ed25519ph_verifier(key: ed25519.Ed25519PublicKey, algorithm: Algorithm) -> Verify:
    holds, hash_ = digest_verifier(key.public_bytes_raw()), _hash_of(algorithm)

    def verify_digest(given: SigningInput, signature: bytes) -> None:
        if type(given) is not Digest or given.hash is not hash_:
            raise _unprepared(algorithm)
        _check_length(signature, _ED25519_SIGNATURE, algorithm)
        if not holds(given.value, signature):
            raise _mismatch()

    return verify_digest


def _ml_dsa_signer(key: MlDsaPrivateKey) -> Sign:
    def sign(given: SigningInput) -> bytes:
        if type(given) is Mu:
            return key.sign_mu(given.value)
        if type(given) is Message:
            return key.sign(given.data)
        raise _unprepared("ML-DSA")

    return sign


def _ml_dsa_verifier(key: MlDsaPublicKey, algorithm: Algorithm) -> Verify:
    size = _ML_DSA_SIGNATURES[algorithm.size]

    def verify(given: SigningInput, signature: bytes) -> None:
        _check_length(signature, size, algorithm)
        try:
            if type(given) is Mu:
                key.verify_mu(signature, given.value)
            else:
                key.verify(signature, _message_of(given, algorithm))
        except InvalidSignature:
            raise _mismatch() from None

    return verify


def _hash_of(algorithm: Algorithm) -> Hash:
    if algorithm.hash is None:
        raise _unprepared(algorithm)
    return algorithm.hash


def _message_of(given: SigningInput, algorithm: Algorithm) -> bytes:
    if type(given) is not Message:
        raise _unprepared(algorithm)
    return given.data


def _check_length(signature: bytes, size: int, algorithm: Algorithm) -> None:
    if len(signature) != size:
        raise _malformed(f"the signature is {len(signature)} bytes, {algorithm} has {size}")


def _unprepared(algorithm: Algorithm | str) -> SignerdError:
    return SignerdError(Reason.INTERNAL, f"the input was not prepared for {algorithm}")


def _malformed(message: str) -> SignerdError:
    return SignerdError(Reason.SIGNATURE_MALFORMED, message, field="signature")


def _mismatch() -> SignerdError:
    return SignerdError(Reason.SIGNATURE_MISMATCH, field="signature")
