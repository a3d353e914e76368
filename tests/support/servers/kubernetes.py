"""A real API server with etcd, on free ports: no kubelets, no controllers, RBAC as in a cluster.

with KubernetesServer(directory) as server:
    namespace = server.namespace("keys", role=yaml)
    section = {"type": "k8s-secret", "namespace": "keys", "kubeconfig": str(server.kubeconfig(USER))}
    server.kill_api(); server.start_api()
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support.certificates import SERVER, Authority
from tools import install_tools

ADMIN, USER, NOBODY = "admin-token", "signerd-token", "nobody-token"
ACCOUNT = "system:serviceaccount:signerd:signerd"
_TOKENS = f"""\
{ADMIN},admin,1,"system:masters"
{USER},{ACCOUNT},2,"system:serviceaccounts,system:serviceaccounts:signerd"
{NOBODY},nobody,3
"""
_READY = 60.0
_PATIENCE = 0.1
Json = dict[str, Any]


class Refused(Exception):
    """The API server's answer was an error; `status` is HTTP's."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


def missing() -> str:
    """Why the server can't be started here, empty if it can."""
    if shutil.which("etcd") is None:
        return "no etcd on the PATH; Debian, Ubuntu: apt-get install etcd-server"
    return "" if program() else "no kube-apiserver: python -m tools.install_tools kube-apiserver"


def program() -> str | None:
    """The API server: the one on the PATH, or the installed one."""
    tool = "kube-apiserver"
    return shutil.which(tool) or (str(install_tools.program(tool)) if install_tools.installed(tool) else None)


class KubernetesServer:
    """The server; what it holds outlives `kill_api`, and it comes back on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._etcd: subprocess.Popen[bytes] | None = None
        self._api: subprocess.Popen[bytes] | None = None
        self.port, self._etcd_port, peer = free_ports(3)
        self._peer = f"http://127.0.0.1:{peer}"
        authority = Authority("kubernetes")
        self.ca = self._write("ca.crt", authority.pem)
        certificate, key = authority.issue("kube-apiserver", SERVER)
        self._write("server.crt", certificate)
        self._write("server.key", key)
        verifying, signing = authority.issue("tokens")
        self._write("tokens.crt", verifying)
        self._write("tokens.key", signing)
        self._write("tokens.csv", _TOKENS.encode())

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self.start_etcd()
            self.start_api()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_etcd(self) -> None:
        client = f"http://127.0.0.1:{self._etcd_port}"
        command = ["etcd", "--name", "t", "--data-dir", str(self._directory / "etcd")]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", self._peer, "--initial-advertise-peer-urls", self._peer]
        command += ["--initial-cluster", f"t={self._peer}", "--unsafe-no-fsync", "--logger", "zap"]
        self._etcd = self._run(command, "etcd.log")
        wait_for(lambda: self.etcd("maintenance/status", {}) is not None, self._etcd, "etcd")

    def start_api(self) -> None:
        """Start it, or start it again, and wait until it is ready."""
        here = self._directory
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "secure-port": self.port,
            "cert-dir": here,
            "tls-cert-file": here / "server.crt",
            "tls-private-key-file": here / "server.key",
            "token-auth-file": here / "tokens.csv",
            "service-account-key-file": here / "tokens.crt",
            "service-account-signing-key-file": here / "tokens.key",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-cluster-ip-range": "10.0.0.0/24",
            "authorization-mode": "RBAC",
            "disable-admission-plugins": "ServiceAccount",
            "shutdown-delay-duration": "0s",
        }
        command = [program() or "kube-apiserver", *(f"--{name}={value}" for name, value in flags.items())]
        self._api = self._run(command, "kube-apiserver.log")
        wait_for(self._ready, self._api, "kube-apiserver")

    def kill_api(self) -> None:
        if self._api is not None:
            self._api.kill()
            self._api.wait()
            self._api = None

    def stop(self) -> None:
        self.kill_api()
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()
            self._etcd = None

    def call(self, method: str, path: str, body: Json | None = None, token: str = ADMIN) -> Json:
        """Call the API server, as its administrator; raises Refused."""
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= http.client.MULTIPLE_CHOICES:
            raise Refused(response.status, text)
        found: Json = json.loads(text) if text.startswith("{") else {}
        return found

    def apply(self, text: str, namespace: str) -> None:
        """Make the objects of a YAML text, in that namespace."""
        for item in yaml.safe_load_all(text):
            item["metadata"]["namespace"] = namespace
            group = "apis/" if "/" in item["apiVersion"] else "api/"
            kinds = item["kind"].lower() + "s"
            self.call("POST", f"/{group}{item['apiVersion']}/namespaces/{namespace}/{kinds}", item)

    def namespace(self, name: str, role: str = "") -> str:
        """Make a namespace, with the objects of a YAML text in it."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.apply(role, name)
        return name

    def kubeconfig(self, token: str = USER, name: str = "kubeconfig", *, inside: bool = False) -> Path:
        """A kubeconfig for a token, with the token inside or in a file of its own."""
        token_file = self._write(f"{name}.token", token.encode())
        user = {"token": token} if inside else {"tokenFile": str(token_file)}
        ca = base64.b64encode(self.ca.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority-data": ca}}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        return self._write(name, yaml.safe_dump(config).encode())

    def etcd(self, method: str, body: Json) -> Json:
        """Call etcd: keys and values are bytes in base64."""
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=10)
        try:
            connection.request("POST", f"/v3/{method}", json.dumps(body))
            found: Json = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def erase_in_etcd(self, namespace: str, secret: str) -> None:
        """Delete a Secret behind the API server's back and forget the history: older states are 410 Gone."""
        key = base64.b64encode(f"/registry/secrets/{namespace}/{secret}".encode()).decode()
        revision = self.etcd("kv/deleterange", {"key": key})["header"]["revision"]
        self.etcd("kv/compaction", {"revision": revision, "physical": True})

    def _ready(self) -> bool:
        self.call("GET", "/readyz")
        return True

    def _run(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        # It ends with this process, however that ends.
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        command = [*bound, *command]
        with (self._directory / log).open("ab") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def _write(self, name: str, data: bytes) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path


def wait_for(ready: Any, process: subprocess.Popen[bytes], name: str) -> None:
    """Wait until it answers; raises TimeoutError, or ChildProcessError if it ended."""
    for _ in range(int(_READY / _PATIENCE)):
        with suppress(OSError, http.client.HTTPException, Refused, ValueError):
            if ready():
                return
        if process.poll() is not None:
            raise ChildProcessError(f"{name} ended with {process.returncode}")
        time.sleep(_PATIENCE)
    raise TimeoutError(f"{name} was not ready within {_READY:g} s")


def free_ports(count: int) -> Iterator[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    for one in sockets:
        yield one.getsockname()[1]
        one.close()
