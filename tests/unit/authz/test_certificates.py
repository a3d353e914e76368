"""Client certificates to subjects: one string per identity, and a refusal for everything else."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from signerd.authz.certificates import subject_of
from signerd.errors import Reason, SignerdError
from tests.support.certificates import Authority, Names, uri

CA = Authority("test ca")
SPIFFE = "spiffe://example.org/ns/build/sa/signer"
GOOD = CA.issue("name", [uri(SPIFFE)])[0]
DER = x509.load_pem_x509_certificate(GOOD).public_bytes(Encoding.DER)


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


@pytest.mark.parametrize(
    ("name", "names", "subject"),
    [
        ("", [uri(SPIFFE)], SPIFFE),
        ("name", [uri(SPIFFE)], SPIFFE),
        ("name", [dns("a.example.org"), uri(SPIFFE)], SPIFFE),
        ("name", [uri("https://example.org"), uri(SPIFFE)], SPIFFE),
        ("name", [dns("a.example.org"), dns("b.example.org")], "x509:test ca/a.example.org"),
        ("name", [uri("https://example.org"), dns("a")], "x509:test ca/a"),
        ("name", [uri("https://example.org")], "x509:test ca/name"),
        ("", [dns("a.example.org")], "x509:test ca/a.example.org"),
        ("name", [], "x509:test ca/name"),
        ("ünicode", [], "x509:test ca/ünicode"),
    ],
)
def test_who_a_certificate_names(name: str, names: Names, subject: str) -> None:
    assert subject_of(CA.issue(name, names)[0]) == subject


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("", []),
        ("", [uri("https://example.org")]),
        ("", [x509.RFC822Name("ann@example.org")]),
        ("name", [uri(SPIFFE), uri(SPIFFE + "2")]),
        ("other ca/name", []),
    ],
)
def test_certificates_that_name_nobody(name: str, names: Names) -> None:
    assert_refused(CA.issue(name, names)[0])


def test_the_same_name_of_another_ca_is_another_subject() -> None:
    assert subject_of(CA.issue("name")[0]) != subject_of(Authority("other").issue("name")[0])


def assert_refused(pem: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        subject_of(pem)
    assert caught.value.reason is Reason.CALLER_UNAUTHENTICATED
    assert caught.value.__cause__ is None


def armoured(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


@given(st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    assert_refused(data)
    assert_refused(armoured(data))


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_certificate_is_read_or_refused(at: int, noise: bytes) -> None:
    """The transport has checked the signature; here nothing else than a refusal may come of damage."""
    damaged = armoured(DER[:at] + noise + DER[at + len(noise) :])
    try:
        assert subject_of(damaged).startswith(("spiffe://", "x509:"))
    except SignerdError:
        assert_refused(damaged)


def test_the_same_extension_twice_is_refused() -> None:
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    made = CA.issue_with(constraints, x509.SubjectAlternativeName([dns("a.example.org")]))
    der = x509.load_pem_x509_certificate(made).public_bytes(Encoding.DER)
    constraints_id, names_id = bytes.fromhex("0603551d13"), bytes.fromhex("0603551d11")
    assert_refused(armoured(der.replace(constraints_id, names_id)))
