"""What can go wrong with a mirror."""

from __future__ import annotations


class MirrorFault(Exception):
    """The mirror can't be read or written; the text says why."""
