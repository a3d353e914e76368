"""The blocking client against a daemon on a real socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.client import Backoff, Client, Settings, SignerdError, sign_request
from signerd.client.chunks import CHUNK
from signerd.errors import Reason
from signerd.v1.keys_pb2 import ListKeysResponse
from signerd.v1.signer_pb2 import SignResponse
from tests.unit.client.fake_daemon import FakeDaemon, status_of

SHA256_OF_NOTHING = "sha256:" + "e3b0c442" * 8


@pytest.fixture
def client(settings: Settings, quick: Backoff) -> Iterator[Client]:
    with Client(settings, backoff=quick) as made:
        yield made


def test_sign_sends_what_it_is_given(client: Client, daemon: FakeDaemon) -> None:
    answer = client.sign("release", message=b"hello", version=3, traceparent="00-x")
    assert answer.signature == b"signed:hello"
    [request] = daemon.asked["Sign"]
    assert (request.key, request.version, request.traceparent) == ("release", 3, "00-x")
    assert len(request.request_id) == 32


def test_sign_takes_digest_text_dsse_and_mu(client: Client, daemon: FakeDaemon) -> None:
    client.sign("release", digest=SHA256_OF_NOTHING)
    client.sign("release", dsse=("text/plain", b""), validate_only=True)
    client.sign("release", ml_dsa_mu=b"m" * 64, request_id="mine")
    digest, dsse, mu = daemon.asked["Sign"]
    assert (digest.digest.hash, len(digest.digest.value)) == (1, 32)
    assert (dsse.WhichOneof("input"), dsse.dsse.payload_type, dsse.validate_only) == (
        "dsse",
        "text/plain",
        True,
    )
    assert (mu.ml_dsa_mu, mu.request_id) == (b"m" * 64, "mine")


@pytest.mark.parametrize("given", [{}, {"message": b"", "ml_dsa_mu": b""}])
def test_sign_takes_exactly_one_input(client: Client, daemon: FakeDaemon, given: dict[str, bytes]) -> None:
    with pytest.raises(SignerdError) as caught:
        client.sign("release", **given)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.INPUT_MISSING
    assert not daemon.asked


def test_an_unknown_option_is_an_error_not_ignored(client: Client) -> None:
    with pytest.raises(TypeError):
        client.sign("release", message=b"x", validate_onyl=True)  # type: ignore[call-arg]


def test_unavailable_is_tried_again_with_the_same_request_id(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["Sign"].extend([status_of(Reason.AUDIT_UNAVAILABLE), status_of(Reason.SHUTTING_DOWN)])
    assert client.sign("release", message=b"x").signature == b"signed:x"
    assert len({request.request_id for request in daemon.asked["Sign"]}) == 1
    assert len(daemon.asked["Sign"]) == 3


def test_attempts_are_bounded_and_the_last_error_stands(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["Sign"].extend([status_of(Reason.AUDIT_UNAVAILABLE)] * 9)
    with pytest.raises(SignerdError) as caught:
        client.sign("release", message=b"x")
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert len(daemon.asked["Sign"]) == 4


@pytest.mark.parametrize(
    "reason", [Reason.DEADLINE, Reason.KEY_NOT_FOUND, Reason.INTERNAL, Reason.OVERLOADED, Reason.CANCELLED]
)
def test_other_errors_are_not_tried_again(client: Client, daemon: FakeDaemon, reason: Reason) -> None:
    daemon.script["Sign"].append(status_of(reason))
    with pytest.raises(SignerdError) as caught:
        client.sign("release", message=b"x")
    assert caught.value.reason is reason
    assert len(daemon.asked["Sign"]) == 1


def test_overload_that_says_how_long_is_tried_again(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["Sign"].append(status_of(Reason.OVERLOADED, wait=0.01))
    assert client.sign("release", message=b"x").signature
    assert len(daemon.asked["Sign"]) == 2


def test_retry_info_beyond_the_deadline_is_not_waited_for(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["Sign"].append(status_of(Reason.OVERLOADED, wait=0.9))
    with pytest.raises(SignerdError) as caught:
        client.sign("release", message=b"x", timeout=0.5)
    assert caught.value.retry_after == pytest.approx(0.9)


def test_deadline_ends_a_call_that_is_not_answered(client: Client, daemon: FakeDaemon) -> None:
    daemon.gate.clear()
    with pytest.raises(SignerdError) as caught:
        client.sign("release", message=b"x", timeout=0.05)
    assert caught.value.reason is Reason.DEADLINE


def test_batch_gives_a_result_or_an_error_for_each_item(client: Client, daemon: FakeDaemon) -> None:
    daemon.spoiled[b"bad"] = status_of(Reason.KEY_NOT_FOUND, "no key", field="items[1].key")
    good, bad = client.sign_batch(sign_request("release", message=data) for data in (b"good", b"bad"))
    assert isinstance(good, SignResponse)
    assert good.signature == b"signed:good"
    assert isinstance(bad, SignerdError)
    assert (bad.reason, bad.field) == (Reason.KEY_NOT_FOUND, "items[1].key")


def test_changes_are_remembered_and_asked_for(client: Client, daemon: FakeDaemon) -> None:
    client.create_key("release", algorithm="ed25519", purpose="jwt", labels={"a": "b"})
    client.sign("release", message=b"x")
    client.sign_batch([sign_request("release", message=b"x")])
    client.public_key("release", every=True)
    client.import_key("other", b"PEM", password=b"secret")
    client.get_key("other")
    assert daemon.asked["Sign"][0].min_revision == 5
    assert daemon.asked["BatchSign"][0].items[0].min_revision == 5
    assert daemon.asked["PublicKey"][0].min_revision == 5
    assert daemon.asked["GetKey"][0].min_revision == 6
    made = daemon.asked["CreateKey"][0]
    assert (made.purpose, made.labels["a"], len(made.request_id)) == (2, "b", 32)


def test_key_material_at_providers(client: Client, daemon: FakeDaemon) -> None:
    uri = "local:old/1-a.key"
    client.adopt_key("old", uri, provider="local", algorithm="ed25519", labels={"a": "b"})
    [adopted] = daemon.asked["AdoptKey"]
    assert (adopted.name, adopted.uri, adopted.provider, adopted.algorithm) == (
        "old",
        uri,
        "local",
        "ed25519",
    )
    assert (adopted.public_only, adopted.labels["a"], len(adopted.request_id)) == (False, "b", 32)
    found = client.discover_keys()
    assert (found.provider, found.keys[0].uri) == ("local", uri)
    assert daemon.asked["DiscoverKeys"][0].min_revision == 7
    assert [one.ok for one in client.check_keys(["old"]).findings] == [True]
    assert not client.check_keys().findings
    assert [list(one.names) for one in daemon.asked["CheckKeys"]] == [["old"], []]


def test_providers(client: Client, daemon: FakeDaemon) -> None:
    assert client.list_providers().providers[0].is_default
    shown = client.get_provider("local", request_id="mine")
    assert list(shown.capabilities.algorithms) == ["ecdsa-p256-sha256", "ed25519"]
    assert (daemon.asked["GetProvider"][0].name, daemon.asked["GetProvider"][0].request_id) == (
        "local",
        "mine",
    )


def test_what_another_client_saw_can_be_asked_for(client: Client, daemon: FakeDaemon) -> None:
    assert client.revision == 0
    client.remember(7)
    client.remember(3)
    client.sign("release", message=b"x")
    assert daemon.asked["Sign"][0].min_revision == client.revision == 7


def test_an_unknown_purpose_is_refused_here(client: Client) -> None:
    with pytest.raises(SignerdError) as caught:
        client.create_key("release", purpose="fun")
    assert (caught.value.reason, caught.value.field) == (Reason.REQUEST_MALFORMED, "purpose")


def test_verify_says_how_the_signature_is_written(client: Client, daemon: FakeDaemon) -> None:
    assert client.verify("release", b"rs", message=b"x", encoding="p1363").key_version
    assert daemon.asked["Verify"][0].encoding == 2
    with pytest.raises(SignerdError) as caught:
        client.verify("release", b"rs", message=b"x", encoding="hex")
    assert caught.value.reason is Reason.SIGNATURE_MALFORMED


def test_stream_of_a_file_goes_in_chunks(client: Client, daemon: FakeDaemon) -> None:
    source = io.BytesIO(b"z" * (2 * CHUNK + 5))
    assert client.sign_stream("release", source, payload_type="a/b").signature == b"%d bytes" % (
        2 * CHUNK + 5
    )
    assert [len(chunk) for chunk in daemon.asked["chunks"]] == [CHUNK, CHUNK, 5]
    header = daemon.asked["SignStream"][0]
    assert (header.length, header.payload_type, len(header.request_id)) == (2 * CHUNK + 5, "a/b", 32)


def test_stream_is_never_repeated(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["SignStream"].append(status_of(Reason.AUDIT_UNAVAILABLE))
    with pytest.raises(SignerdError):
        client.sign_stream("release", io.BytesIO(b"x"))
    assert len(daemon.asked["SignStream"]) == 1


def test_stream_that_can_not_be_read_says_so(
    client: Client, daemon: FakeDaemon, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError(5, "I/O error")

    with pytest.raises(OSError, match="I/O error"):
        client.sign_stream("release", broken(), length=2)
    assert "Traceback" not in capfd.readouterr().err


def test_a_stream_refused_while_it_is_sent_gives_the_reason(client: Client, daemon: FakeDaemon) -> None:
    daemon.early = True
    for _ in range(20):
        daemon.script["SignStream"].append(status_of(Reason.KEY_NOT_FOUND, "no such key"))
        with pytest.raises(SignerdError) as caught:
            client.sign_stream("release", iter([b"x" * CHUNK] * 20), length=20 * CHUNK)
        assert caught.value.reason is Reason.KEY_NOT_FOUND


def test_stream_of_unknown_length_is_refused(client: Client) -> None:
    with pytest.raises(SignerdError) as caught:
        client.sign_stream("release", iter([b"x"]))
    assert (caught.value.reason, caught.value.field) == (Reason.STREAM_INVALID, "length")


def test_checksums_go_both_ways(settings: Settings, daemon: FakeDaemon) -> None:
    damaged = SignResponse(signature=b"sig", signature_crc32c=1)
    with Client(settings, checksums=True) as client:
        assert client.sign("release", message=b"123456789").HasField("signature_crc32c")
        daemon.script["Sign"].append(damaged)
        with pytest.raises(SignerdError) as caught:
            client.sign("release", message=b"x")
    assert daemon.asked["Sign"][0].input_crc32c == 0xE3069283  # RFC 3720, B.4 check value
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH


def test_pages_records_and_status(client: Client, daemon: FakeDaemon) -> None:
    assert isinstance(client.list_keys(page_size=2, page_token="t"), ListKeysResponse)
    assert client.audit.list_records(key="release", outcome="ok").records[0].operation == "sign"
    assert client.audit.get_record("w0", 7).json == '{"v":1}'
    assert client.status().serving
    assert daemon.asked["ListKeys"][0].page_token == "t"
    assert daemon.asked["GetRecord"][0].position.sequence == 7


def test_token_is_sent_over_the_socket(settings: Settings, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "token").write_text("secret\n")
    with Client(Settings(endpoint=settings.endpoint, token_file=str(directory / "token"))) as client:
        client.status()
    assert daemon.metadata["authorization"] == "Bearer secret"


def test_nobody_listening_is_unreachable(settings: Settings, quick: Backoff, directory: Path) -> None:
    import socket

    path = str(directory / "dead.sock")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
    dead = Settings(endpoint=type(settings.endpoint)(path=path))
    with Client(dead, backoff=quick) as client, pytest.raises(SignerdError) as caught:
        client.status()
    assert caught.value.reason is Reason.DAEMON_UNREACHABLE
    assert path in caught.value.message
