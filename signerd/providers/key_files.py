"""Files with secrets: owned by us, closed to others, never reached through a symlink, written atomically."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from signerd.errors import Reason, SignerdError

MAX_FILE = 64 * 1024
_STALE = 3600  # seconds
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class KeyFiles:
    """A directory tree of mode 0700 with files of mode 0600, addressed by relative paths.

    OSError passes through, so that callers can tell a missing file from a full disk.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root
        os.close(self._open_root())

    def shown(self, path: PurePosixPath) -> str:
        """Where a file is, for messages."""
        return str(self._root / path)

    def read(self, path: PurePosixPath) -> bytes:
        """Read a file; raises PERMISSIONS_TOO_OPEN, or FileNotFoundError and its kin."""
        with self._folder(path.parent) as folder:
            descriptor = _open(path.name, _READ, folder, self.shown(path))
            with os.fdopen(descriptor, "rb") as file:
                check_private(os.fstat(descriptor), self.shown(path))
                return file.read(MAX_FILE + 1)[:MAX_FILE]

    def exists(self, path: PurePosixPath) -> bool:
        """Whether there is a file of that name."""
        with self._folder(path.parent) as folder:
            try:
                os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return False
        return True

    def write_new(self, path: PurePosixPath, data: bytes) -> None:
        """Write a file durably, or leave none; raises FileExistsError rather than replace one."""
        linked = False
        with self._folder(path.parent, create=True) as folder:
            try:
                with _temporary(path.name, data, folder) as temporary:
                    os.link(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                    linked = True
            except BaseException:
                if linked:  # else a file of that name is not this one
                    with suppress(OSError):
                        os.unlink(path.name, dir_fd=folder)
                raise

    def replace(self, path: PurePosixPath, data: bytes) -> None:
        """Write a file durably in place of the one that may be there."""
        with self._folder(path.parent) as folder, _temporary(path.name, data, folder) as temporary:
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file durably; no error if it is gone."""
        with suppress(FileNotFoundError), self._folder(path.parent) as folder:
            with suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=folder)
            os.fsync(folder)

    def paths(self) -> list[PurePosixPath]:
        """All files but hidden ones, in order; symlinked directories are not entered."""
        found = []
        for folder, _, names in os.walk(self._root):
            below = PurePosixPath(Path(folder).relative_to(self._root))
            found += [below / name for name in names if not name.startswith(".")]
        return sorted(found)

    def remove_stale(self) -> None:
        """Remove the hidden files of writes that a kill broke off; young ones may be another process's at work."""
        oldest = time.time() - _STALE
        for folder, _, names in os.walk(self._root):
            for path in (Path(folder, name) for name in names if _TEMPORARY.fullmatch(name)):
                with suppress(OSError):
                    if path.lstat().st_mtime < oldest:
                        path.unlink()

    def _open_root(self) -> int:
        return _open_folder(str(self._root), None, str(self._root))

    @contextmanager
    def _folder(self, below: PurePosixPath, create: bool = False) -> Iterator[int]:
        """Descriptor of a folder, each step on the way to it checked."""
        descriptor = self._open_root()
        try:
            for depth, name in enumerate(below.parts):
                if create:
                    _make_folder(name, descriptor)
                inner = _open_folder(name, descriptor, self.shown(PurePosixPath(*below.parts[: depth + 1])))
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def check_private(status: os.stat_result, shown: str) -> None:
    """Raise PERMISSIONS_TOO_OPEN unless we or root own it and nobody else has any access."""
    mode = stat.S_IMODE(status.st_mode)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise SignerdError(Reason.PERMISSIONS_TOO_OPEN, f"{shown} is neither a file nor a directory")
    if status.st_uid not in (os.geteuid(), 0):
        raise SignerdError(
            Reason.PERMISSIONS_TOO_OPEN,
            f"{shown} belongs to user {status.st_uid}, not to {os.geteuid()}; chown it to the daemon's user",
        )
    if mode & 0o077:
        wanted = "0700" if stat.S_ISDIR(status.st_mode) else "0600"
        raise SignerdError(
            Reason.PERMISSIONS_TOO_OPEN, f"{shown} has mode {mode:04o}; chmod {wanted} it, others have access"
        )


def _open_folder(name: str, parent: int | None, shown: str) -> int:
    descriptor = _open(name, _FOLDER, parent, shown)
    try:
        check_private(os.fstat(descriptor), shown)
    except SignerdError:
        os.close(descriptor)
        raise
    return descriptor


def _open(name: str, flags: int, parent: int | None, shown: str) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise SignerdError(Reason.PERMISSIONS_TOO_OPEN, f"{shown} is a symlink or not a directory") from None


def _make_folder(name: str, parent: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
        os.fsync(parent)


@contextmanager
def _temporary(name: str, data: bytes, folder: int) -> Iterator[str]:
    """Synced hidden file in the folder that is gone afterwards; the folder is synced too."""
    temporary = f".{name}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(temporary, _WRITE, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        os.fsync(folder)
