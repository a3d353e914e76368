"""hvac in threads: logins, and everything about keys but signing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from signerd.config_providers import VaultProvider as Section
from signerd.providers.vault.answers import Answer, Reader

if TYPE_CHECKING:
    import requests

_THREADS = 4
Client = Any
"""hvac's, which has no types. It is imported here alone."""

_T = TypeVar("_T")


class Admin:
    """Runs calls of hvac, which blocks, in a pool of its own; what comes back is never an exception of hvac's."""

    def __init__(self, name: str, section: Section, reader: Reader) -> None:
        import requests

        self._section = section
        self._reader = reader
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(section.ca) if section.ca else True
        if section.cert and section.key:
            self._session.cert = (str(section.cert), str(section.key))
        self._session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=_THREADS))
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_THREADS))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"vault-{name}")

    async def call(
        self, request: Callable[[Client], Any], what: str, token: str = "", seconds: float | None = None
    ) -> Answer:
        """Run a request with that token; `seconds` limit it, those of a call by default.

        Raises PROVIDER_UNAVAILABLE and PROVIDER_TIMEOUT where there is no answer.
        """

        def run() -> Answer:
            return _answer(request(self._client(token, seconds or self._section.call)))

        import requests

        try:
            return await self.in_pool(run)
        except requests.RequestException as error:
            timeout = isinstance(error, requests.Timeout)
            raise self._reader.unreachable(error, what, timeout=timeout) from None

    async def in_pool(self, function: Callable[[], _T]) -> _T:
        """Run something that blocks, such as reading a file."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Give threads and connections back."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _client(self, token: str, seconds: float) -> Client:
        """A client for one request. Nothing is taken from the environment, and redirects don't get the token.

        Lists are asked for with GET: not everything between us and Vault knows the method LIST.
        """
        import hvac
        from hvac.adapters import RawAdapter

        return hvac.Client(
            url=self._section.address,
            token=token,
            namespace=self._section.namespace,
            session=self._session,
            verify=self._session.verify,
            cert=self._session.cert or (),
            timeout=seconds,
            allow_redirects=False,
            adapter=RawAdapter,
            ignore_exceptions=True,
            strict_http=True,
        )


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.content, retry_seconds(response.headers.get("Retry-After")))


def retry_seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3); dates are not understood."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
