"""The table of algorithms."""

from __future__ import annotations

from signerd.core.algorithms import DEFAULT, TABLE, Algorithm, Family
from signerd.core.jwks import jose_name
from tools.docs_text.tables import table

HEAD = ("name", "alias", "hash", "a digest can be signed", "JOSE `alg`", "encoding", "signs on")
ENCODINGS = {Family.ECDSA: "DER"}


def render() -> str:
    """One row for each algorithm, in the order of the code."""
    return table(HEAD, map(_row, TABLE))


def _row(algorithm: Algorithm) -> tuple[str, ...]:
    return (
        f"`{algorithm.name}`" + (" (default)" if algorithm is DEFAULT else ""),
        ", ".join(f"`{alias}`" for alias in algorithm.aliases),
        algorithm.hash.value if algorithm.hash else "",
        "yes" if algorithm.takes_digest else "no",
        f"`{jose}`" if (jose := jose_name(algorithm)) else "",
        ENCODINGS.get(algorithm.family, "raw"),
        "a thread" if algorithm.slow else "the event loop",
    )
