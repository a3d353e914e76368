"""URIs of the local provider: `local:NAME/N-TAG.key`, a path below its directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from signerd.core.names import check_key_name
from signerd.errors import Reason, SignerdError

SCHEME = "local:"
_FILE = re.compile(r"(?P<version>[1-9][0-9]{0,17})-(?P<tag>[A-Za-z0-9_-]{1,64})\.key\Z")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Which key, version and tag a file holds."""

    key: str
    version: int
    tag: str

    @property
    def path(self) -> PurePosixPath:
        """Private key file, relative to the provider's directory."""
        return PurePosixPath(self.key) / f"{self.version}-{self.tag}.key"

    @property
    def public_path(self) -> PurePosixPath:
        """Public key file beside it."""
        return self.path.with_suffix(".pub")

    @property
    def uri(self) -> str:
        """Key URI."""
        return f"{SCHEME}{self.path}"

    @property
    def tags(self) -> dict[str, str]:
        """What `owned` tells of it."""
        return {"key": self.key, "version": str(self.version), "tag": self.tag}


def place(key: str, version: int, tag: str) -> Place:
    """Name the file of a new version; raises KEY_NAME_INVALID, or ValueError for a tag or version that can't be."""
    if version < 1 or not _TAG.match(tag):
        raise ValueError(f"version {version} or tag {tag!r} is not usable in a file name")
    return Place(check_key_name(key), version, tag)


def parse_uri(uri: str) -> Place:
    """Read a URI; raises KEY_MATERIAL_UNREADABLE for anything but what `Place.uri` gives, so no path escapes."""
    found = parse_path(uri.removeprefix(SCHEME)) if uri.startswith(SCHEME) else None
    if found is None:
        raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri[:256]!r} is not `local:NAME/N-TAG.key`")
    return found


def parse_path(path: str) -> Place | None:
    """Read the relative path of a private key file; None for other files."""
    key, _, name = path.rpartition("/")
    found = _FILE.match(name)
    if found is None:
        return None
    try:
        return Place(check_key_name(key), int(found["version"]), found["tag"])
    except SignerdError:
        return None
