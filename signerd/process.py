"""The process on a shared host: not dumpable, no core files, a clean environment for children, words to systemd."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Iterable, Mapping

# prctl(2), linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    | {"CREDENTIALS_DIRECTORY", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
)


def harden() -> None:
    """Keep other processes of the user, core files and children out of this process's memory and files.

    Not dumpable: no ptrace, no /proc/PID/mem or environ for processes of the same user (prctl(2)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Get the signal when the parent process ends, or at once if it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        signal.raise_signal(number)


def silence_grpc() -> None:
    """Keep gRPC's C core from writing to stderr between our lines, unless the operator asks for it."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def settle_memory() -> None:
    """Collect garbage rarely, and never look at what imports made: a full look costs tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    unused = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def clean_environment(env: Mapping[str, str], keep: Iterable[str] = ()) -> dict[str, str]:
    """What a child process gets: where things are and the locale, nothing that could be a secret."""
    wanted = _INHERITED.union(keep)
    return {name: value for name, value in env.items() if name in wanted or name.startswith("LC_")}


def notify(state: str) -> bool:
    """Tell the service manager (sd_notify(3)), such as `READY=1`; whether there was one to tell.

    `RELOADING=1` gets the MONOTONIC_USEC that Type=notify-reload asks for.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if state.startswith("RELOADING=1"):
        state += f"\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
    # "@" stands for the NUL byte that begins an abstract address (unix(7)).
    target = "\0" + address[1:] if address[0] == "@" else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(target)
            sender.sendall(state.encode())
    except OSError:
        return False  # a service manager that does not listen must not stop the daemon
    return True
