"""Calls to the API server about the Secrets of one namespace. They block: run them in threads."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from signerd.connections.kubernetes import METADATA_LIST, Json, KubernetesApi, KubernetesError, Stream
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed
from signerd.providers.k8s_secret_layout import Seen, StoredKey, read_secret, seen_in, unreadable

_PAGE = "200"
_OPAQUE = ("fieldSelector", "type=Opaque")  # tokens, certificates and registry passwords are none of ours
_NOT_FOUND, _CONFLICT, _EXPIRED = 404, 409, 410
_REASONS = {
    400: Reason.PROVIDER_REFUSED,
    401: Reason.PROVIDER_DENIED,
    403: Reason.PROVIDER_DENIED,
    404: Reason.KEY_MATERIAL_UNREADABLE,
    405: Reason.PROVIDER_REFUSED,
    409: Reason.KEY_EXISTS,
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
        try:
            found = read_secret(self._api.call("GET", f"{self._path}/{name}"), self.namespace)
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                raise unreadable(self.namespace, name, "does not exist") from None
            raise self.failed(error, f"Secret {self.namespace}/{name} can't be read") from None
        if found is None:
            raise unreadable(self.namespace, name, "has neither cosign.key nor x509.pem")
        return found

    def all(self) -> list[StoredKey]:
        """All that hold signing keys, whoever made them."""
        found = (read_secret(item, self.namespace) for item in self._listed("application/json")[0])
        return [stored for stored in found if stored is not None]

    def seen(self) -> tuple[dict[str, Seen], str]:
        """Metadata of all by name, and the state of the list, from which to watch."""
        items, version = self._listed(METADATA_LIST)
        return {one.name: one for one in (seen_in(item["metadata"]) for item in items)}, version

    def watch(self, version: str, seconds: int, silence: float) -> Stream:
        """Watch metadata from a state on for so long; raises ExpiredError. Bookmarks come about once a minute."""
        query = [_OPAQUE, ("resourceVersion", version), ("allowWatchBookmarks", "true")]
        try:
            return self._api.stream(self._path, [*query, ("timeoutSeconds", str(seconds))], silence)
        except KubernetesError as error:
            raise self._not_watched(error) from None

    def events(self, stream: Stream) -> Iterator[Seen | str]:
        """What changed, and the states (of bookmarks) from which a later watch can start."""
        try:
            for event in stream:
                yield self._event(event)
        except KubernetesError as error:
            raise self._not_watched(error) from None

    def create(self, secret: Json) -> StoredKey:
        """Write a new one; raises KEY_EXISTS."""
        shown = f"Secret {self.namespace}/{secret['metadata']['name']}"
        try:
            made = self._api.call("POST", self._path, body=secret)
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                error.status = 400  # the namespace, not key material
            what = "exists already" if error.kind == "AlreadyExists" else "can't be made"
            raise self.failed(error, f"{shown} {what}") from None
        stored = read_secret(made, self.namespace)
        if stored is None:
            raise SignerdError(Reason.PROVIDER_INTEGRITY, f"{shown} was stored without its key")
        return stored

    def delete(self, seen: Seen) -> bool:
        """Delete that state of that object; False if it is not the one there any more, no error if it is gone."""
        conditions = {"uid": seen.uid, "resourceVersion": seen.version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions}
        try:
            self._api.call("DELETE", f"{self._path}/{seen.name}", body=options)
        except KubernetesError as error:
            if error.status == _CONFLICT:
                return False
            if error.status != _NOT_FOUND:
                raise self.failed(error, f"Secret {self.namespace}/{seen.name} can't be deleted") from None
        return True

    def failed(self, error: KubernetesError, what: str) -> SignerdError:
        """Log what the server said and build the error for the caller."""
        reason = _REASONS.get(error.status, Reason.PROVIDER_UNAVAILABLE)
        if error.kind == "Timeout" and not error.status:
            reason = Reason.PROVIDER_TIMEOUT
        said = f"{error.status or ''} {error.kind}: {error}".strip()
        return failed(_log, self.provider, reason, said, what=what, retry_after=error.retry_after)

    def _listed(self, accept: str) -> tuple[list[Json], str]:
        items: list[Json] = []
        token = ""
        try:
            while True:
                query = [_OPAQUE, ("limit", _PAGE)] + ([("continue", token)] if token else [])
                page = self._api.call("GET", self._path, query, accept=accept)
                items += page.get("items") or []
                token = page["metadata"].get("continue") or ""
                if not token:
                    return items, str(page["metadata"]["resourceVersion"])
        except KubernetesError as error:
            if error.status == _EXPIRED:
                raise ExpiredError from None
            raise self.failed(error, f"Secrets of {self.namespace} can't be listed") from None

    def _event(self, event: Json) -> Seen | str:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise KubernetesError(
                int(found.get("code") or 0), str(found.get("reason")), str(found.get("message"))
            )
        if kind == "BOOKMARK":
            return str(found["metadata"]["resourceVersion"])
        return seen_in(found["metadata"], gone=kind == "DELETED")

    def _not_watched(self, error: KubernetesError) -> Exception:
        if error.status == _EXPIRED:
            return ExpiredError()
        return self.failed(error, f"Secrets of {self.namespace} can't be watched")
