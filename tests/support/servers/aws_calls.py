"""The calls of AWS KMS without AWS: they answer from dictionaries, and fail as told."""

from __future__ import annotations

from collections.abc import Mapping

from signerd.core.algorithms import DEFAULT
from signerd.core.private_keys import generate
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.calls import Described
from signerd.providers.aws_kms.table import Row
from signerd.providers.base import Change, Order

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = ARN.replace("1234abcd", "99999999")
ALIAS = "alias/signerd/release"
PUBLIC_KEY = spki(generate(DEFAULT).public_key())


class Calls:
    """Answers from dictionaries; `failures` are raised in turn by operation."""

    def __init__(self) -> None:
        self.state = "Enabled"
        self.spec = "ECC_NIST_P256"
        self.signs = True
        self.shown = PUBLIC_KEY
        self.aliases: dict[str, str] = {}
        self.tagged: dict[str, Mapping[str, str]] = {}
        self.failures: dict[str, list[Reason]] = {}
        self.asked: list[str] = []
        self.sent: list[tuple[bytes, str]] = []
        self.text = ""
        self.untold: set[str] = set()
        self.trouble = ""

    def _ask(self, operation: str) -> None:
        self.asked.append(operation)
        if self.failures.get(operation):
            raise SignerdError(self.failures[operation].pop(0), f"{operation} failed")

    def describe(self, key_id: str, *, quiet: bool = False) -> Described:
        self._ask("describe")
        if key_id.startswith("alias/") and key_id not in self.aliases:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE)
        return Described(self.aliases.get(key_id, ARN), self.spec, self.state, self.signs, self.text)

    def public_key(self, key_id: str, *, quiet: bool = False) -> bytes:
        self._ask("public_key")
        return self.shown

    def tags(self, key_id: str, *, quiet: bool = False) -> Mapping[str, str]:
        self._ask("tags")
        if key_id in self.untold:
            raise SignerdError(Reason.PROVIDER_DENIED, f"{key_id}: tags may not be read")
        return self.tagged.get(key_id, {})

    def create(self, row: Row, tags: Mapping[str, str], description: str, *, external: bool) -> Described:
        self._ask("create")
        self.tagged[ARN] = tags
        return Described(ARN, row.spec, "Enabled", True)

    def create_alias(self, alias: str, arn: str) -> None:
        self._ask("create_alias")
        self.aliases[alias] = arn

    def update_alias(self, alias: str, arn: str) -> None:
        self._ask("update_alias")
        self.aliases[alias] = arn

    def change(self, key_id: str, change: Change) -> None:
        self._ask(change.value)

    def sign(self, key_id: str, message: bytes, message_type: str, row: Row, *, quiet: bool = False) -> bytes:
        self._ask("sign")
        self.sent.append((message, message_type))
        return b"signature"


def tags(key: str = "release", instance: str = "i") -> dict[str, str]:
    """Tags of a version that a signerd made."""
    return {f"signerd:{n}": v for n, v in Order(key, 1, DEFAULT, "t", instance=instance).tags.items()}
