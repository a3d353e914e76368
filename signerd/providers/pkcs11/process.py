"""The worker process of a PKCS#11 provider: started, logged in, watched, and started again when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from signerd.config_providers import Pkcs11Provider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Health
from signerd.providers.failures import failed
from signerd.providers.pkcs11.channel import Broken, Channel, next_number
from signerd.providers.pkcs11.frames import Failed, Hello, Kind, Ready
from signerd.providers.pkcs11.spawning import Spawned, Spawner

START_SECONDS = 10.0
"""For loading the module and logging in: network modules take seconds for it."""
_CLOSE_SECONDS = 1.0
_PIN_SECONDS = 1.0
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 5.0
_LONGEST_AFTER_USE = 0.25
_CALM = 5.0

_log = logging.getLogger(__name__)


def pause(failures: int, usable: bool) -> float:
    """Seconds until a worker is started again, after so many were lost in a row; `usable` if the last had logged in."""
    longest = _LONGEST_AFTER_USE if usable else _LONGEST_PAUSE
    return float(min(longest, _FIRST_PAUSE * 2 ** min(failures, 16)))


class WorkerProcess:
    """Keeps one worker with an open token. A refused PIN is not tried again until its source gives another one."""

    def __init__(
        self, name: str, section: Section, pin: Callable[[], bytes], on_ready: Callable[[Ready], None]
    ) -> None:
        self._name = name
        self._on_ready = on_ready
        self._section = section
        self._pin = pin
        self._channel: Channel | None = None
        self._spawner = Spawner(section.environment)
        self._spawned: Spawned | None = None
        self._trouble: tuple[Reason, str] | None = None
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.ready: Ready | None = None

    def health(self) -> Health:
        """Whether the token is open, and why it is not."""
        if self._channel is not None and self.ready is not None:
            return Health(True, f"token {self.ready.token!r} (serial {self.ready.serial}) is open")
        return Health(False, self._trouble[1] if self._trouble else "the token is being opened")

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None where none runs."""
        return self._spawned.process.pid if self._spawned else None

    def start(self) -> None:
        """Begin to open the token, unless that was done; needs a running loop."""
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"pkcs11 {self._name}")

    async def opened(self) -> Channel:
        """The channel to a worker that is logged in; waits for one that is starting, raises why there is none."""
        self.start()
        while (channel := self._channel) is None:
            if self._trouble is not None:
                raise SignerdError(*self._trouble, retry_after=1.0)
            if self._closed:
                raise self._unavailable("is closed")
            await self._settled.wait()
        return channel

    async def close(self) -> None:
        """End the worker: it logs out, or is killed."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._channel is not None:
            self._channel.close()
        await self._end(_CLOSE_SECONDS)
        await self._spawner.close()
        self._channel = None
        self._settled.set()

    async def _keep(self) -> None:
        failures = 0
        while True:
            refused = await self._attempt()
            begun = asyncio.get_running_loop().time()
            channel = self._channel
            if usable := channel is not None:
                await channel.lost.wait()
                await self._clear_away(channel)
            if refused is not None:
                await self._another_pin(refused)
            calm = usable and asyncio.get_running_loop().time() - begun > _CALM
            failures = 0 if calm else failures + 1
            await asyncio.sleep(pause(failures, usable))

    async def _attempt(self) -> bytes | None:
        """Try to open the token once; gives a PIN that was refused."""
        pin = b""
        try:
            pin = await asyncio.to_thread(self._pin)
            self._channel = await self._open(pin.decode())
            self._trouble = None
            self._spawner.prepare()
            _log.info("provider %s: token open in worker %s", self._name, self.pid)
        except SignerdError as error:
            self._trouble = error.reason, error.message
        except UnicodeDecodeError:
            self._trouble = Reason.PROVIDER_DENIED, f"provider {self._name!r}: the PIN is not UTF-8"
        except OSError as error:
            self._trouble = self._told(Reason.PROVIDER_UNAVAILABLE, error, "no worker can be started")
        except Exception as error:  # noqa: BLE001 - calls would wait for ever if this ended
            kind = type(error).__name__
            self._trouble = self._told(Reason.PROVIDER_UNAVAILABLE, kind, "the token can't be opened")
        if self._channel is None:
            await self._end(0)
        self._settled.set()
        return pin if self._trouble and self._trouble[0] is Reason.PROVIDER_DENIED else None

    async def _open(self, pin: str) -> Channel:
        self._spawned = self._spawner.take()
        ours = self._spawned.connection
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: Channel(self._drop), sock=ours)
        try:
            return await self._greeted(channel, pin)
        except BaseException:
            channel.close()
            raise

    async def _greeted(self, channel: Channel, pin: str) -> Channel:
        section = self._section
        number = next_number()
        hello = Hello(number, str(section.module), section.token or "", section.serial or "", pin)
        try:
            answer = await channel.ask(hello, START_SECONDS)
        except Broken as broken:
            reason = Reason.PROVIDER_TIMEOUT if broken.timed_out else Reason.PROVIDER_UNAVAILABLE
            await self._end(0.1)
            raise SignerdError(
                *self._told(reason, self._ending(), "the module failed while the token was opened")
            ) from None
        if isinstance(answer, Ready):
            self.ready = answer
            self._on_ready(answer)
            return channel
        assert isinstance(answer, Failed)  # noqa: S101 - the worker gives no other answer to a hello
        raise SignerdError(*self._refused(answer, pin))

    def _refused(self, answer: Failed, pin: str) -> tuple[Reason, str]:
        if answer.kind is Kind.PIN:
            what = "the PIN is not tried again until its source gives another one"
            return self._told(
                Reason.PROVIDER_DENIED, answer.detail, f"{_pin_problem(answer.detail)}; {what}", pin
            )
        if answer.kind is Kind.REFUSED:
            return self._told(
                Reason.PROVIDER_REFUSED, answer.detail, "several tokens have that label; set serial", pin
            )
        what = f"the token can't be opened: {_open_problem(answer.detail)}"
        return self._told(Reason.PROVIDER_UNAVAILABLE, answer.detail, what, pin)

    def _told(self, reason: Reason, vendor: object, what: str, pin: str = "") -> tuple[Reason, str]:
        """Log what went wrong, once for as long as it stays the same."""
        message = f"provider {self._name!r}: {what}"
        if self._trouble != (reason, message):
            failed(_log, self._name, reason, vendor, secrets=(pin,) if pin else (), what=what)
        return reason, message

    def _drop(self, channel: Channel) -> None:
        """Take note that a worker is lost: from now on requests wait for the next one."""
        if self._channel is channel:
            self._channel = None
            self._settled.clear()

    async def _clear_away(self, channel: Channel) -> None:
        await self._end(0 if channel.frozen else 0.1)
        why = "did not answer in time and was killed" if channel.frozen else self._ending()
        _log.warning("provider %s: worker %s; another one is started", self._name, why)

    async def _another_pin(self, refused: bytes) -> None:
        """Wait until the source gives another PIN: each wrong one may be the last that the token takes."""
        while True:
            await asyncio.sleep(_PIN_SECONDS)
            with contextlib.suppress(SignerdError):
                if await asyncio.to_thread(self._pin) != refused:
                    return

    async def _end(self, patience: float) -> None:
        if self._spawned is not None:
            await self._spawned.end(patience)

    def _ending(self) -> str:
        return self._spawned.ending if self._spawned else "was not started"

    def _unavailable(self, what: str) -> SignerdError:
        return SignerdError(Reason.PROVIDER_UNAVAILABLE, f"provider {self._name!r} {what}")


def _pin_problem(detail: str) -> str:
    known = {
        "PinLocked": "the PIN is locked; the token's security officer must set a new one",
        "PinFinalTry": "only one try of the PIN is left, which signerd does not use; log in once by other means",
        "PinExpired": "the PIN has expired; set a new one",
        "UserPinNotInitialized": "the token has no user PIN",
    }
    return known.get(detail.partition(":")[0], "the token does not take the PIN")


def _open_problem(detail: str) -> str:
    if "loading" in detail:
        return "the module can't be loaded"
    return "no slot has it" if detail.startswith("no slot") else detail.partition(":")[0][:64]
