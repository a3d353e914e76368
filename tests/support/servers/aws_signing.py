"""The cryptography of AWS KMS, as the API reference documents Sign and ImportKeyMaterial."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key

MU_SIZE = 64
HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_RSA = [f"RSASSA_{kind}_SHA_{bits}" for kind in ("PKCS1_V1_5", "PSS") for bits in HASHES]
_ML_DSA = ["ML_DSA_SHAKE_256"]
SIGNING = {
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
    "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
    **{f"RSA_{size}": _RSA for size in (2048, 3072, 4096)},
    **{f"ML_DSA_{level}": _ML_DSA for level in (44, 65, 87)},
}


def specs(spec: str) -> dict[str, str]:
    """The fields that tell a key's spec; the older one has no values for newer specs (service model)."""
    return {"KeySpec": spec, **({} if spec.startswith("ML_DSA") else {"CustomerMasterKeySpec": spec})}


class Refusal(Exception):
    """An error of the API: its type, text and HTTP status."""

    def __init__(self, kind: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.kind, self.text, self.status = kind, text, status


@cache
def wrapping_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096)


def invalid(text: str) -> Refusal:
    return Refusal("ValidationException", f"1 validation error detected: {text}")


def unwrapped(wrapped: bytes, spec: str) -> Any:
    """The private key of RSA_AES_KEY_WRAP_SHA_256."""
    size = wrapping_key().key_size // 8
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
    try:
        key = wrapping_key().decrypt(wrapped[:size], oaep)
        imported = load_der_private_key(aes_key_unwrap_with_padding(key, wrapped[size:]), None)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        raise Refusal("InvalidCiphertextException", "the key material can't be decrypted") from None
    curve = getattr(getattr(imported, "curve", None), "name", "").replace("secp", "").removesuffix("r1")
    shown = f"ECC_NIST_P{curve}" if curve else f"RSA_{getattr(imported, 'key_size', 0)}"
    if shown != spec:
        raise Refusal("IncorrectKeyMaterialException", f"the key is {shown}, not {spec}")
    return imported


def signed(key: Any, algorithm: str, message: bytes, message_type: str) -> bytes:
    """Sign as the Sign operation documents it."""
    if algorithm == "ML_DSA_SHAKE_256":
        if message_type == "DIGEST" or (message_type == "EXTERNAL_MU" and len(message) != MU_SIZE):
            raise invalid(f"{message_type} of {len(message)} bytes is not taken for {algorithm}")
        made: bytes = key.sign_mu(message) if message_type == "EXTERNAL_MU" else key.sign(message)
        return made
    hash_ = HASHES[algorithm[-3:]]
    if message_type == "RAW":
        hashed = hashes.Hash(hash_)
        hashed.update(message)
        message = hashed.finalize()
    elif message_type != "DIGEST" or len(message) != hash_.digest_size:
        raise invalid("Digest is invalid length for algorithm")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(Prehashed(hash_)))
    assert isinstance(key, rsa.RSAPrivateKey)
    if "_PSS_" not in algorithm:
        return key.sign(message, padding.PKCS1v15(), Prehashed(hash_))
    return key.sign(message, padding.PSS(padding.MGF1(hash_), padding.PSS.DIGEST_LENGTH), Prehashed(hash_))
