import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.digests import Digest, Hash, hash_named, parse_digest
from signerd.errors import Reason, SignerdError


@pytest.mark.parametrize("hash_", Hash)
def test_sizes_are_those_of_hashlib(hash_: Hash) -> None:
    assert hash_.size == hash_.size == hashlib.new(hash_.value).digest_size
    assert hash_.digest(b"abc") == hashlib.new(hash_.value, b"abc").digest()


@given(st.sampled_from(Hash), st.binary(max_size=80))
def test_no_digest_has_a_wrong_length(hash_: Hash, value: bytes) -> None:
    if len(value) == hash_.size:
        assert parse_digest(str(Digest(hash_, value))) == Digest(hash_, value)
        return
    with pytest.raises(SignerdError) as caught:
        Digest(hash_, value)
    assert caught.value.reason is Reason.DIGEST_LENGTH
    assert caught.value.field == "digest.value"


@pytest.mark.parametrize("text", ["sha256:zz", "sha256:", "sha256", "sha256:abcd"])
def test_digests_that_are_none(text: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_digest(text)
    assert caught.value.reason is Reason.DIGEST_LENGTH


@pytest.mark.parametrize("name", ["", "md5", "sha1", "sha3-256", "sha-256"])
def test_unknown_hashes_are_refused(name: str) -> None:
    with pytest.raises(SignerdError) as caught:
        hash_named(name)
    assert caught.value.reason is Reason.HASH_UNKNOWN
