"""Names at AWS KMS: key URIs, aliases and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order

TAG_PREFIX = "signerd:"
_KEY = r"(?:mrk-)?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_ALIAS = r"alias/[A-Za-z0-9/_-]{1,250}"
_NAME = rf"(?:{_ALIAS}|{_KEY})"
_URI = re.compile(
    rf"aws-kms://(?P<region>[a-z0-9-]+)/(?P<key>{_NAME}"
    rf"|arn:aws[a-z-]*:kms:(?P<arn_region>[a-z0-9-]+):[0-9]{{12}}:(?:key/{_KEY}|{_ALIAS}))\Z"
)
_ALIASES = re.compile(rf"(?:arn:[^/]*:)?{_ALIAS}\Z")
# API reference, Tag; and what AWS takes in tags of all its services.
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}\Z")


def key_uri(region: str, arn: str) -> str:
    """URI of a key: with its ARN, so that another account's credentials can't mean another key."""
    return f"aws-kms://{region}/{arn}"


def parse_uri(uri: str, region: str) -> str:
    """KeyId of `aws-kms://REGION/KEY-ID`, `…/alias/NAME` or `…/ARN`; raises KEY_URI_INVALID, for another region too."""
    match = _URI.match(uri)
    if match is None:
        raise _invalid(uri, "is not aws-kms://REGION/ with a key id, alias/NAME or an ARN")
    for there in (match["region"], match["arn_region"] or region):
        if there != region:
            raise _invalid(uri, f"is in region {there}, the provider in {region}")
    return match["key"]


def is_alias(key_id: str) -> bool:
    """Whether a KeyId is an alias, which may name another key tomorrow."""
    return _ALIASES.match(key_id) is not None


def alias_name(prefix: str, key: str) -> str:
    """Alias of a key. Aliases have no dots, and names of keys no capitals: a dot becomes `D`, and no two are one."""
    return f"alias/{prefix}{key.replace('.', 'D')}"


def tags_of(order: Order) -> dict[str, str]:
    """Tags for the material of an order; raises PROVIDER_REFUSED for what AWS does not take."""
    for name, value in order.tags.items():
        if not _TAG_VALUE.match(value):
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"the {name} {value[:64]!r} can't be a tag at AWS: at most 256 letters, digits, spaces and .:/=+@_-",
                field=name,
            )
    return {TAG_PREFIX + name: value for name, value in order.tags.items()}


def order_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of the order that a key was made for, empty where signerd did not make it."""
    found = {
        name.removeprefix(TAG_PREFIX): value for name, value in tags.items() if name.startswith(TAG_PREFIX)
    }
    return found if {"instance", "key", "version", "tag"} <= found.keys() else {}


def _invalid(uri: str, problem: str) -> SignerdError:
    return SignerdError(Reason.KEY_URI_INVALID, f"{uri[:256]!r} {problem}", field="uri")
