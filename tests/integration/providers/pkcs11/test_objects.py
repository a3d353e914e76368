"""Objects that other applications made, and what they see of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from signerd.core.algorithms import BY_NAME, DEFAULT, Algorithm
from signerd.core.digests import Digest
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.certificates import common_name
from tests.support.servers.softhsm import SoftHsm

Open = Callable[..., Pkcs11Provider]
TOKEN = "pkcs11:token=signerd%20test"


async def signs(provider: Pkcs11Provider, found: Material, algorithm: Algorithm = DEFAULT) -> None:
    given = prepare(algorithm, Message(b"some bytes"))
    signature = await provider.sign(found.uri, algorithm, given)
    verifier(load_public_key(found.public_key, algorithm), algorithm)(given, signature)


def make_key(hsm: SoftHsm, kind: str, label: str, id_: str) -> None:
    hsm.tool("--keypairgen", "--key-type", kind, "--label", label, "--id", id_)


def certificate_of(key: ec.EllipticCurvePublicKey) -> bytes:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        common_name("ca"), common_name("k"), key, 1, now, now + timedelta(days=1)
    )
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("EC:prime256v1", "ecdsa-p256-sha256"),
        ("EC:secp384r1", "ecdsa-p384-sha384"),
        ("EC:secp521r1", "ecdsa-p521-sha512"),
        ("rsa:2048", "rsa-pkcs1-2048-sha256"),
        ("rsa:2048", "rsa-pss-2048-sha256"),
        ("EC:edwards25519", "ed25519"),
    ],
)
async def test_keys_that_opensc_made_are_used(hsm: SoftHsm, opened: Open, kind: str, name: str) -> None:
    make_key(hsm, kind, "release key", "a1ff")
    provider = opened()
    (held,) = await provider.held()
    assert (held.uri, held.tags) == (f"{TOKEN};object=release%20key;id=%A1%FF", {})
    for uri in (
        f"{TOKEN};object=release%20key",
        "pkcs11:id=%a1%ff",
        "pkcs11:object=release%20key;type=private",
    ):
        (found,) = await provider.find(uri)
        assert found == held
        await signs(provider, found, BY_NAME[name])


async def test_opensc_sees_keys_that_can_not_be_taken_out(hsm: SoftHsm, opened: Open) -> None:
    provider = opened()
    for number, algorithm in enumerate((DEFAULT, BY_NAME["rsa-pss-2048-sha256"], BY_NAME["ed25519"])):
        order = Order("team/release", 1, algorithm, f"t{number}", instance="i")
        imported = Order("team/release", 2, algorithm, f"t{number}", to_pkcs8(generate(algorithm)), "i")
        for one in (order, imported):
            await signs(provider, await provider.create(one), algorithm)
    listed = hsm.tool("--list-objects", "--type", "privkey")
    assert listed.count("label:      signerd:team/release:") == 6
    assert listed.count("Usage:      sign\n") == 6
    assert listed.count("sensitive") >= 6
    assert "extractable" not in listed.replace("never extractable", "")
    public = hsm.tool("--list-objects", "--type", "pubkey", login=False)
    assert public.count("label:      signerd:team/release:") == 6
    assert public.count("Usage:      verify\n") == 6


async def test_opensc_verifies_our_signatures(hsm: SoftHsm, opened: Open, tmp_path: Path) -> None:
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    data, signature = tmp_path / "data", tmp_path / "signature"
    given = prepare(DEFAULT, Message(b"some bytes"))
    assert isinstance(given, Digest)
    data.write_bytes(given.value)
    signature.write_bytes(await provider.sign(made.uri, DEFAULT, given))
    id_ = made.uri.rpartition("id=")[2].replace("%", "")
    how = ("--mechanism", "ECDSA", "--signature-format", "openssl", "--id", id_)
    files = ("--input-file", str(data), "--signature-file", str(signature))
    assert "Signature is valid" in hsm.tool("--verify", *how, *files)
    data.write_bytes(bytes(32))
    assert "Invalid signature" in hsm.tool("--verify", *how, *files)


async def test_two_objects_of_one_label_are_told_apart_by_id(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm, "EC:prime256v1", "twin", "01")
    make_key(hsm, "EC:prime256v1", "twin", "02")
    provider = opened()
    given = prepare(DEFAULT, Message(b"some bytes"))
    uri = f"{TOKEN};object=twin"
    for call in (
        provider.find(uri),
        provider.sign(uri, DEFAULT, given),
        provider.change(uri, Change.DESTROY),
    ):
        with pytest.raises(SignerdError, match="add the id") as caught:
            await call
        assert caught.value.reason is Reason.KEY_URI_INVALID
    (found,) = await provider.find(f"{uri};id=%02")
    await signs(provider, found)
    await provider.change(found.uri, Change.DESTROY)
    assert [one.uri for one in await provider.held()] == [f"{uri};id=%01"]
    assert hsm.tool("--list-objects", "--type", "pubkey").count("label:      twin") == 1


async def test_a_key_without_a_public_half(hsm: SoftHsm, opened: Open, tmp_path: Path) -> None:
    make_key(hsm, "EC:prime256v1", "half", "07")
    provider = opened()
    (before,) = await provider.held()
    hsm.tool("--delete-object", "--type", "pubkey", "--id", "07")
    with pytest.raises(SignerdError, match="no public key object and no certificate") as caught:
        await provider.find(before.uri)
    assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert await provider.held() == []
    certificate = tmp_path / "certificate.der"
    key = load_public_key(before.public_key, DEFAULT)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    certificate.write_bytes(certificate_of(key))
    hsm.tool("--write-object", str(certificate), "--type", "cert", "--id", "07", "--label", "its certificate")
    assert await provider.find(before.uri) == [before]
    await signs(provider, before)


async def test_a_key_that_asks_for_the_pin_each_time_is_refused(hsm: SoftHsm, opened: Open) -> None:
    kind = ("--key-type", "EC:prime256v1", "--label", "strict", "--id", "01")
    hsm.tool("--keypairgen", *kind, "--always-auth")
    provider = opened()
    (held,) = await provider.held()
    pid = provider.worker.pid
    for _ in range(2):
        with pytest.raises(SignerdError, match="asks for the PIN again for every signature") as caught:
            await signs(provider, held)
        assert caught.value.reason is Reason.PROVIDER_DENIED
    assert provider.worker.pid == pid


async def test_a_label_that_is_no_text_does_not_matter(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm, "EC:prime256v1", os.fsdecode(b"caf\xe9"), "01")
    provider = opened()
    (held,) = await provider.held()
    assert held.uri == f"{TOKEN};id=%01"
    await signs(provider, held)
    await provider.change(held.uri, Change.DESTROY)
    assert hsm.tool("--list-objects") == ""


async def test_a_token_is_chosen_by_its_serial_number(hsm: SoftHsm, opened: Open) -> None:
    serial = opened()
    await serial.held()
    ready = serial.worker.ready
    assert ready
    assert await opened(token=None, serial=ready.serial).held() == []
    hsm.add(hsm.label)
    with pytest.raises(SignerdError, match="several tokens have that label; set serial"):
        await opened().held()
    assert await opened(serial=ready.serial).held() == []


@pytest.mark.parametrize("uri", ["pkcs11:token=other;object=k", "pkcs11:serial=1;object=k"])
async def test_the_uri_of_another_token(opened: Open, uri: str) -> None:
    with pytest.raises(SignerdError, match="names another token") as caught:
        await opened().find(uri)
    assert caught.value.reason is Reason.KEY_URI_INVALID


async def test_relabelled_keys_are_nobodys(hsm: SoftHsm, opened: Open) -> None:
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    id_ = made.uri.rpartition("id=")[2].replace("%", "")
    for half in ("privkey", "pubkey"):
        hsm.tool("--set-id", "0b", "--type", half, "--id", id_)
    (held,) = await provider.held()
    assert held.tags == {}


async def test_algorithms_the_token_lacks(opened: Open) -> None:
    provider = opened()
    assert BY_NAME["ml-dsa-65"] in provider.capabilities.algorithms
    for name in ("ml-dsa-65", "ed25519ph"):
        with pytest.raises(SignerdError, match="possible are ecdsa-p256-sha256") as caught:
            await provider.create(Order("k", 1, BY_NAME[name], "t1", instance="i"))
        assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED
    assert BY_NAME["ml-dsa-65"] not in provider.capabilities.algorithms


async def test_a_crash_while_a_key_is_made_leaves_it_to_be_found(hsm: SoftHsm, opened: Open) -> None:
    provider = opened()
    order = Order("k", 1, DEFAULT, "t1", instance="i")
    await provider.create(order)
    assert provider.worker.pid
    os.kill(provider.worker.pid, 9)
    with pytest.raises(SignerdError) as caught:
        await opened().create(order)
    assert caught.value.reason is Reason.KEY_EXISTS
    (left,) = await opened().held()
    assert left.tags == order.tags
    await signs(provider, left)
