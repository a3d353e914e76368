"""Calls to the API server about the Secrets of one namespace. They block: run them in threads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from signerd.connections.kubernetes import JSON, METADATA_LIST, Json, KubernetesApi, KubernetesError, Stream
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed
from signerd.providers.k8s_secret.layout import Seen, StoredKey, read_secret, seen_in, unreadable

_PAGE = "200"
_OPAQUE = ("fieldSelector", "type=Opaque")  # tokens, certificates and registry passwords are none of ours
_BAD_REQUEST, _NOT_FOUND, _CONFLICT, _EXPIRED = 400, 404, 409, 410
_REASONS = {
    _BAD_REQUEST: Reason.PROVIDER_REFUSED,
    401: Reason.PROVIDER_DENIED,
    403: Reason.PROVIDER_DENIED,
    404: Reason.PROVIDER_REFUSED,
    405: Reason.PROVIDER_REFUSED,
    413: Reason.PROVIDER_REFUSED,
    422: Reason.PROVIDER_REFUSED,
    429: Reason.PROVIDER_THROTTLED,
}
_log = logging.getLogger(__name__)


class ExpiredError(Exception):
    """The server has forgotten the state that a watch or the next page of a list starts from: list anew."""


class Secrets:
    """The Secrets of a namespace. Raises SignerdError only, the server's words go to the log."""

    def __init__(self, provider: str, namespace: str, api: KubernetesApi) -> None:
        self.provider = provider
        self.namespace = namespace
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/secrets"

    def get(self, name: str) -> StoredKey:
        """Read one; raises KEY_MATERIAL_UNREADABLE where there is none, or no signing key in it."""
        with self._mapped(f"Secret {self.namespace}/{name} can't be read"):
            try:
                found = read_secret(self._api.call("GET", f"{self._path}/{name}"), self.namespace)
            except KubernetesError as error:
                if error.status != _NOT_FOUND:
                    raise
                raise unreadable(self.namespace, name, "does not exist") from None
        if found is None:
            raise unreadable(self.namespace, name, "has neither cosign.key nor x509.pem")
        return found

    def all(self) -> list[StoredKey]:
        """All that hold signing keys, whoever made them; raises ExpiredError where a page can't be had any more."""
        with self._mapped(f"Secrets of {self.namespace} can't be listed"):
            found = [read_secret(item, self.namespace) for item in self._listed(JSON)[0]]
        return [stored for stored in found if stored is not None]

    def seen(self) -> tuple[dict[str, Seen], str]:
        """Metadata of all by name, and the state of the list, from which to watch; raises ExpiredError too."""
        with self._mapped(f"Secrets of {self.namespace} can't be listed"):
            items, version = self._listed(METADATA_LIST)
            return {one.name: one for one in (seen_in(item["metadata"]) for item in items)}, version

    def watch(self, version: str, seconds: int, silence: float) -> Stream:
        """Watch metadata from a state on for so long; raises ExpiredError."""
        query = [_OPAQUE, ("resourceVersion", version), ("allowWatchBookmarks", "true")]
        with self._mapped(f"Secrets of {self.namespace} can't be watched"):
            return self._api.stream(self._path, [*query, ("timeoutSeconds", str(seconds))], silence)

    def events(self, stream: Iterable[Json]) -> Iterator[Seen | str]:
        """What changed, and the states (of bookmarks) from which a later watch can start."""
        with self._mapped(f"Secrets of {self.namespace} can't be watched"):
            for event in stream:
                yield self._event(event)

    def create(self, secret: Json) -> StoredKey:
        """Write a new one; raises KEY_EXISTS."""
        shown = f"Secret {self.namespace}/{secret['metadata']['name']}"
        with self._mapped(f"{shown} can't be made"):
            try:
                made = read_secret(self._api.call("POST", self._path, body=secret), self.namespace)
            except KubernetesError as error:
                if error.status == _CONFLICT:
                    raise SignerdError(Reason.KEY_EXISTS, f"{shown} exists already") from None
                if error.status == _NOT_FOUND:
                    error.status = (
                        _BAD_REQUEST  # the namespace is not there, which says nothing of key material
                    )
                raise
        if made is None:
            raise SignerdError(Reason.PROVIDER_INTEGRITY, f"{shown} was stored without its key")
        return made

    def delete(self, seen: Seen) -> bool:
        """Delete that state of that object; False if it is not the one there any more, no error if it is gone."""
        conditions = {"uid": seen.uid, "resourceVersion": seen.version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions}
        with self._mapped(f"Secret {self.namespace}/{seen.name} can't be deleted"):
            try:
                self._api.call("DELETE", f"{self._path}/{seen.name}", body=options)
            except KubernetesError as error:
                if error.status not in (_CONFLICT, _NOT_FOUND):
                    raise
                return error.status == _NOT_FOUND
        return True

    @contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        """Log what the server said, or that it made no sense, and raise what the caller is to know."""
        try:
            yield
        except KubernetesError as error:
            if error.status == _EXPIRED:
                raise ExpiredError from None
            raise self._failed(error, what) from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            nonsense = KubernetesError(
                0, "Malformed", f"the answer is not as documented: {type(error).__name__}"
            )
            raise self._failed(nonsense, what) from None

    def _failed(self, error: KubernetesError, what: str) -> SignerdError:
        reason = _REASONS.get(error.status, Reason.PROVIDER_UNAVAILABLE)
        if error.kind == "Timeout" and not error.status:
            reason = Reason.PROVIDER_TIMEOUT
        said = f"{error.status or ''} {error.kind}: {error}".strip()
        return failed(_log, self.provider, reason, said, what=what, retry_after=error.retry_after)

    def _listed(self, accept: str) -> tuple[list[Json], str]:
        items: list[Json] = []
        token = ""
        while True:
            query = [_OPAQUE, ("limit", _PAGE)] + ([("continue", token)] if token else [])
            page = self._api.call("GET", self._path, query, accept=accept)
            items += page["items"] or []
            token = page["metadata"].get("continue") or ""
            if not token:
                return items, str(page["metadata"]["resourceVersion"])

    def _event(self, event: Json) -> Seen | str:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise KubernetesError(
                int(found.get("code") or 0), str(found.get("reason")), str(found.get("message"))
            )
        if kind == "BOOKMARK":
            return str(found["metadata"]["resourceVersion"])
        return seen_in(found["metadata"], gone=kind == "DELETED")
