"""Marks of orders on a CryptoKey: its labels say which version was made for which order.

A version has no labels, and making one can't be repeated safely: an answer that is lost leaves a version that nobody
can tell from another. So an order is marked on the key before its version is made (`after` the last number there
was), and again with the number it got (`made`). A mark without a number belongs to the first version that is newer
and nobody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order

MOST_LABELS = 64
LABEL_SIZE = 63
_MARK = re.compile(r"version-(\d+)_order-(\d+)_(after|made)-(\d+)\Z")
_TAG = "signerd-tag-"
_INSTANCE = "signerd-instance"
_KEY = "signerd-key"
_PLAIN = re.compile(rb"[^a-z0-9-]")
_ESCAPED = re.compile(r"_([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Mark:
    """One order: its tag, the key version it was for, its place among the orders, and which number is its version's.

    `number` is 0 as long as nothing is known but that it is above `after`.
    """

    tag: str
    version: int
    place: int
    after: int = 0
    number: int = 0

    @property
    def label(self) -> tuple[str, str]:
        """Name and value of the label."""
        at = f"made-{self.number}" if self.number else f"after-{self.after}"
        return _TAG + escape(self.tag), f"version-{self.version}_order-{self.place}_{at}"


def escape(text: str) -> str:
    """Write any text in the alphabet of labels, [a-z0-9_-]; what is not of [a-z0-9-] becomes `_` and two hex digits."""
    return _PLAIN.sub(lambda found: b"_%02x" % found[0][0], text.encode()).decode()


def unescape(text: str) -> str:
    """The text that was escaped."""
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return raw.encode("latin-1").decode(errors="replace")


def owner_labels(order: Order) -> dict[str, str]:
    """The labels that say whose key it is; names longer than a label goes on in further ones."""
    return {**_spread(_INSTANCE, order.instance), **_spread(_KEY, order.key)}


def owner_of(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """Instance and key that the labels name; None if signerd did not make the key."""
    key = _gathered(_KEY, labels)
    return (_gathered(_INSTANCE, labels), key) if key else None


def marks_in(labels: Mapping[str, str]) -> list[Mark]:
    """The orders, in their order."""
    found = []
    for name, value in labels.items():
        mark = _MARK.match(value) if name.startswith(_TAG) else None
        if mark is not None:
            tag, number = unescape(name.removeprefix(_TAG)), int(mark[4])
            known = {"number": number} if mark[3] == "made" else {"after": number}
            found.append(Mark(tag, int(mark[1]), int(mark[2]), **known))
    return sorted(found, key=lambda one: one.place)


def settle(marks: Iterable[Mark], numbers: Iterable[int]) -> list[Mark]:
    """Give marks without a number the version that is theirs, if there is one among the `numbers` of all versions.

    The newest order chooses first: an older one without a version has most likely failed.
    """
    settled = {mark.tag: mark for mark in marks}
    free = sorted(set(numbers) - {mark.number for mark in settled.values()})
    for mark in sorted(settled.values(), key=lambda one: -one.place):
        number = next((one for one in free if one > mark.after), 0) if not mark.number else 0
        if number:
            free.remove(number)
            settled[mark.tag] = replace(mark, after=0, number=number)
    return sorted(settled.values(), key=lambda one: one.place)


def with_mark(marks: Iterable[Mark], order: Order, numbers: Iterable[int]) -> list[Mark]:
    """The marks with one for an order whose version is made next; raises KEY_EXISTS if the order has its version."""
    others, newest = [], 0
    for mark in settle(marks, numbers):
        newest = max(newest, mark.place)
        if mark.tag != order.tag:
            others.append(mark)
        elif mark.number:
            raise SignerdError(Reason.KEY_EXISTS, f"version {mark.number} was made for order {order.tag}")
    return [*others, Mark(order.tag, order.version, newest + 1, after=max(numbers, default=0))]


def labels_with(labels: Mapping[str, str], marks: Iterable[Mark], gone: Iterable[int] = ()) -> dict[str, str]:
    """Labels with exactly these marks; others stay. The oldest marks give way where there are too many labels.

    Those of no version go first, and those of destroyed ones, whose numbers are `gone`.
    """
    others = {name: value for name, value in labels.items() if not name.startswith(_TAG)}
    wanted = sorted(marks, key=lambda mark: mark.place)
    useless = {0, *gone}
    wanted = sorted(wanted[:-1], key=lambda mark: mark.number not in useless) + wanted[-1:]
    room = max(MOST_LABELS - len(others), 1)
    return {**others, **dict(mark.label for mark in wanted[-room:])}


def check_tag(tag: str) -> None:
    """Raise PROVIDER_REFUSED for a tag that fits no label."""
    room = LABEL_SIZE - len(_TAG)
    if not 0 < len(escape(tag)) <= room:
        raise SignerdError(Reason.PROVIDER_REFUSED, f"an order's tag must fit a label of {room} characters")


def _spread(name: str, text: str) -> dict[str, str]:
    rest = escape(text)
    parts = [rest[start : start + LABEL_SIZE] for start in range(0, len(rest), LABEL_SIZE)]
    return {f"{name}-{at}" if at else name: part for at, part in enumerate(parts)}


def _gathered(name: str, labels: Mapping[str, str]) -> str:
    parts = [labels.get(name, "")]
    while f"{name}-{len(parts)}" in labels:
        parts.append(labels[f"{name}-{len(parts)}"])
    return unescape("".join(parts))
