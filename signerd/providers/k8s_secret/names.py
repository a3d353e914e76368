"""Names, labels and annotations of the Secrets that hold keys, and their URIs: `k8s-secret://NAMESPACE/NAME`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order

SCHEME = "k8s-secret://"
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "signerd"
_DOMAIN = "signerd.dev/"
_TAGS = ("instance", "key", "version", "tag")
_LABELLED = ("instance", "key", "version")
ALGORITHM = f"{_DOMAIN}algorithm"

# Names: DNS subdomains (RFC 1123) of at most 253 characters. Values of labels: at most 63.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?\Z")
_SLUG = 40
_HASH = 20


def uri_of(namespace: str, name: str) -> str:
    """Key URI of a Secret."""
    return f"{SCHEME}{namespace}/{name}"


def name_in(uri: str, namespace: str) -> str:
    """Name of the Secret that a URI names; raises KEY_URI_INVALID unless it is in this namespace."""
    place, _, name = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not _NAME.match(name):
        raise SignerdError(
            Reason.KEY_URI_INVALID, f"{uri[:256]!r} is not `{SCHEME}NAMESPACE/NAME`", field="uri"
        )
    if place != namespace:
        raise SignerdError(
            Reason.KEY_URI_INVALID,
            f"{uri[:256]!r} is not in namespace {namespace!r}, the provider's; configure another provider for it",
            field="uri",
        )
    return name


def name_for(order: Order) -> str:
    """Name of the Secret of an order: the same for the same tag, another for another."""
    slug = re.sub(r"[^a-z0-9]+", "-", order.key)[:_SLUG].strip("-") or "key"
    digest = hashlib.sha256("\0".join(order.tags[tag] for tag in _TAGS).encode()).hexdigest()
    return f"{MANAGER}-{slug}-{order.version}-{digest[:_HASH]}"


def labels_for(order: Order) -> dict[str, str]:
    """What the Secret can be selected by; a value that no label can have is there as its hash."""
    return {MANAGED_BY: MANAGER} | {f"{_DOMAIN}{tag}": label_value(order.tags[tag]) for tag in _LABELLED}


def annotations_for(order: Order) -> dict[str, str]:
    """The tags as they are, and the algorithm."""
    return {f"{_DOMAIN}{tag}": order.tags[tag] for tag in _TAGS} | {ALGORITHM: order.algorithm.name}


def label_value(value: str) -> str:
    """The value itself if a label can have it, else `sha256-` and the hash of it, shortened to fit."""
    if _LABEL.match(value):
        return value
    return f"sha256-{hashlib.sha256(value.encode()).hexdigest()[:40]}"


def managed(labels: Mapping[str, str]) -> bool:
    """Whether signerd made the Secret."""
    return labels.get(MANAGED_BY) == MANAGER


def tags_of(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    """Tags of the order that the Secret was made for, empty where signerd did not make it."""
    found = {tag: annotations.get(f"{_DOMAIN}{tag}", "") for tag in _TAGS}
    return found if managed(labels) and found["key"] and found["version"] and found["tag"] else {}
