"""Sizes, durations and addresses as people write them in a config file: `4MiB`, `2ms`, `host:port`. Pure."""

from __future__ import annotations

import ipaddress
import math
import re

_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,15})\s*([A-Za-z]{0,3})")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_OWNER = 0o600
_NEVER = 0o117
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 65535
_MODE = re.compile(r"0?([0-7]{3})")


def parse_size(value: object) -> int:
    """Bytes of `4MiB`, `64 kB` or a plain number; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _SIZE_UNITS:
        raise ValueError("is not a size; write a number of bytes or one with a unit, such as 4MiB")
    return int(match[1]) * _SIZE_UNITS[match[2]]


def parse_duration(value: object) -> float:
    """Seconds of `2ms`, `5s`, `1.5h` or a plain number; raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a duration; write seconds or a number with ms, s, m, h or d, such as 5s")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_mode(value: object) -> int:
    """Permission bits of `"0600"`; raises ValueError.

    Numbers are refused: YAML reads 0600 as octal and 600 as decimal, and nobody sees which one was meant.
    """
    match = _MODE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is not a file mode; write it in quotes, such as "0600"')
    mode = int(match[1], 8)
    if mode & _NEVER or mode & _OWNER != _OWNER:
        raise ValueError('must let the owner read and write, and others nothing; "0600" or "0660"')
    return mode


def split_address(value: str) -> tuple[str, int]:
    """Host and port of `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; raises ValueError."""
    host, _, port = value.rpartition(":")
    if not _PORT.fullmatch(port) or int(port) > _MAX_PORT:
        raise ValueError("is not HOST:PORT with a port from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if not _HOST.fullmatch(host):
        raise ValueError(
            "is not HOST:PORT; an IPv6 address stands in brackets, all interfaces are 0.0.0.0 or [::]"
        )
    return host, int(port)
