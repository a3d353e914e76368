"""PKCS#11 URIs (RFC 7512) that name a private key on a token, and the label that signerd gives its keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from signerd.errors import Reason, SignerdError

SCHEME = "pkcs11:"
MAX_URI = 2048
_MARK = "signerd"
_TAGS = ("key", "version", "tag", "instance")
_TOKEN = ("token", "serial", "manufacturer", "model")
_NAMES = (*_TOKEN, "object", "id", "type")
# pk11-path-res-avail of RFC 7512, section 2.3, without "&", which shells and query strings would trip over.
_SAFE = ":[]@!$'()*+,="
_VALUE = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*\Z")


@dataclass(frozen=True, slots=True)
class TokenName:
    """What tells a token from others: label, serial number, maker and model, as the module tells them."""

    token: str = ""
    serial: str = ""
    manufacturer: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class KeyUri:
    """A parsed URI: which token (empty: any), and the CKA_LABEL and CKA_ID of the key; one of the two is set."""

    token: TokenName
    label: str | None = None
    id: bytes | None = None

    def names(self, token: TokenName) -> bool:
        """Whether that token is one the URI names."""
        return all(getattr(self.token, part) in ("", getattr(token, part)) for part in _TOKEN)

    def __str__(self) -> str:
        """The URI; the id is written as hex throughout, as section 2.3 recommends."""
        parts = [
            f"{name}={quote(getattr(self.token, name), safe=_SAFE)}"
            for name in _TOKEN
            if getattr(self.token, name)
        ]
        if self.label is not None:
            parts.append(f"object={quote(self.label, safe=_SAFE)}")
        if self.id is not None:
            parts.append("id=" + "".join(f"%{byte:02X}" for byte in self.id))
        return SCHEME + ";".join(parts)


def parse_uri(uri: str) -> KeyUri:
    """Read a URI; raises KEY_URI_INVALID for what names no private key, or tries to name a PIN or a module."""
    if not uri.startswith(SCHEME) or len(uri) > MAX_URI:
        raise invalid(f"it must begin with {SCHEME} and have {MAX_URI} characters at most")
    path, mark, query = uri.removeprefix(SCHEME).partition("?")
    if mark:
        name = query.partition("=")[0]
        if name in ("pin-value", "pin-source", "module-path", "module-name"):
            raise invalid(f"{name} is not taken from a URI; PIN and module stand in the configuration")
        raise invalid("query attributes are not known")
    given = _attributes(path)
    if given.pop("type", b"private") != b"private":
        raise invalid("its type must be private")
    label, id_ = given.pop("object", None), given.pop("id", None)
    if not label and not id_:
        raise invalid("it names no key; give object (the label) or id")
    token = TokenName(**{name: _text(name, value) for name, value in given.items()})
    return KeyUri(token, None if label is None else _text("object", label), id_ or None)


def _attributes(path: str) -> dict[str, bytes]:
    given: dict[str, bytes] = {}
    for part in path.split(";"):
        name, mark, value = part.partition("=")
        if name not in _NAMES:
            raise invalid(f"its attribute {name[:32]!r} is not known; known: {', '.join(_NAMES)}")
        if not mark or not _VALUE.match(value):
            raise invalid(f"the value of {name} has characters that must be percent-encoded")
        if name in given:
            raise invalid(f"it has {name} twice")
        given[name] = unquote_to_bytes(value)
    return given


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise invalid(f"the value of {name} is not UTF-8") from None
    if not text or "\0" in text:
        raise invalid(f"the value of {name} is empty or has a NUL")
    return text


def invalid(problem: str) -> SignerdError:
    """The error for a URI, which is not repeated: it may hold a PIN."""
    return SignerdError(Reason.KEY_URI_INVALID, f"the key URI is not usable: {problem}", field="uri")


def label_for(tags: Mapping[str, str]) -> str:
    """CKA_LABEL of a key that signerd makes: `signerd:KEY:VERSION:TAG:INSTANCE`, percent-encoded where needed."""
    return ":".join([_MARK, *(quote(tags[name], safe="/") for name in _TAGS)])


def id_for(label: str) -> bytes:
    """CKA_ID of a key that signerd makes: 20 bytes that follow from its label."""
    return hashlib.sha256(label.encode()).digest()[:20]


def tags_of(label: str, id_: bytes) -> dict[str, str]:
    """The tags of a key that signerd made; none where label and id are not a pair of signerd's."""
    mark, *values = label.split(":")
    if mark != _MARK or len(values) != len(_TAGS) or id_ != id_for(label):
        return {}
    return {
        name: unquote_to_bytes(value).decode(errors="replace")
        for name, value in zip(_TAGS, values, strict=True)
    }
