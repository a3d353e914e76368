"""The alias that follows the primary of a key."""

from __future__ import annotations

from collections.abc import Mapping

from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.calls import KmsCalls
from signerd.providers.aws_kms.uris import alias_name, order_tags


class KmsAliases:
    """Aliases below a prefix, none where that is empty. Only one that points to a key of the same signerd and name is
    moved, and only to another such key: nothing is done about keys that were adopted.
    """

    def __init__(self, calls: KmsCalls, prefix: str) -> None:
        self._calls = calls
        self._prefix = prefix

    def point(self, arn: str, key: str, instance: str) -> bool:
        """Let the alias of a key point to a version; whether it did not. Raises PROVIDER_REFUSED where it must stay.

        AWS has no call that looks and moves at once: whoever moves the alias in between is overruled.
        """
        if not self._prefix:
            return False
        alias, owner = alias_name(self._prefix, key), {"instance": instance, "key": key}
        target = self._target(alias)
        if target == arn:
            return False
        if not self._owned(arn, owner):
            return self._left(alias, target, owner)
        if target is None:
            target = self._created(alias, arn)
        if target == arn:
            return True
        if not self._owned(target, owner):
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"{alias} points to {target}, which is not a version of {key!r} of this signerd: "
                "it stays there; remove it, or set another alias_prefix",
            )
        self._calls.update_alias(alias, arn)
        return True

    def _created(self, alias: str, arn: str) -> str:
        """What the alias points to: the version, unless somebody made it meanwhile."""
        try:
            self._calls.create_alias(alias, arn)
            return arn
        except SignerdError as error:
            made = self._target(alias) if error.reason is Reason.KEY_EXISTS else None
            if made is None:
                raise
            return made

    def _left(self, alias: str, target: str | None, owner: Mapping[str, str]) -> bool:
        """The primary was adopted: it is nobody's to name, but no other version may seem to be the primary."""
        if target is not None and self._owned(target, owner):
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"{alias} points to {target}, and the primary is a key that was adopted: move or remove the alias",
            )
        return False

    def _target(self, alias: str) -> str | None:
        try:
            return self._calls.describe(alias, quiet=True).arn
        except SignerdError as error:
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                return None
            raise

    def _owned(self, arn: str, owner: Mapping[str, str]) -> bool:
        return owner.items() <= order_tags(self._calls.tags(arn)).items()
