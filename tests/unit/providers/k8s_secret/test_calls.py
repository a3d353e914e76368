"""What is asked of the API server, and what its refusals come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from signerd.connections.kubernetes import METADATA_LIST, KubernetesError
from signerd.errors import Reason, SignerdError
from signerd.providers.k8s_secret.calls import ExpiredError, Secrets
from signerd.providers.k8s_secret.layout import Seen

PATH = "/api/v1/namespaces/keys/secrets"
SEEN = Seen("s", "uid-1", "7")


class FakeApi:
    """Answers in turn; what was asked is kept."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], Any, str]] = []

    def call(self, method: str, path: str, query: Any = (), body: Any = None, accept: str = "") -> Any:
        self.asked.append((method, path, dict(query), body, accept))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stream(self, path: str, query: Any, silence: float) -> Any:
        return self.call("WATCH", path, query)


def secrets(*answers: Any) -> tuple[Secrets, FakeApi]:
    api = FakeApi(*answers)
    return Secrets("k8s", "keys", api), api  # type: ignore[arg-type]


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": "uid-1", "resourceVersion": "7"}, **more}


def page(*items: Any, token: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "9", "continue": token}, "items": list(items)}


STATUSES = [
    (401, "", Reason.PROVIDER_DENIED),
    (403, "Forbidden", Reason.PROVIDER_DENIED),
    (429, "TooManyRequests", Reason.PROVIDER_THROTTLED),
    (422, "Invalid", Reason.PROVIDER_REFUSED),
    (500, "InternalError", Reason.PROVIDER_UNAVAILABLE),
    (503, "", Reason.PROVIDER_UNAVAILABLE),
    (0, "Timeout", Reason.PROVIDER_TIMEOUT),
    (0, "NewConnectionError", Reason.PROVIDER_UNAVAILABLE),
    (418, "", Reason.PROVIDER_UNAVAILABLE),
]
CALLS: list[Callable[[Secrets], Any]] = [
    lambda secrets: secrets.get("s"),
    lambda secrets: secrets.all(),
    lambda secrets: secrets.seen(),
    lambda secrets: secrets.create(item("s")),
    lambda secrets: secrets.delete(SEEN),
    lambda secrets: secrets.watch("7", 60, 60.0),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "kind", "reason"), STATUSES)
def test_refusals(
    call: Callable[[Secrets], Any], status: int, kind: str, reason: Reason, caplog: pytest.LogCaptureFixture
) -> None:
    asked, _ = secrets(KubernetesError(status, kind, "the server's own words", retry_after=3.0))
    with pytest.raises(SignerdError) as error:
        call(asked)
    assert error.value.reason is reason
    assert error.value.retry_after == 3.0
    assert "the server's own words" not in error.value.message
    assert "the server's own words" in caplog.text


def test_a_secret_that_is_not_there() -> None:
    with pytest.raises(SignerdError, match="Secret keys/s does not exist") as error:
        secrets(KubernetesError(404, "NotFound", ""))[0].get("s")
    assert error.value.reason is Reason.KEY_MATERIAL_UNREADABLE


def test_one_that_exists_already() -> None:
    with pytest.raises(SignerdError, match="exists already") as error:
        secrets(KubernetesError(409, "AlreadyExists", ""))[0].create(item("s"))
    assert error.value.reason is Reason.KEY_EXISTS


def test_a_namespace_that_is_not_there() -> None:
    with pytest.raises(SignerdError) as error:
        secrets(KubernetesError(404, "NotFound", ""))[0].create(item("s"))
    assert error.value.reason is Reason.PROVIDER_REFUSED


def test_a_secret_stored_without_its_key() -> None:
    with pytest.raises(SignerdError) as error:
        secrets(item("s"))[0].create(item("s"))
    assert error.value.reason is Reason.PROVIDER_INTEGRITY


def test_pages_are_read_to_the_end() -> None:
    asked, api = secrets(page(item("a"), token="more"), page(item("b")))
    found, version = asked.seen()
    assert (sorted(found), version) == (["a", "b"], "9")
    assert [query.get("continue") for _, _, query, _, _ in api.asked] == [None, "more"]
    assert {accept for *_, accept in api.asked} == {METADATA_LIST}
    assert api.asked[0][2]["fieldSelector"] == "type=Opaque"


def test_only_secrets_with_keys_are_listed() -> None:
    asked, _ = secrets(page(item("a", data={"x": "eA=="}), item("b", data={"x509.pem": "eA=="})))
    assert [one.seen.name for one in asked.all()] == ["b"]


@pytest.mark.parametrize("call", CALLS[1:3] + CALLS[-1:])
def test_a_forgotten_state(call: Callable[[Secrets], Any]) -> None:
    with pytest.raises(ExpiredError):
        call(secrets(KubernetesError(410, "Expired", ""))[0])


def test_deleted_is_what_was_read() -> None:
    asked, api = secrets({})
    assert asked.delete(SEEN)
    method, path, _, body, _ = api.asked[0]
    assert (method, path) == ("DELETE", f"{PATH}/s")
    assert body["preconditions"] == {"uid": "uid-1", "resourceVersion": "7"}


def test_deleting_what_changed_or_is_gone() -> None:
    assert not secrets(KubernetesError(409, "Conflict", ""))[0].delete(SEEN)
    assert secrets(KubernetesError(404, "NotFound", ""))[0].delete(SEEN)


def test_a_watch_starts_where_it_is_told_and_ends() -> None:
    asked, api = secrets(object())
    asked.watch("7", 60, 90.0)
    query = api.asked[0][2]
    assert (query["resourceVersion"], query["timeoutSeconds"]) == ("7", "60")
    assert query["allowWatchBookmarks"] == "true"


def test_events() -> None:
    stream: Any = [
        {"type": "ADDED", "object": item("a")},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}},
        {"type": "DELETED", "object": item("a")},
    ]
    assert list(secrets()[0].events(stream)) == [
        Seen("a", "uid-1", "7"),
        "12",
        Seen("a", "uid-1", "7", gone=True),
    ]


@pytest.mark.parametrize(("code", "raised"), [(410, ExpiredError), (500, SignerdError), (None, SignerdError)])
def test_events_that_are_errors(code: int | None, raised: type[Exception]) -> None:
    stream: Any = [{"type": "ERROR", "object": {"code": code, "reason": "r", "message": "m"}}]
    with pytest.raises(raised):
        list(secrets()[0].events(stream))


@pytest.mark.parametrize("event", [{}, {"type": "ADDED"}, {"type": "ADDED", "object": {}}, []])
def test_events_that_are_nonsense(event: Any) -> None:
    with pytest.raises(SignerdError) as error:
        list(secrets()[0].events([event]))
    assert error.value.reason is Reason.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    "answer", [{}, {"metadata": {}}, {"items": [{}], "metadata": {"resourceVersion": "1"}}]
)
def test_lists_that_are_nonsense(answer: Any) -> None:
    for call in CALLS[1:3]:
        with pytest.raises(SignerdError) as error:
            call(secrets(answer)[0])
        assert error.value.reason is Reason.PROVIDER_UNAVAILABLE
