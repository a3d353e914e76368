import pytest

from signerd.core.algorithms import BY_NAME, DEFAULT, TABLE, algorithm_named
from signerd.errors import Reason, SignerdError


def test_names_and_aliases_are_unique() -> None:
    names = [name for row in TABLE for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)


def test_default_is_p256() -> None:
    assert algorithm_named("") is DEFAULT
    assert str(DEFAULT) == "ecdsa-p256-sha256"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ecdsa-sha2-256-nistp256", "ecdsa-p256-sha256"),
        ("ecdsa-sha2-384-nistp384", "ecdsa-p384-sha384"),
        ("ecdsa-sha2-512-nistp521", "ecdsa-p521-sha512"),
        ("rsa-sign-pkcs1-2048-sha256", "rsa-pkcs1-2048-sha256"),
        ("rsa-sign-pss-4096-sha256", "rsa-pss-4096-sha256"),
        ("ed25519-ph", "ed25519ph"),
        ("ML-DSA-65", "ml-dsa-65"),
    ],
)
def test_sigstore_names_are_aliases(alias: str, name: str) -> None:
    assert algorithm_named(alias).name == name


def test_only_pure_ed25519_and_ml_dsa_take_whole_messages() -> None:
    whole = {row.name for row in TABLE if not row.takes_digest}
    assert whole == {"ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SignerdError) as caught:
        algorithm_named("dsa" * 100)
    assert caught.value.reason is Reason.ALGORITHM_UNKNOWN
    assert "ml-dsa-87" in caught.value.message
    assert len(caught.value.message) < 600
