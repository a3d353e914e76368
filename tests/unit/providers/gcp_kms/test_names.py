"""Key URIs of Cloud KMS, and ids of CryptoKeys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT, TABLE
from signerd.errors import Reason, SignerdError
from signerd.providers.gcp_kms.names import (
    key_id,
    key_or_version_name,
    number_of,
    numbered,
    uri_of,
    version_name,
)

KEY = "projects/p-1/locations/europe-west4/keyRings/Ring_1/cryptoKeys/k-1"
KEY_NAMES = st.text("abz09._/-", min_size=1, max_size=128)


def test_a_version() -> None:
    uri = f"gcp-kms://{KEY}/cryptoKeyVersions/12"
    name = version_name(uri)
    assert key_or_version_name(uri) == (name, True)
    assert (uri_of(name), number_of(name), numbered(KEY, 12)) == (uri, 12, name)


def test_a_key() -> None:
    assert key_or_version_name(f"gcp-kms://{KEY}") == (KEY, False)
    with pytest.raises(SignerdError) as caught:
        version_name(f"gcp-kms://{KEY}")
    assert "cryptoKeyVersions/N" in caught.value.message


@pytest.mark.parametrize("project", ["p-1", "example.com:p-1", "123456"])
def test_projects(project: str) -> None:
    name = KEY.replace("p-1", project)
    assert key_or_version_name(f"gcp-kms://{name}") == (name, False)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        KEY,
        f"gcpkms://{KEY}",
        f"gcp-kms:{KEY}",
        f"gcp-kms:///{KEY}",
        f"gcp-kms://{KEY}/",
        f"gcp-kms://{KEY}\n",
        f"gcp-kms://{KEY}/cryptoKeyVersions/0",
        f"gcp-kms://{KEY}/cryptoKeyVersions/01",
        f"gcp-kms://{KEY}/cryptoKeyVersions/1\n",
        f"gcp-kms://{KEY}/cryptoKeyVersions/latest",
        f"gcp-kms://{KEY}/cryptoKeyVersions/1/x",
        f"gcp-kms://{KEY}?x=1",
        f"gcp-kms://{KEY}x{'y' * 63}",
        "gcp-kms://projects/../locations/l/keyRings/r/cryptoKeys/k%2F",
        "gcp-kms://projects/p/locations/l/keyRings/r",
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    for read in (key_or_version_name, version_name):
        with pytest.raises(SignerdError) as caught:
            read(uri)
        assert (caught.value.reason, caught.value.field) == (Reason.KEY_URI_INVALID, "uri")


@given(KEY_NAMES)
def test_an_id_is_one_of_the_api(key: str) -> None:
    made = key_id("instance", key, DEFAULT, "software")
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,63}", made)
    assert key_or_version_name(f"gcp-kms://{KEY.rpartition('/')[0]}/{made}")[1] is False


def test_an_id_begins_like_the_name_of_the_key() -> None:
    assert key_id("i", "team-a/release", DEFAULT, "hsm").startswith("team-a-release-")


@given(
    st.lists(
        st.tuples(st.sampled_from(["i", "j"]), KEY_NAMES, st.sampled_from(TABLE)), min_size=2, unique=True
    )
)
def test_ids_of_different_keys_differ(keys: list[tuple[str, str, object]]) -> None:
    made = {key_id(*key, protection) for key in keys for protection in ("software", "hsm")}  # type: ignore[arg-type]
    assert len(made) == 2 * len(keys)


def test_names_and_instances_do_not_run_together() -> None:
    assert key_id("a", "b/c", DEFAULT, "hsm")[-16:] != key_id("a/b", "c", DEFAULT, "hsm")[-16:]
