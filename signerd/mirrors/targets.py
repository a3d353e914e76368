"""Where copies go: a directory, or a bucket. Blocking; what goes wrong is MirrorFault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from signerd.connections.aws import Access, Limits, S3Connection, told
from signerd.mirrors.faults import MirrorFault


class Target(Protocol):
    """Where the files of one log go, by their paths below its directory."""

    def read(self, path: str) -> bytes | None:
        """Contents of a file, None where there is none. Raises MirrorFault."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file durably, whole or not at all. Raises MirrorFault."""

    def close(self) -> None:
        """Give connections back."""


class DirectoryTarget:
    """A directory, which must exist: a mount that is missing must not be made on the daemon's own disk."""

    def __init__(self, root: Path, origin: str) -> None:
        self._root = root
        self._directory = root / origin

    def read(self, path: str) -> bytes | None:
        """See Target."""
        self._check()
        try:
            return (self._directory / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._fault(error) from None

    def write(self, path: str, data: bytes) -> None:
        """See Target."""
        self._check()
        place = self._directory / path
        draft = place.with_name(f".{place.name}.new")
        try:
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        except OSError as error:
            raise self._fault(error) from None

    def close(self) -> None:
        """See Target."""

    def _check(self) -> None:
        if not self._root.is_dir():
            raise MirrorFault(f"{self._root} is no directory; make it, or mount it")

    def _fault(self, error: OSError) -> MirrorFault:
        return MirrorFault(f"{self._directory}: {error.strerror or error}")


class BucketTarget:
    """A bucket of S3 or what speaks its protocol; `prefix` comes before the log's origin."""

    def __init__(self, access: Access, bucket: str, prefix: str, origin: str, seconds: float) -> None:
        self._connection = S3Connection(access, Limits(seconds, attempts=2, connections=4))
        self._bucket = bucket
        self._prefix = "/".join(filter(None, (prefix.strip("/"), origin))) + "/"

    def read(self, path: str) -> bytes | None:
        """See Target."""
        try:
            found = self._connection.client().get_object(Bucket=self._bucket, Key=self._prefix + path)
            data: bytes = found["Body"].read()
            return data
        except Exception as error:  # noqa: BLE001 - the SDK's exceptions have no common class
            if told(error).code == "NoSuchKey":
                return None
            raise self._fault(error) from None

    def write(self, path: str, data: bytes) -> None:
        """See Target."""
        try:
            self._connection.client().put_object(Bucket=self._bucket, Key=self._prefix + path, Body=data)
        except Exception as error:  # noqa: BLE001 - as above
            raise self._fault(error) from None

    def close(self) -> None:
        """See Target."""
        self._connection.close()

    def _fault(self, error: Exception) -> MirrorFault:
        self._connection.look_again()
        known = told(error)
        return MirrorFault(f"s3://{self._bucket}: {known.code}{': ' if known.text else ''}{known.text[:200]}")
