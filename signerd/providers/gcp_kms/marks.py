"""Marks of orders on a CryptoKey: its labels say which version was made for which order.

A version has no labels, and making one can't be repeated safely: an answer that is lost leaves a version that nobody
can tell from another. So an order is marked on the key before its version is made (`after` the last number there
was), and again with the number it got (`made`). To a mark without a number belongs the one version that is newer,
nobody else's and was generated while the order's call was under way; where there are two, neither is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order

MOST_LABELS = 64
LABEL_SIZE = 63
SKEW = 5.0
"""Seconds by which Google's clock and ours may differ."""
_MARK = re.compile(r"version-(\d+)_order-(\d+)_(?:made-(\d+)|after-(\d+)_at-(\d+))\Z")
_TAG = "signerd-tag-"
_INSTANCE = "signerd-instance"
_KEY = "signerd-key"
_PLAIN = re.compile(rb"[^a-z0-9-]")
_ESCAPED = re.compile(r"_([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Mark:
    """One order: its tag, the key version it was for, its place among the orders, and which number is its version's.

    `number` is 0 as long as nothing is known but that it is above `after` and was ordered `at` that Unix time.
    """

    tag: str
    version: int
    place: int
    after: int = 0
    at: int = 0
    number: int = 0

    @property
    def label(self) -> tuple[str, str]:
        """Name and value of the label."""
        known = f"made-{self.number}" if self.number else f"after-{self.after}_at-{self.at}"
        return _TAG + escape(self.tag), f"version-{self.version}_order-{self.place}_{known}"


@dataclass(frozen=True, slots=True)
class Made:
    """How a version came to be: its number, the Unix time, and whether Cloud KMS generated it or took it in."""

    number: int
    at: float
    generated: bool = True


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
            version, place, number, after, at = (int(part or 0) for part in mark.groups())
            found.append(Mark(unescape(name.removeprefix(_TAG)), version, place, after, at, number))
    return sorted(found, key=lambda one: one.place)


def settle(marks: Iterable[Mark], versions: Iterable[Made], seconds: float) -> list[Mark]:
    """Give marks without a number the version that surely is theirs, if there is one among all versions.

    `seconds` is how long after its mark an order may make its version. The newest order chooses first: an older one
    without a version has most likely failed.
    """
    settled = {mark.tag: mark for mark in marks}
    free = unclaimed(settled.values(), versions)
    for mark in sorted(settled.values(), key=lambda one: -one.place):
        fitting = [one for one in free if fits(mark, one, seconds)]
        if len(fitting) == 1:
            free.remove(fitting[0])
            settled[mark.tag] = replace(mark, after=0, at=0, number=fitting[0].number)
    return sorted(settled.values(), key=lambda one: one.place)


def unclaimed(marks: Iterable[Mark], versions: Iterable[Made]) -> list[Made]:
    """The versions that no mark names."""
    named = {mark.number for mark in marks}
    return [one for one in versions if one.number not in named]


def fits(mark: Mark, made: Made, seconds: float) -> bool:
    """Whether a version may be the one of a mark that has no number."""
    in_time = mark.at - SKEW <= made.at <= mark.at + seconds + SKEW
    return not mark.number and made.number > mark.after and made.generated and in_time


def with_mark(
    marks: Iterable[Mark], order: Order, versions: Iterable[Made], now: float, seconds: float
) -> list[Mark]:
    """The marks with one for an order whose version is made next.

    Raises KEY_EXISTS if the order has its version, PROVIDER_REFUSED if that can't be told.
    """
    versions, newest = list(versions), 0
    settled = settle(marks, versions, seconds)
    free = unclaimed(settled, versions)
    others = []
    for mark in settled:
        newest = max(newest, mark.place)
        if mark.tag != order.tag:
            others.append(mark)
        elif mark.number:
            raise SignerdError(Reason.KEY_EXISTS, f"version {mark.number} was made for order {order.tag}")
        elif possible := [one.number for one in free if fits(mark, one, seconds)]:
            raise SignerdError(
                Reason.PROVIDER_REFUSED, f"one of the versions {possible} may be of order {order.tag}"
            )
    after = max((one.number for one in versions), default=0)
    return [*others, Mark(order.tag, order.version, newest + 1, after, int(now))]


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
