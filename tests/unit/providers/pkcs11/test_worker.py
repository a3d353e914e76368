"""What the worker process says, with a token played by the test: every request gets one answer, in its turn."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pkcs11
import pytest

from signerd.providers.pkcs11.frames import (
    Answer,
    Done,
    Failed,
    Find,
    Hello,
    Kind,
    Ready,
    Request,
    Signed,
    Splitter,
    answers,
    encode,
)
from signerd.providers.pkcs11.spawning import COMMAND
from signerd.providers.pkcs11.worker import Server

HELLO = Hello(1, "/module.so", "token", "", "1234")
READY = Ready(1, "token", "1", "maker", "model", {})


class Played:
    """A token that answers, or raises, as the test says for a number."""

    opening: Exception | None = None
    raises: dict[int, Exception]
    closed: int

    def __init__(self, hello: Hello) -> None:
        if Played.opening is not None:
            raise Played.opening

    def ready(self, number: int) -> Ready:
        return READY

    def answer(self, request: Request) -> Answer:
        if request.number in Played.raises:
            raise Played.raises[request.number]
        return Done(request.number)

    def close(self) -> None:
        Played.closed += 1


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    Played.opening, Played.raises, Played.closed = None, {}, 0
    monkeypatch.setattr("signerd.providers.pkcs11.token.Token", Played)


class Worker:
    """A server in a thread, and the daemon's end of its socket."""

    def __init__(self) -> None:
        self.socket, self._theirs = socket.socketpair()
        self.socket.settimeout(20)
        self.code: int | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._theirs:
            self.code = Server(self._theirs).serve()

    def put(self, *given: Request) -> None:
        self.socket.sendall(b"".join(map(encode, given)))

    def end(self) -> int | None:
        self.socket.shutdown(socket.SHUT_WR)
        return self.join()

    def join(self) -> int | None:
        self._thread.join(20)
        return self.code

    def answered(self) -> list[Answer]:
        """All answers, up to where the worker hangs up."""
        splitter, given = Splitter(), []
        while data := self.socket.recv(1 << 16):
            given += [answers.decode(body) for body in splitter.feed(data)]
        return given


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.socket.close()
    made.join()


def test_requests_are_answered_in_their_order(worker: Worker) -> None:
    worker.put(HELLO, *(Find(number) for number in range(2, 300)))
    assert worker.end() == 0
    assert worker.answered() == [READY, *(Done(number) for number in range(2, 300))]
    assert Played.closed == 1, "it logs out"


def test_requests_that_arrive_byte_by_byte(worker: Worker) -> None:
    for byte in encode(HELLO) + encode(Find(2)):
        worker.socket.sendall(bytes([byte]))
    assert worker.end() == 0
    assert worker.answered() == [READY, Done(2)]


def test_a_daemon_that_hangs_up_ahead_of_its_answers_is_no_fault(worker: Worker) -> None:
    worker.put(HELLO, *(Find(number) for number in range(2, 20_000)))
    worker.socket.close()
    assert worker.join() == 0
    assert Played.closed == 1, "it logs out all the same"


def test_nothing_is_done_before_the_hello(worker: Worker) -> None:
    worker.put(Find(1))
    worker.end()
    assert worker.answered() == [Failed(1, Kind.REFUSED, "no token was opened")]


def test_a_failure_is_the_answer_to_its_request_only(worker: Worker) -> None:
    Played.raises = {3: pkcs11.MechanismInvalid(), 4: pkcs11.KeySizeRange("too small")}
    worker.put(HELLO, Find(2), Find(3), Find(4), Find(5))
    assert worker.end() == 0
    assert worker.answered() == [
        READY,
        Done(2),
        Failed(3, Kind.UNSUPPORTED, "MechanismInvalid"),
        Failed(4, Kind.UNSUPPORTED, "KeySizeRange: too small"),
        Done(5),
    ]


@pytest.mark.parametrize("lost", [pkcs11.DeviceRemoved(), MemoryError(), RuntimeError("CKR 0x80000007")])
def test_what_came_before_a_lost_session_is_still_told(worker: Worker, lost: Exception) -> None:
    Played.raises = {3: lost}
    worker.put(HELLO, Find(2), Find(3), Find(4))
    given = worker.answered()
    assert given[:2] == [READY, Done(2)]
    assert [(one.number, one.kind) for one in given[2:] if isinstance(one, Failed)] == [(3, Kind.UNAVAILABLE)]
    assert len(given) == 3, "requests behind it are put to the next worker"
    worker.end()
    assert worker.code == 1


@pytest.mark.parametrize("pin", [pkcs11.PinIncorrect(), pkcs11.PinLocked(), pkcs11.PinExpired()])
def test_a_refused_pin_is_told_and_does_not_end_the_worker(worker: Worker, pin: Exception) -> None:
    Played.opening = pin
    worker.put(HELLO, Find(2))
    assert worker.end() == 0
    assert worker.answered() == [
        Failed(1, Kind.PIN, type(pin).__name__),
        Failed(2, Kind.REFUSED, "no token was opened"),
    ]
    assert Played.closed == 0


def process(parent: int, ours: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        (*COMMAND, str(parent)), stdin=ours.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(30)
        yield ours, theirs


def hang_up(ours: socket.socket) -> None:
    ours.close()


def send_garbage(ours: socket.socket) -> None:
    ours.sendall(b"\xff\xff\xff\xff")


def send_half(ours: socket.socket) -> None:
    ours.sendall(encode(HELLO)[:-3])
    ours.close()


def send_an_answer(ours: socket.socket) -> None:
    ours.sendall(encode(Signed(1, b"")))


@pytest.mark.parametrize(
    ("say", "fine"), [(hang_up, True), (send_half, True), (send_garbage, False), (send_an_answer, False)]
)
def test_the_process_ends_by_itself(
    pair: tuple[socket.socket, socket.socket], say: Callable[[socket.socket], None], fine: bool
) -> None:
    ours, theirs = pair
    started = process(os.getpid(), theirs)
    theirs.close()
    say(ours)
    assert (started.wait(60) == 0) is fine


def test_a_process_whose_parent_is_another_does_not_start(pair: tuple[socket.socket, socket.socket]) -> None:
    """It was left behind by a parent that died while it started."""
    started = process(1, pair[1])
    assert started.wait(60) != 0
