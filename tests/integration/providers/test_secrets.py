"""What a daemon was given to log in with is in nothing that it writes or says, whatever goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from signerd.providers.failures import spellings
from tests.integration.process.daemons import PASSWORD, Daemon
from tests.integration.providers.gcp_kms.test_credentials import TOKEN, Tokens, write_account
from tests.integration.providers.k8s_secret.conftest import role
from tests.support.servers import aws, kubernetes, vault, vault_auth
from tests.support.servers.gcp import RING, GcpServer
from tests.support.servers.softhsm import PIN, SoftHsm

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDOFTHEGREPTEST", "AWS_SECRET_ACCESS_KEY": "the/secret+of/the+grep/test"}


@dataclass
class Rig:
    """A provider's section, what it must not tell, how to take its server away, and whether it lets signerd in."""

    section: dict[str, Any]
    secrets: list[str]
    stop: Callable[[], object]
    environment: dict[str, str] = field(default_factory=dict)
    works: bool = True


@contextmanager
def vault_token(directory: Path) -> Iterator[Rig]:
    with vault.FakeVault(directory) as server:
        section = {"type": "vault-transit", "address": server.address, "token": {"env": "VAULT_TOKEN"}}
        yield Rig(section, [server.token], server.kill, {"VAULT_TOKEN": server.token})


@contextmanager
def vault_approle(directory: Path) -> Iterator[Rig]:
    environment = {"ROLE_ID": vault_auth.ROLE_ID, "SECRET_ID": vault_auth.SECRET_ID}
    with vault.FakeVault(directory) as server:
        section = {
            "type": "vault-transit",
            "address": server.address,
            "method": "approle",
            "role_id": {"env": "ROLE_ID"},
            "secret_id": {"env": "SECRET_ID"},
        }
        yield Rig(section, [*environment.values(), server.token, vault_auth.ISSUED], server.kill, environment)


@contextmanager
def vault_refusing(directory: Path) -> Iterator[Rig]:
    with vault_approle(directory) as rig:
        wrong = {"ROLE_ID": "a-role-id-that-is-wrong", "SECRET_ID": "a-secret-id-that-is-wrong"}
        yield Rig(rig.section, list(wrong.values()), rig.stop, wrong, works=False)


@contextmanager
def aws_keys(directory: Path) -> Iterator[Rig]:
    with aws.fake() as server:
        section = {"type": "aws-kms", "region": aws.REGION, "endpoint": server.endpoint}
        yield Rig(section, [KEYS["AWS_SECRET_ACCESS_KEY"]], server.stop, KEYS)


def _hsm(directory: Path, pin: str) -> Rig:
    hsm = SoftHsm(directory)
    section = hsm.section().model_dump(mode="json", exclude_none=True)
    return Rig({**section, "pin": {"env": "HSM_PIN"}}, [pin], hsm.remove, {"HSM_PIN": pin}, pin == PIN)


@contextmanager
def pkcs11_pin(directory: Path) -> Iterator[Rig]:
    yield _hsm(directory, PIN)


@contextmanager
def pkcs11_wrong_pin(directory: Path) -> Iterator[Rig]:
    yield _hsm(directory, "wrong-Geheim-№8")


@contextmanager
def _kubernetes(directory: Path, token: str, *, inside: bool = False) -> Iterator[Rig]:
    if why := kubernetes.missing():
        pytest.skip(why)
    with kubernetes.KubernetesServer(directory) as server:
        namespace = server.namespace("keys", role())
        kubeconfig = server.kubeconfig(token, inside=inside)
        section = {"type": "k8s-secret", "namespace": namespace, "kubeconfig": str(kubeconfig)}
        yield Rig(section, [token], server.kill_api, works=token == kubernetes.USER)


def k8s_token_file(directory: Path) -> AbstractContextManager[Rig]:
    return _kubernetes(directory, kubernetes.USER)


def k8s_token_in_kubeconfig(directory: Path) -> AbstractContextManager[Rig]:
    return _kubernetes(directory, kubernetes.USER, inside=True)


def k8s_wrong_token(directory: Path) -> AbstractContextManager[Rig]:
    return _kubernetes(directory, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.bm9ib2R5", inside=True)


_POD = """
from kubernetes.config import incluster_config
incluster_config.SERVICE_TOKEN_FILENAME = {token!r}
incluster_config.SERVICE_CERT_FILENAME = {ca!r}
"""
"""What makes a process believe that it is in a pod; Python runs it first."""


@contextmanager
def k8s_token_of_a_pod(directory: Path) -> Iterator[Rig]:
    with _kubernetes(directory, kubernetes.USER) as rig:
        kubeconfig = Path(rig.section.pop("kubeconfig"))
        token, ca = str(kubeconfig.with_name("kubeconfig.token")), str(directory / "ca.crt")
        (directory / "sitecustomize.py").write_text(_POD.format(token=token, ca=ca))
        port = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"].rpartition(":")[2]
        path = os.pathsep.join(filter(None, [str(directory), os.environ.get("PYTHONPATH")]))
        host = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}
        yield Rig(rig.section, rig.secrets, rig.stop, {**host, "PYTHONPATH": path})


@contextmanager
def _gcp(directory: Path, granted: str = TOKEN) -> Iterator[Rig]:
    tokens = Tokens()
    tokens.token = granted
    private_key = write_account(directory, tokens)
    lines = [line for line in private_key.splitlines() if "-----" not in line]
    with GcpServer(directory, "--tls", str(directory), "--token", TOKEN) as server:
        environment = {
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(directory / "ca.pem"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(directory / "account.json"),
            "NO_GCE_CHECK": "true",
        }
        section = {"type": "gcp-kms", "key_ring": RING, "endpoint": f"localhost:{server.port}"}
        secrets = [TOKEN, *([granted] if granted else []), *lines]
        yield Rig(section, secrets, server.kill, environment, granted == TOKEN)
    assert tokens.asked
    tokens.shutdown()
    tokens.server_close()


def gcp_account(directory: Path) -> AbstractContextManager[Rig]:
    return _gcp(directory)


def gcp_refused_token(directory: Path) -> AbstractContextManager[Rig]:
    return _gcp(directory, "ya29.a-token-that-is-refused")


def gcp_refused_account(directory: Path) -> AbstractContextManager[Rig]:
    return _gcp(directory, "")


MORE = (("keys", "discover", "--provider", "p"), ("keys", "check"), ("status", "-o", "json"))
RIGS: list[Callable[[Path], AbstractContextManager[Rig]]] = [
    vault_token,
    vault_approle,
    vault_refusing,
    aws_keys,
    pkcs11_pin,
    pkcs11_wrong_pin,
    k8s_token_file,
    k8s_token_in_kubeconfig,
    k8s_token_of_a_pod,
    k8s_wrong_token,
    gcp_account,
    gcp_refused_token,
    gcp_refused_account,
]


def use(daemon: Daemon, name: str, *more: tuple[str, ...]) -> str:
    """Make a provider talk; gives what the callers see."""
    artifact = daemon.directory / "artifact"
    artifact.write_bytes(b"some bytes")
    said = []
    create, sign = ("keys", "create", name, "--provider", "p"), ("sign", "--key", "first", str(artifact))
    for arguments in (create, sign, ("providers", "show", "p", "-o", "json"), *more):
        done = daemon.ctl(*arguments)
        said.append(f"$ {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return "\n".join(said)


def command_lines(pid: int) -> str:
    """The command lines of a process and its descendants, with the environment they were given for children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "\n".join([own, *(command_lines(int(child)) for child in children)])


def written(directory: Path) -> dict[str, str]:
    """All that is below a directory."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".sock")
    return {str(path.relative_to(directory)): path.read_bytes().decode("latin-1") for path in files}


@pytest.mark.parametrize("rigged", RIGS, ids=lambda one: one.__name__)
def test_secrets_are_told_to_nobody(
    rigged: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with rigged(tmp_path_factory.mktemp("server")) as rig:
        config = yaml.safe_dump({"log": {"level": "debug"}, "providers": {"p": rig.section}})
        daemon = Daemon(tmp_path_factory.mktemp("d"), config, **rig.environment)
        try:
            daemon.start()
            told = {"callers": use(daemon, "first", *MORE), "processes": command_lines(daemon.pid)}
            rig.stop()
            told["callers without a server"] = use(daemon, "second")
        finally:
            daemon.end()
        told |= written(daemon.directory)
    assert "serving" in told["log"]
    assert ("create first --provider p: 0" in told["callers"]) is rig.works
    assert "create second --provider p: 0" not in told["callers without a server"]
    assert any(name.startswith("home/audit") for name in told)
    for secret in [*rig.secrets, PASSWORD]:
        found = [where for where, text in told.items() for one in spellings(secret) if hides(text, one)]
        assert found == [], f"{secret!r} is in {found}"


def hides(text: str, secret: str) -> bool:
    """Whether a text read as Latin-1 has it: what is no ASCII shows as its UTF-8 bytes there."""
    return secret in text or secret.encode(errors="replace").decode("latin-1") in text


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"logged in with {PIN}")
    (text,) = written(tmp_path).values()
    assert any(hides(text, one) for one in spellings(PIN))
