"""The files of the local provider: encrypted private keys, and the public keys beside them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from signerd.core import cosign_keys
from signerd.core.pem import read_block, write_block
from signerd.core.private_keys import PrivateKey, from_pkcs8, to_pkcs8
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.key_files import KeyFiles
from signerd.providers.local.uris import Place, parse_path, parse_uri

_PUBLIC_LABEL = "PUBLIC KEY"


class LocalFiles:
    """Blocking work on the files; run it in threads. Raises SignerdError only, naming the file."""

    def __init__(self, directory: Path, password: Callable[[], bytes]) -> None:
        self._directory = directory
        self._password = password
        try:
            self._files = KeyFiles(directory)
            self._files.remove_stale()
        except OSError as error:
            raise SignerdError(
                Reason.PROVIDER_UNAVAILABLE, f"directory {directory} can't be used: {_why(error)}"
            ) from None

    def places(self) -> list[Place]:
        """All private key files."""
        found = (parse_path(path.as_posix()) for path in self._files.paths())
        return [one for one in found if one is not None]

    def unlock(self, uri: str) -> PrivateKey:
        """Read and decrypt a private key; raises KEY_MATERIAL_UNREADABLE or PERMISSIONS_TOO_OPEN.

        It must be the one of the public key beside it, if there is any.
        """
        found = parse_uri(uri)
        try:
            pem = self._files.read(found.path)
            private_key = from_pkcs8(cosign_keys.decrypt(pem, self._asked_password()))[0]
        except OSError as error:
            raise self.unreadable(uri, _why(error)) from None
        except SignerdError as error:
            if error.reason is Reason.PERMISSIONS_TOO_OPEN:
                raise
            raise self.unreadable(uri, error.message) from None
        if self.public_key(found) not in (None, spki(private_key.public_key())):
            beside = found.public_path.name
            raise self.unreadable(
                uri, f"it does not belong to the public key in {beside}; restore the one that was replaced"
            )
        return private_key

    def write(self, made: Place, private_key: PrivateKey) -> None:
        """Write both files, or leave none."""
        pem = cosign_keys.encrypt(to_pkcs8(private_key), self._asked_password())
        try:
            self._files.write_new(made.path, pem)
            self._write_public(made, write_block(_PUBLIC_LABEL, spki(private_key.public_key())))
        except FileExistsError:
            raise SignerdError(Reason.KEY_EXISTS, f"{made.uri} exists and is not overwritten") from None
        except OSError as error:
            shown = self._files.shown(made.path)
            raise SignerdError(
                Reason.PROVIDER_UNAVAILABLE, f"{shown} can't be written: {_why(error)}"
            ) from None

    def _write_public(self, made: Place, pem: bytes) -> None:
        try:
            self._files.replace(made.public_path, pem)
        except BaseException:
            with suppress(SignerdError):
                self.remove(made)
            raise

    def public_key(self, found: Place) -> bytes | None:
        """Public key from its file, DER; None if that is missing or damaged, or if the private one is gone."""
        with suppress(OSError, SignerdError):
            block = read_block(self._files.read(found.public_path))
            if block.label == _PUBLIC_LABEL and self._files.exists(found.path):
                return block.data
        return None

    def check_exists(self, found: Place) -> None:
        """Raise KEY_MATERIAL_UNREADABLE unless the private key file is there."""
        with suppress(OSError):
            if self._files.exists(found.path):
                return
        raise self.unreadable(found.uri, "No such file or directory")

    def remove(self, gone: Place) -> None:
        """Remove both files; no error if they are gone."""
        try:
            self._files.remove(gone.path)
            self._files.remove(gone.public_path)
        except OSError as error:
            shown = self._files.shown(gone.path)
            raise SignerdError(
                Reason.PROVIDER_UNAVAILABLE, f"{shown} can't be removed: {_why(error)}"
            ) from None

    def _asked_password(self) -> bytes:
        try:
            return self._password()
        except OSError as error:
            raise SignerdError(
                Reason.KEY_MATERIAL_UNREADABLE, f"the password of the key files can't be read: {_why(error)}"
            ) from None

    def unreadable(self, uri: str, why: str) -> SignerdError:
        """What to raise about a private key that can't be used; names its file."""
        shown = self._files.shown(parse_uri(uri).path)
        return SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"key file {shown} can't be used: {why}")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
