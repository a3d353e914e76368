"""Witness policies (c2sp.org/tlog-policy): known logs and witnesses, and which cosignatures are enough."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from signerd.auditor.encodings import decimal
from signerd.auditor.verdicts import malformed
from signerd.auditor.vkeys import COSIGNERS, ED25519_COSIGNATURE, KINDS, VerifierKey, parse_vkey

POLICY_LIMIT: Final = 1 << 20
NONE: Final = "none"
_OTHER_OCTETS: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_BLANKS: Final = re.compile("[ \t]+")
_MOST_ITEMS: Final = {"log": range(2, 4), "witness": range(3, 5), "quorum": range(2, 3)}
_LEAST_OF_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Group:
    """So many of the members, witnesses or groups, have to cosign."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Names are octets, as latin-1 has them; witnesses and groups in the order of the file. No URLs are kept."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str

    def format(self) -> bytes:
        """The policy without comments and URLs."""
        lines = [f"log {_octets(key)}" for key in self.logs]
        lines += [f"witness {name} {_octets(key)}" for name, key in self.witnesses.items()]
        for name, group in self.groups.items():
            lines.append(f"group {name} {group.threshold} {' '.join(group.members)}")
        return "".join(f"{line}\n" for line in [*lines, f"quorum {self.quorum}"]).encode("latin-1")

    def reached(self, times: Mapping[str, int]) -> int | None:
        """Latest time at which cosignatures made then or later are enough, or None; `times` by witness."""
        return self._reached(self.quorum, times)

    def _reached(self, name: str, times: Mapping[str, int]) -> int | None:
        group = self.groups.get(name)
        if group is None:
            return times.get(name)
        found = [time for member in group.members if (time := self._reached(member, times)) is not None]
        return sorted(found, reverse=True)[group.threshold - 1] if len(found) >= group.threshold else None


@dataclass(slots=True)
class _Draft:
    what: str
    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    quorum: str = ""

    def take(self, items: Sequence[str]) -> None:
        """One line."""
        match items[0]:
            case "log":
                self._add_log(items[1])
            case "witness":
                self._add_witness(items[1], items[2])
            case "group":
                self._add_group(items[1], items[2], items[3:])
            case _:
                self._set_quorum(items[1])

    def _add_log(self, text: str) -> None:
        key = self._key(text)
        if key.kind == ED25519_COSIGNATURE:
            malformed(self.what, f"{key.name} is {KINDS[key.kind]}, not a log's")
        self.logs.append(self._new(key, self.logs))

    def _add_witness(self, name: str, text: str) -> None:
        key = self._key(text)
        if key.kind not in COSIGNERS:
            malformed(self.what, f"{key.name} is {KINDS[key.kind]}, not a witness's")
        self.witnesses[self._defined(name)] = self._new(key, list(self.witnesses.values()))

    def _add_group(self, name: str, threshold: str, members: Sequence[str]) -> None:
        self._defined(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                malformed(self.what, f"group {name!r}: {member!r} is not defined above it")
            if member in self.members:
                malformed(self.what, f"group {name!r}: {member!r} is member of a group already")
            self.members.add(member)
        count = {"all": len(members), "any": 1}.get(threshold, decimal(threshold))
        if count is None or not 1 <= count <= len(members):
            malformed(self.what, f"group {name!r}: {threshold!r} is not all, any or 1 to {len(members)}")
        self.groups[name] = Group(count, tuple(members))

    def _set_quorum(self, name: str) -> None:
        if self.quorum:
            malformed(self.what, "has more than one quorum")
        if name != NONE and name not in self.witnesses and name not in self.groups:
            malformed(self.what, f"quorum {name!r} is not defined above it")
        self.quorum = name

    def _defined(self, name: str) -> str:
        if name == NONE or name in self.witnesses or name in self.groups:
            malformed(self.what, f"the name {name!r} is taken")
        return name

    def _key(self, text: str) -> VerifierKey:
        try:
            return parse_vkey(text.encode("latin-1").decode(), self.what)
        except UnicodeDecodeError:
            malformed(self.what, f"{text[:80]!r} is not UTF-8")

    def _new(self, key: VerifierKey, known: Sequence[VerifierKey]) -> VerifierKey:
        if any(key.public == other.public for other in known):
            malformed(self.what, f"the public key of {key.name} stands there twice")
        return key


def parse_policy(data: bytes, what: str = "policy") -> Policy:
    """Parse a policy file. Raises AUDIT_FORMAT_INVALID, naming the line."""
    if len(data) > POLICY_LIMIT or _OTHER_OCTETS.search(data):
        malformed(
            what, f"has control characters other than tab and newline, or more than {POLICY_LIMIT} bytes"
        )
    if not data.endswith(b"\n"):
        malformed(what, "does not end with a newline")
    draft = _Draft(what)
    for number, line in enumerate(data.decode("latin-1")[:-1].split("\n"), 1):
        items = _BLANKS.split(line.strip(" \t"))
        if items[0] and not items[0].startswith("#"):
            draft.what = f"{what}, line {number}"
            _check_shape(items, draft.what)
            draft.take(items)
    if not draft.quorum:
        malformed(what, "has no quorum line")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


def _check_shape(items: Sequence[str], what: str) -> None:
    keyword = items[0]
    if keyword != "group" and keyword not in _MOST_ITEMS:
        malformed(what, f"{keyword[:80]!r} is not log, witness, group or quorum")
    fits = len(items) >= _LEAST_OF_GROUP if keyword == "group" else len(items) in _MOST_ITEMS[keyword]
    if not fits:
        malformed(what, f"a line `{keyword}` has not {len(items) - 1} items behind it")


def _octets(key: VerifierKey) -> str:
    return key.format().encode().decode("latin-1")
