"""Bytes near valid ones: what hypothesis makes of examples by changing, cutting, doubling and exchanging parts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

PIECES = [
    b"\n",
    b"\n\n",
    b" ",
    b"\t",
    b"+",
    b"=",
    b"0",
    b"x",
    b"\xe2\x80\x94 ",
    b"\xc2\xa0",
    b"\r",
    b"/",
    b"\x00",
    b"\xff",
]


@st.composite
def mutants(draw: st.DrawFn, examples: Sequence[bytes]) -> bytes:
    data = draw(st.sampled_from(list(examples)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 40)))
        put = draw(
            st.one_of(
                st.sampled_from(PIECES),
                st.binary(max_size=4),
                st.just(data[at:end] * 2),
                st.just(data[at:end].swapcase()),
                st.just(b""),
            )
        )
        data = data[:at] + put + data[end:]
    return data
