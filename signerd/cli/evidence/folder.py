"""A folder that is there whole or not at all: it is written under another name, and gets its own when it is sealed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from signerd.auditor.manifests import Entry, entry_of

PARTIAL: Final = ".partial"


class Folder:
    """Files below `place`, each with its entry for the manifest."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.entries: list[Entry] = []

    def add(self, files: Mapping[str, bytes]) -> None:
        """Write files that the manifest lists. Raises OSError."""
        for path, data in files.items():
            self.write(path, data)
            self.entries.append(entry_of(path, data))

    def write(self, path: str, data: bytes) -> None:
        """Write a file that it does not list. Raises OSError."""
        file = self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            stream.write(data)


@contextmanager
def new_folder(directory: Path) -> Iterator[Folder]:
    """A folder to fill; it is called `directory` once the block ends well, and is gone if it does not.

    Raises FileExistsError for what is there already, also under the name of a half-written one.
    """
    partial = directory.with_name(directory.name + PARTIAL)
    if os.path.lexists(directory):
        raise FileExistsError(17, "is there already; evidence is never written over", str(directory))
    try:
        partial.mkdir(parents=False)
    except FileExistsError:
        raise FileExistsError(
            17, "was left by a run that was stopped, or is being written; remove it", str(partial)
        ) from None
    try:
        yield Folder(partial)
        os.sync()  # a finished name must not outlive a loss of power without what it stands for
        partial.rename(directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
