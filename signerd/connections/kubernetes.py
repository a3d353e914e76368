"""Sessions with a Kubernetes API server: credentials, and calls that block. Run them in threads.

The official client is imported here and nowhere else, when the first session is opened: it takes half a second.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from signerd.errors import Reason, SignerdError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]

JSON = "application/json"
_METADATA = "application/json;as={kind};g=meta.k8s.io;v=v1"
METADATA = _METADATA.format(kind="PartialObjectMetadata")
METADATA_LIST = _METADATA.format(kind="PartialObjectMetadataList")
"""Media types for objects without their data (KEP-2334)."""

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one event of a watch; etcd takes objects of 1.5 MiB."""

_CONNECT = 3.0  # seconds to reach the server
_UNAUTHENTICATED = 401
_NOT_DONE = 300  # and above
_SHOWN = 200  # characters of what the client says about a configuration


class KubernetesError(Exception):
    """What the API server refused, or why it can't be reached.

    `status` is the HTTP status, 0 where there was none. `kind` is the `reason` of the answer's Status object, or the
    class of what failed. `retry_after` is in seconds. The text is the server's own.
    """

    def __init__(self, status: int, kind: str, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the API server: a kubeconfig file and its context, or the pod's service account without one."""

    kubeconfig: Path | None = None
    context: str | None = None


class KubernetesApi:
    """An API server. Credentials are read again when it refuses them; every call has a time limit, in seconds."""

    def __init__(self, access: Access, *, seconds: float, connections: int) -> None:
        self._access = access
        self._seconds = seconds
        self._connections = connections
        self._lock = threading.Lock()
        self._client = _client(access, connections)

    @property
    def host(self) -> str:
        """URL of the API server."""
        return str(self._client.configuration.host)

    def call(
        self, method: str, path: str, query: Query = (), body: Json | None = None, accept: str = JSON
    ) -> Json:
        """Send a request and read the answer whole; raises KubernetesError."""
        response = self._send(method, path, query, body, accept, self._seconds)
        try:
            found: Json = json.loads(_all_of(response))
        except ValueError:
            raise KubernetesError(0, "Malformed", "the answer is not JSON") from None
        return found

    def stream(self, path: str, query: Query, silence: float, accept: str = METADATA) -> Stream:
        """Open a watch that may be silent for so many seconds; raises KubernetesError."""
        return Stream(self._send("GET", path, [*query, ("watch", "true")], None, accept, silence))

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _send(
        self, method: str, path: str, query: Query, body: Json | None, accept: str, seconds: float
    ) -> Any:
        client = self._client
        response = _request(client, method, path, query, body, accept, seconds)
        if response.status == _UNAUTHENTICATED:
            response.release_conn()
            response = _request(self._renewed(client), method, path, query, body, accept, seconds)
        if response.status >= _NOT_DONE:
            raise _refused(response.status, response.headers, _all_of(response))
        return response

    def _renewed(self, refused: ApiClient) -> ApiClient:
        """A session with the credentials as they are now; callers who were refused together share it."""
        with self._lock:
            if self._client is refused:
                self._client = _client(self._access, self._connections)
            return self._client


class Stream:
    """The events of a watch, as the server sends them: `type` and `object`."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[Json]:
        """Wait for events until the watch ends or is closed; raises KubernetesError where it is cut off."""
        from urllib3.exceptions import HTTPError

        held = b""
        try:
            for chunk in self._response.stream(None):
                *lines, held = (held + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
                if len(held) > MAX_LINE:
                    raise KubernetesError(0, "Malformed", f"an event is longer than {MAX_LINE} bytes")
        except (HTTPError, OSError) as error:
            if not self._closed:
                raise _unreachable(error) from None
        except (ValueError, AttributeError) as error:  # also what reading a closed response raises
            if not self._closed:
                raise KubernetesError(0, type(error).__name__, "the watch sent what is not JSON") from None
        finally:
            self._response.close()

    def close(self) -> None:
        """End the watch, from any thread; whoever waits for an event is woken."""
        self._closed = True
        with suppress(OSError, ValueError, RuntimeError):  # it has ended already
            self._response.shutdown()


def _request(
    client: ApiClient, method: str, path: str, query: Query, body: Json | None, accept: str, seconds: float
) -> Any:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    headers = {"Accept": accept} | ({"Content-Type": JSON} if body is not None else {})
    try:
        prepared = client.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        return client.call_api(*prepared, _request_timeout=(min(_CONNECT, seconds), seconds)).response
    except (HTTPError, ApiException, OSError) as error:
        raise _unreachable(error) from None
    except Exception as error:  # noqa: BLE001 - reading tokens and running plugins of a kubeconfig raises anything
        raise KubernetesError(_UNAUTHENTICATED, type(error).__name__, "credentials can't be read") from None


def _all_of(response: Any) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        return bytes(response.data)
    except (HTTPError, OSError) as error:
        raise _unreachable(error) from None


def _refused(status: int, headers: Mapping[str, str], body: bytes) -> KubernetesError:
    """Read a Status object (meta/v1); what stands before the server may send anything."""
    try:
        found = json.loads(body)
        kind, text = str(found.get("reason") or ""), str(found.get("message") or "")
    except (ValueError, AttributeError):
        kind, text = "", ""
    after = headers.get("Retry-After", "")
    return KubernetesError(status, kind, text or f"HTTP {status}", float(after) if after.isdigit() else None)


def _unreachable(error: Exception) -> KubernetesError:
    """The cause that matters is often wrapped: a certificate that is not trusted, a name that is not known."""
    cause = getattr(error, "reason", None)
    told = cause if isinstance(cause, Exception) else error
    return KubernetesError(
        0, "Timeout" if "Timeout" in type(told).__name__ else type(told).__name__, str(told)
    )


def _client(access: Access, connections: int) -> ApiClient:
    from kubernetes.client import ApiClient, Configuration
    from urllib3.util.retry import Retry

    found = Configuration()
    _load(found, access)
    _check_transport(found, access)
    # One more try for what a restarted server closed under our feet; never for a POST that may have been read.
    found.retries = Retry(total=1, redirect=False, status=0, other=0, respect_retry_after_header=False)
    found.connection_pool_maxsize = connections
    client = ApiClient(found)
    client.user_agent = "signerd"
    return client


def _load(found: Configuration, access: Access) -> None:
    from kubernetes import config

    try:
        if access.kubeconfig is None:
            config.load_incluster_config(found)  # type: ignore[no-untyped-call]
            return
        config.load_kube_config(  # type: ignore[no-untyped-call]
            str(access.kubeconfig), access.context, found, persist_config=False
        )
    except Exception as error:  # noqa: BLE001 - YAML, files, keys that are missing: the library checks little
        said = str(error)[:_SHOWN] if isinstance(error, config.ConfigException) else ""
        raise _unusable(access, said) from None


def _check_transport(found: Configuration, access: Access) -> None:
    """Private keys travel here: TLS with a checked certificate, or no network at all."""
    if not found.host:
        raise _unusable(access, "the cluster has no server")
    url = urlsplit(found.host)
    if url.scheme == "https" and not found.verify_ssl:
        raise _unusable(access, "insecure-skip-tls-verify is set; name the CA in certificate-authority")
    if url.scheme != "https" and not _loopback(url.hostname or ""):
        raise _unusable(access, f"{url.scheme}://{url.hostname} is not encrypted; use https")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(access: Access, why: str) -> SignerdError:
    if access.kubeconfig is None:
        what = f"this is no pod with a service account ({why.rstrip('.')}): set `kubeconfig`"
        return SignerdError(Reason.CONFIG_INVALID, what, field="kubeconfig")
    context = f", context {access.context!r}," if access.context else ""
    why = why or "it is not a kubeconfig with that context"
    return SignerdError(
        Reason.CONFIG_INVALID,
        f"kubeconfig {access.kubeconfig}{context} can't be used: {why}",
        field="kubeconfig",
    )
