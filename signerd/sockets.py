"""Sockets to listen on: Unix sockets nobody else can reach from their first instant, and TCP for HTTP."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from signerd.core.quantities import split_address
from signerd.errors import Reason, SignerdError
from signerd.ownership import guarded_directory, trusted_directory, trusted_owner

BACKLOG = 1024
_PROBE_SECONDS = 2.0


def prepare_unix(path: Path, *, private: bool = False) -> Path:
    """Make ready for a Unix socket at `path`: a directory of ours, and no dead daemon's socket in it.

    `private`: nobody else may even enter the directory. Raises PERMISSIONS_TOO_OPEN, HOME_IN_USE.
    """
    if private:
        guarded_directory(path.parent, 0o077, "unix")
    else:
        trusted_directory(path.parent, "unix")
    try:
        status = path.lstat()
    except FileNotFoundError:
        return path
    if not stat.S_ISSOCK(status.st_mode) or not trusted_owner(status.st_uid):
        raise SignerdError(
            Reason.PERMISSIONS_TOO_OPEN, f"{path} is there and is no socket of ours", field="unix"
        )
    if _alive(path):
        raise SignerdError(Reason.HOME_IN_USE, f"another process listens on {path}", field="unix")
    path.unlink(missing_ok=True)
    return path


def _alive(path: Path) -> bool:
    """Whether something listens: only a refused connection says that nothing does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


@contextlib.contextmanager
def socket_umask() -> Iterator[None]:
    """Whatever binds a Unix socket within makes it with mode 0600; finish_unix widens it afterwards.

    The umask is the whole process's: bind at the start, before other threads make files.
    """
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def finish_unix(path: Path, mode: int, owner: str | None = None) -> None:
    """Give a bound socket its owner (`USER`, `USER:GROUP` or `:GROUP`), then its mode; raises CONFIG_INVALID."""
    try:
        if owner is not None:
            os.chown(path, *owner_ids(owner))
        path.chmod(mode)
    except PermissionError:
        raise SignerdError(
            Reason.CONFIG_INVALID, f"{path} can't be given to {owner}: only root may do that", field="owner"
        ) from None


def owner_ids(owner: str) -> tuple[int, int]:
    """User and group id of `USER`, `USER:GROUP` or `:GROUP`, -1 for what stays; raises CONFIG_INVALID."""
    user, _, group = owner.partition(":")
    try:
        uid = (int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid) if user else -1
        gid = (int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid) if group else -1
    except KeyError:
        raise SignerdError(
            Reason.CONFIG_INVALID, f"no user or group is called {owner!r}", field="owner"
        ) from None
    return uid, gid


def bind_unix(
    path: Path, mode: int = 0o600, owner: str | None = None, *, private: bool = False
) -> socket.socket:
    """A Unix socket that listens, for servers that take bound ones."""
    prepare_unix(path, private=private)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with socket_umask():
            bound.bind(str(path))
        finish_unix(path, mode, owner)
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def bind_tcp(address: str, field: str = "listen") -> socket.socket:
    """A TCP socket that listens at HOST:PORT; `[::]` takes IPv4 too. Raises CONFIG_INVALID, HOME_IN_USE."""
    host, port = split_address(address)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise _unbound(address, error, field) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        bound.bind(target)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _unbound(address, error, field) from None
    return bound


def _unbound(address: str, error: OSError, field: str) -> SignerdError:
    reason = Reason.HOME_IN_USE if error.errno == errno.EADDRINUSE else Reason.CONFIG_INVALID
    return SignerdError(reason, f"can't listen on {address}: {error.strerror}", field=field)
