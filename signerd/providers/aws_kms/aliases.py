"""The alias that follows the primary of a key."""

from __future__ import annotations

from collections.abc import Mapping

from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.calls import KmsCalls
from signerd.providers.aws_kms.uris import alias_name, order_tags


class KmsAliases:
    """Aliases below a prefix. Only one that points to a key of the same signerd and name is moved."""

    def __init__(self, calls: KmsCalls, prefix: str) -> None:
        self._calls = calls
        self._prefix = prefix

    def point(self, arn: str, key: str, instance: str) -> None:
        """Let the alias of a key point to a version; raises PROVIDER_REFUSED where it is somebody else's.

        AWS has no call that looks and moves at once: whoever moves the alias in between is overruled.
        """
        alias = alias_name(self._prefix, key)
        target = self._target(alias)
        if target is None:
            try:
                self._calls.create_alias(alias, arn)
                return
            except SignerdError as error:
                if error.reason is not Reason.KEY_EXISTS:
                    raise
            target = self._target(alias)
        if target in (None, arn):
            return
        if not self._owned(target, {"instance": instance, "key": key}):
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"{alias} points to {target}, which is not a version of {key!r} of this signerd: "
                "it stays there; remove it, or set another alias_prefix",
            )
        self._calls.update_alias(alias, arn)

    def _target(self, alias: str) -> str | None:
        try:
            return self._calls.describe(alias, quiet=True).arn
        except SignerdError as error:
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                return None
            raise

    def _owned(self, arn: str, owner: Mapping[str, str]) -> bool:
        return owner.items() <= order_tags(self._calls.tags(arn)).items()
