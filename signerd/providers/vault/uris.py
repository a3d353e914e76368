"""Key URIs of transit, and the names of keys that signerd makes there: transit has no labels, the name carries them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order

SCHEME = "vault-transit"
MADE = "signerd-"
"""How the names of keys begin that signerd made."""

# What transit takes as a key's name (GenericNameRegex of its framework), and what file storages can hold.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,238}[A-Za-z0-9_])?"
_URI = re.compile(
    rf"{SCHEME}://(?P<mount>[\w.-]+(?:/[\w.-]+)*)/(?P<name>{_NAME})(?:\?version=(?P<number>[1-9][0-9]{{0,8}}))?",
    re.ASCII,
)
_MADE = re.compile(rf"{MADE}(?P<instance>[^-]*)-(?P<key>.+)-(?P<version>[0-9]+)-(?P<tag>[^-]+)", re.ASCII)
_ESCAPED = re.compile(r"S|X[0-9a-f]{2}")
_PLAIN = re.compile(r"[a-z0-9_]", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyUri:
    """A transit key at a mount; `number` is transit's own number of a version, 0 for all of them."""

    mount: str
    name: str
    number: int = 0

    def __str__(self) -> str:
        version = f"?version={self.number}" if self.number else ""
        return f"{SCHEME}://{self.mount}/{self.name}{version}"


@lru_cache(maxsize=4096)
def parse_uri(uri: str) -> KeyUri:
    """Read `vault-transit://MOUNT/KEY[?version=N]`; the mount may have slashes. Raises KEY_URI_INVALID."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise SignerdError(
            Reason.KEY_URI_INVALID, f"{uri[:300]!r} is not {SCHEME}://MOUNT/KEY[?version=N]", field="uri"
        )
    return KeyUri(found["mount"], found["name"], int(found["number"] or 0))


def key_name(order: Order) -> str:
    """Name of the transit key for an order: `signerd-INSTANCE-KEY-VERSION-TAG`.

    A slash is written as `S` and any other character that has no place as `X` and two hex digits; keys' names have no
    capitals. Raises PROVIDER_REFUSED where the name gets too long.
    """
    key = _escape(order.key, "-.")
    name = f"{MADE}{_escape(order.instance)}-{key}-{order.version}-{_escape(order.tag)}"
    if re.fullmatch(_NAME, name) is None:
        raise SignerdError(
            Reason.PROVIDER_REFUSED,
            f"key {order.key!r} has a name that is too long for transit: {len(name)} characters with its tags, "
            "at most 240",
        )
    return name


def tags(name: str) -> Mapping[str, str]:
    """The order's tags in the name of a key; empty where signerd did not make it."""
    found = _MADE.fullmatch(name)
    return {} if found is None else {field: _unescape(value) for field, value in found.groupdict().items()}


def _escape(text: str, kept: str = "") -> str:
    return "".join(
        one
        if _PLAIN.match(one) or one in kept
        else "S"
        if one == "/"
        else "".join(f"X{byte:02x}" for byte in one.encode())
        for one in text
    )


def _unescape(text: str) -> str:
    raw = _ESCAPED.sub(
        lambda found: "/" if found[0] == "S" else chr(int(found[0][1:], 16)),
        text,
    )
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")
