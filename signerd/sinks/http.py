"""CloudEvents 1.0 over HTTP, in structured batches; aiohttp is imported here, on first use."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signerd import __version__
from signerd.config_sinks import HttpSink, SinkTls
from signerd.errors import Reason, SignerdError
from signerd.exports.cloudevents import BATCH_TYPE, batch
from signerd.passwords import FilePassword
from signerd.sinks.base import Entry, Origin, TooLarge, Unaccepted
from signerd.sinks.tls import client_context

if TYPE_CHECKING:
    import aiohttp

TOKEN_SECONDS: Final = 60.0
_MOST_READ: Final = 1 << 16
_SUCCESS: Final = range(200, 300)
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_SECONDS: Final = re.compile("[0-9]{1,6}")


class HttpSender:
    """Sends each delivery as one POST. Raises CONFIG_INVALID where aiohttp is missing."""

    def __init__(self, section: HttpSink, origin: Origin) -> None:
        check_installed()
        self._section = section
        self._origin = origin
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._token_read = 0.0
        self._reopen = False

    async def send(self, entries: Sequence[Entry]) -> None:
        """Post a batch; any 2xx is an acceptance."""
        if self._reopen:
            self._reopen = False
            await self.close()
        try:
            await self._post(batch((entry.json for entry in entries), self._origin.instance))
        except BaseException:
            await self.close()  # other addresses, certificates and tokens next time
            raise

    async def _post(self, body: bytes) -> None:
        import aiohttp

        if self._session is None:
            context = await asyncio.to_thread(
                client_context, self._section.tls or SinkTls(), self._section.name
            )
            self._session = self._opened(context)
        headers = {"Content-Type": f"{BATCH_TYPE}; charset=UTF-8", **await self._authorization()}
        name = self._section.tls.server_name if self._section.tls else None
        try:
            async with self._session.post(
                self._section.url, data=body, headers=headers, allow_redirects=False, server_hostname=name
            ) as response:
                status, wait = response.status, response.headers.get("Retry-After", "")
                await response.content.read(_MOST_READ)
        except aiohttp.ClientError as error:
            raise Unaccepted(f"{type(error).__name__}: {error}"[:200]) from None
        if status not in _SUCCESS:
            raise refusal(status, wait)

    async def _authorization(self) -> dict[str, str]:
        file = self._section.token_file
        if file is None:
            return {}
        if not self._token or time.monotonic() - self._token_read > TOKEN_SECONDS:
            self._token = checked_token(await asyncio.to_thread(FilePassword(file)), file)
            self._token_read = time.monotonic()
        return {"Authorization": f"Bearer {self._token}"}

    def _opened(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, ssl=context),
            timeout=aiohttp.ClientTimeout(total=self._section.timeout),
            headers={"User-Agent": f"signerd/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def reopen(self) -> None:
        """Connect anew with the next delivery."""
        self._reopen = True

    async def close(self) -> None:
        """Close the connection and forget the token."""
        session, self._session = self._session, None
        self._token = ""
        if session is not None:
            await session.close()


def check_installed() -> None:
    """Raise CONFIG_INVALID unless aiohttp is there."""
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            "sinks of type http need aiohttp; install signerd[sinks]",
            field="audit.sinks",
        ) from None


def checked_token(token: bytes, file: Path) -> str:
    """A token as it may stand in a header (RFC 6750 section 2.1). Raises CONFIG_INVALID."""
    if _TOKEN.fullmatch(token):
        return token.decode()
    raise SignerdError(
        Reason.CONFIG_INVALID,
        f"the token in {file} has characters that no bearer token has",
        field="token_file",
    )


def refusal(status: int, retry_after: str) -> Unaccepted:
    """What a status other than 2xx means; `retry_after` in seconds, dates are passed over (RFC 9110 10.2.3)."""
    known = status in HTTPStatus._value2member_map_
    what = f"the server answered {status}{f' {HTTPStatus(status).phrase}' if known else ''}"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(what)
    return Unaccepted(what, float(_SECONDS.fullmatch(retry_after) is not None and retry_after))
