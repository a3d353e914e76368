"""Keys at AWS KMS as key material: made, looked at, remembered. Synchronous, for threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from signerd.core.external_mu import external_mu
from signerd.core.inputs import Message, SigningInput
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.aliases import KmsAliases
from signerd.providers.aws_kms.calls import Described, KmsCalls
from signerd.providers.aws_kms.imports import wrap
from signerd.providers.aws_kms.table import (
    ALGORITHMS,
    LONGEST_MESSAGE,
    SPECS,
    Row,
    tied_algorithm,
    wire_form,
)
from signerd.providers.aws_kms.uris import is_alias, key_uri, order_tags, tags_of
from signerd.providers.base import Change, Material, Order
from signerd.providers.failures import unsupported

_USABLE = frozenset({"Enabled", "Updating"})
_GOING = frozenset({"PendingDeletion", "PendingReplicaDeletion"})
_TRIES = 20
_PAUSE = 0.25  # seconds: a new key is known everywhere after a few (AWS KMS eventual consistency)
_UNUSABLE = frozenset({Reason.KEY_MATERIAL_DISABLED, Reason.KEY_MATERIAL_UNREADABLE})
_WAITED_FOR = _UNUSABLE | {Reason.PROVIDER_THROTTLED}
_BUSY = frozenset({Reason.PROVIDER_THROTTLED, Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT})
"""These say nothing against a new key: it is left to whoever settles orders that were not finished."""
_DESCRIPTION = "signerd: "


class KmsKeys:
    """The keys of one region. Public keys are remembered by ARN, since KMS never changes them."""

    def __init__(
        self, calls: KmsCalls, aliases: KmsAliases, region: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._calls = calls
        self._aliases = aliases
        self._region = region
        self._pause = pause
        self._public_keys: dict[str, bytes] = {}
        self._unproven: set[str] = set()
        """Keys made here that have not signed yet: not every host of AWS may know them."""

    def __len__(self) -> int:
        return len(self._public_keys)

    def sign(self, key_id: str, row: Row, given: SigningInput) -> bytes:
        """Sign a prepared input; of a message that is too long for KMS its external mu is signed."""
        if isinstance(given, Message) and len(given.data) > LONGEST_MESSAGE:
            given = external_mu(self._public_key(key_id), given.data)
        message, message_type = wire_form(given)
        if key_id not in self._unproven:
            return self._calls.sign(key_id, message, message_type, row)
        signature = self._settled(lambda: self._calls.sign(key_id, message, message_type, row, quiet=True))
        self._unproven.discard(key_id)
        return signature

    def _public_key(self, key_id: str) -> bytes:
        known = self._public_keys.get(key_id)
        if known is None:
            known = self._calls.public_key(key_id)
            if not is_alias(key_id):
                self._public_keys[key_id] = known
        return known

    def material(self, key_id: str) -> Material:
        """The key of a KeyId; raises KEY_MATERIAL_UNREADABLE, KEY_MATERIAL_DISABLED or PROVIDER_REFUSED."""
        described = self._calls.describe(key_id)
        if described.state in _GOING:
            raise SignerdError(Reason.KEY_MATERIAL_DISABLED, f"{described.arn} waits at AWS to be deleted")
        if not described.signs or described.spec not in SPECS:
            raise SignerdError(
                Reason.PROVIDER_REFUSED, f"{described.arn} is not a key that signs ({described.spec})"
            )
        material = self._shown(described)
        if not material.public_key:
            reason = _reason_of_state(described.state)
            raise SignerdError(reason, f"{described.arn} is {described.state} and its public key not known")
        return material

    def seen(self, arn: str) -> Material | None:
        """A key for the list; None for what is no signing key, waits for its deletion, or is gone.

        The public key is empty where KMS does not tell it: of disabled keys, those not imported yet, and those that are
        not ours to see, of which nobody knows whose they are.
        """
        try:
            described = self._calls.describe(arn, quiet=True)
            if described.state in _GOING or not described.signs or described.spec not in SPECS:
                return None
            return self._shown(described)
        except SignerdError as error:
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                return None
            if error.reason is Reason.PROVIDER_DENIED:
                return Material(key_uri(self._region, arn), b"", enabled=False, unsure=True)
            raise

    def _shown(self, described: Described) -> Material:
        usable = described.state in _USABLE
        shown = Material(
            key_uri(self._region, described.arn),
            self._told_public_key(described.arn, usable=usable),
            algorithm=tied_algorithm(described.spec),
            enabled=usable,
        )
        try:
            return replace(shown, tags=order_tags(self._calls.tags(described.arn, quiet=True)))
        except SignerdError as error:
            if error.reason is not Reason.PROVIDER_DENIED:
                raise
            # What signerd makes is described as such in the call that makes it.
            return replace(shown, unsure=described.text.startswith(_DESCRIPTION))

    def _told_public_key(self, arn: str, *, usable: bool) -> bytes:
        """What KMS tells now, for keys in use; else what is remembered."""
        if not usable and arn in self._public_keys:
            return self._public_keys[arn]
        try:
            told = self._public_keys[arn] = self._calls.public_key(arn, quiet=True)
        except SignerdError as error:
            if usable or error.reason not in _UNUSABLE:
                raise
            return b""
        return told

    def tags(self, arn: str) -> dict[str, str]:
        """Tags of the order that a key was made for; none where we may not look: a new order's are nobody's yet."""
        try:
            return order_tags(self._calls.tags(arn, quiet=True))
        except SignerdError as error:
            if error.reason in (Reason.PROVIDER_DENIED, Reason.KEY_MATERIAL_UNREADABLE):
                return {}
            raise

    def arns(self) -> list[str]:
        """ARNs of all keys of the account in the region."""
        return self._calls.key_arns()

    def make(self, order: Order, row: Row) -> Material:
        """Make a key or take one in; one without a public key is destroyed, unless AWS is only busy."""
        described = self._created(order, row)
        try:
            if order.private_key is not None:
                self._take_in(described.arn, order.private_key)
            public_key = self._settled(lambda: self._calls.public_key(described.arn, quiet=True))
        except SignerdError as error:
            if order.private_key is not None or error.reason not in _BUSY:
                with suppress(SignerdError):
                    self._calls.change(described.arn, Change.DESTROY)
            raise
        self._public_keys[described.arn] = public_key
        self._unproven.add(described.arn)
        uri = key_uri(self._region, described.arn)
        return Material(uri, public_key, order.tags, tied_algorithm(row.spec))

    def _created(self, order: Order, row: Row) -> Described:
        description = f"{_DESCRIPTION}{order.key} version {order.version}"
        external = order.private_key is not None
        try:
            return self._calls.create(row, tags_of(order), description, external=external)
        except SignerdError as error:
            if error.reason is not Reason.ALGORITHM_UNSUPPORTED:
                raise
            others = tuple(one for one in ALGORITHMS if one.family is not order.algorithm.family)
            raise unsupported(order.algorithm, f"region {self._region} has no such keys", others) from None

    def _take_in(self, arn: str, private_key: bytes) -> None:
        parameters = self._calls.import_parameters(arn)
        self._calls.import_material(arn, parameters.token, wrap(private_key, parameters.wrapping_key))

    def _settled(self, call: Callable[[], bytes]) -> bytes:
        """What a new key answers once AWS knows it, and is not too busy."""
        for _ in range(_TRIES):
            try:
                return call()
            except SignerdError as error:
                if error.reason not in _WAITED_FOR:
                    raise
            self._pause(_PAUSE)
        return call()

    def point_alias(self, key_id: str, key: str, instance: str) -> bool:
        """Let the alias of a key point to a version; whether it did not."""
        return self._aliases.point(key_id, key, instance)

    def change(self, key_id: str, change: Change) -> None:
        """Disable, enable or schedule the deletion of a key; what is so already stays so."""
        self._unproven.discard(key_id)
        try:
            self._calls.change(key_id, change)
        except SignerdError as error:
            done = _UNUSABLE if change is Change.DESTROY else {Reason.KEY_MATERIAL_DISABLED}
            if change is Change.ENABLE or error.reason not in done:
                raise


def _reason_of_state(state: str) -> Reason:
    return Reason.KEY_MATERIAL_UNREADABLE if state == "PendingImport" else Reason.KEY_MATERIAL_DISABLED
