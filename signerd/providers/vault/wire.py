"""Signatures over HTTP: one session, connections kept open, and the answers taken apart."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from signerd.config_providers import VaultProvider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.vault.admin import retry_seconds
from signerd.providers.vault.answers import Answer, Reader
from signerd.providers.vault.keys import KeyUse
from signerd.providers.vault.tokens import Tokens

if TYPE_CHECKING:
    import aiohttp

_KEEP_ALIVE = 60.0


class _Signature(msgspec.Struct):
    """A signature, `vault:vN:BASE64`, or the error of one item of a batch."""

    signature: str = ""
    error: str = ""


class _Signatures(_Signature):
    batch_results: list[_Signature] | None = None


class _SignAnswer(msgspec.Struct):
    data: _Signatures


Outcome = bytes | SignerdError


class Wire:
    """Sends inputs to transit's `sign`, several of one key in one request."""

    def __init__(self, section: Section, tokens: Tokens, reader: Reader) -> None:
        self._section = section
        self._tokens = tokens
        self._reader = reader
        self._tls = _tls(section)
        self._session: aiohttp.ClientSession | None = None

    async def sign(self, use: KeyUse, inputs: Sequence[bytes]) -> list[Outcome]:
        """The signature of each input, or its error; raises where all fail together."""
        what = f"sign with {use.uri}"
        encoded = [base64.b64encode(one).decode() for one in inputs]
        content: dict[str, object] = (
            {"input": encoded[0]}
            if len(encoded) == 1
            else {"batch_input": [{"input": one} for one in encoded]}
        )
        body = msgspec.json.encode({**use.parameters(), **content})
        url = f"{self._section.address.rstrip('/')}/v1/{use.uri.mount}/sign/{use.uri.name}"
        answer = await self._tokens.send(lambda token: self._put(url, body, token, what))
        data = self._reader.data(self._reader.checked(answer, what), _SignAnswer, what).data
        results = [data] if len(encoded) == 1 else data.batch_results or []
        if len(results) != len(encoded):
            raise self._reader.wrong(f"{len(results)} results for {len(encoded)} inputs", what)
        return [self._outcome(one, use, what) for one in results]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _put(self, url: str, body: bytes, token: str, what: str) -> Answer:
        import aiohttp

        if self._session is None:
            self._session = self._opened()
        try:
            # PUT is repeated by the client when a connection that was kept open turns out to be closed.
            async with self._session.put(
                url, data=body, headers={"X-Vault-Token": token}, allow_redirects=False
            ) as response:
                return Answer(
                    response.status, await response.read(), retry_seconds(response.headers.get("Retry-After"))
                )
        except TimeoutError as error:
            raise self._reader.unreachable(error, what, timeout=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._reader.unreachable(error, what, timeout=False) from None

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        section = self._section
        headers = {"X-Vault-Request": "true", "Content-Type": "application/json"}
        if section.namespace:
            headers["X-Vault-Namespace"] = section.namespace
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=section.concurrent, ssl=self._tls, keepalive_timeout=_KEEP_ALIVE
            ),
            timeout=aiohttp.ClientTimeout(total=section.call),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _outcome(self, result: _Signature, use: KeyUse, what: str) -> Outcome:
        if result.error:
            return self._reader.item_refused(result.error, what)
        head, _, value = result.signature.rpartition(":")
        if head != f"vault:v{use.uri.number}":
            return self._reader.wrong(f"a signature of another version ({head[:32]!r})", what)
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return self._reader.wrong("a signature that is not base64", what)


def _tls(section: Section) -> ssl.SSLContext:
    """What connections are made with; raises CONFIG_INVALID where a file can't be used."""
    try:
        context = ssl.create_default_context(cafile=section.ca)
        if section.cert and section.key:
            context.load_cert_chain(section.cert, section.key)
    except (OSError, ssl.SSLError) as error:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"ca, cert or key can't be used: {type(error).__name__}; they are PEM files",
            field="providers.ca",
        ) from None
    return context
