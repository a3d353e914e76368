"""The token is kept good by a task that nothing ends, with the time in the test's hand."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from signerd.errors import Reason, SignerdError
from signerd.providers.vault.answers import Answer
from signerd.providers.vault.login import Token
from signerd.providers.vault.tokens import Tokens


class Vault:
    """Gives out t1, t2 …; `fault` is raised where it is set."""

    def __init__(self) -> None:
        self.logins = self.refreshed = 0
        self.lease, self.renewable = 90.0, True
        self.revoked: list[str] = []
        self.fault: Exception | None = None
        self.slow = asyncio.Event()
        self.slow.set()

    async def login(self) -> Token:
        await self.slow.wait()
        if self.fault is not None:
            raise self.fault
        self.logins += 1
        return Token(f"t{self.logins}", self.lease, self.renewable, ours=True)

    async def refresh(self, token: Token) -> Token:
        if self.fault is not None:
            raise self.fault
        self.refreshed += 1
        return token if self.renewable else await self.login()

    async def revoke(self, token: Token) -> None:
        self.revoked.append(token.value)


class Time:
    """Sleepers wait until `pass_` lets them on; `asked` are the seconds they wanted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[float] = []
        self._turn = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._turn.acquire()

    async def pass_(self) -> None:
        self._turn.release()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def vault() -> Vault:
    return Vault()


@pytest_asyncio.fixture
async def time() -> Time:
    return Time()


@pytest_asyncio.fixture
async def tokens(vault: Vault, time: Time) -> AsyncIterator[Tokens]:
    made = Tokens("v", vault, clock=lambda: time.now, sleep=time.sleep)
    yield made
    await made.close()


class Server:
    """Takes only these tokens."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.seen: list[str] = []

    async def __call__(self, token: str) -> Answer:
        self.seen.append(token)
        return Answer(200 if token in self.good else 403, b"{}")


DOWN = SignerdError(Reason.PROVIDER_UNAVAILABLE, "it is sealed")


async def test_one_log_in_for_all_who_wait(tokens: Tokens, vault: Vault) -> None:
    server = Server("t1")
    vault.slow.clear()
    calls = [asyncio.create_task(tokens.send(server)) for _ in range(4)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.sleep(0)
    vault.slow.set()
    assert [answer.status for answer in await asyncio.gather(*calls[1:])] == [200] * 3
    assert vault.logins == 1


async def test_a_log_in_that_failed_is_tried_again(tokens: Tokens, vault: Vault) -> None:
    vault.fault = DOWN
    with pytest.raises(SignerdError):
        await tokens.send(Server("t1"))
    assert tokens.trouble == "it is sealed"
    vault.fault = None
    assert (await tokens.send(Server("t1"))).status == 200
    assert tokens.trouble == ""


async def test_a_lost_token_is_replaced_once(tokens: Tokens, vault: Vault) -> None:
    server = Server("t1")
    await tokens.send(server)
    server.good = {"t2"}
    answers = await asyncio.gather(*(tokens.send(server) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert vault.logins == 2
    assert vault.revoked == ["t1"]


async def test_a_refusal_that_a_log_in_does_not_mend_is_one(tokens: Tokens, vault: Vault, time: Time) -> None:
    server = Server()
    for _ in range(3):
        assert (await tokens.send(server)).status == 403
    assert vault.logins == 2
    time.now += 5
    await tokens.send(server)
    assert vault.logins == 3


async def test_a_refusal_that_nobody_minds_makes_no_log_in(tokens: Tokens, vault: Vault) -> None:
    assert (await tokens.send(Server(), insist=False)).status == 403
    assert vault.logins == 1


async def test_the_same_token_again_is_no_other(tokens: Tokens, vault: Vault, time: Time) -> None:
    given = Token("given")

    async def login() -> Token:
        return given

    vault.login = login  # type: ignore[method-assign]
    server = Server()
    assert (await tokens.send(server)).status == 403
    assert server.seen == ["given"]
    assert vault.revoked == []


async def test_renewal_comes_ahead_of_the_end(tokens: Tokens, vault: Vault, time: Time) -> None:
    await tokens.send(Server("t1"))
    await asyncio.sleep(0)
    assert 54 <= time.asked[0] <= 60
    for _ in range(3):
        await time.pass_()
    assert (vault.refreshed, vault.logins) == (3, 1)


async def test_a_token_that_can_not_be_renewed_is_replaced(tokens: Tokens, vault: Vault, time: Time) -> None:
    vault.renewable = False
    server = Server("t1", "t2")
    await tokens.send(server)
    await time.pass_()
    await tokens.send(server)
    assert server.seen == ["t1", "t2"]
    assert vault.revoked == ["t1"]


@pytest.mark.parametrize("other", ["t1", "t9"])
async def test_a_renewal_that_a_log_in_overtakes_changes_nothing(
    tokens: Tokens, vault: Vault, time: Time, other: str
) -> None:
    renewed = asyncio.Event()

    async def refresh(token: Token) -> Token:
        await renewed.wait()
        return Token(other, ours=True)

    vault.refresh = refresh  # type: ignore[method-assign]
    server = Server("t1")
    await tokens.send(server)
    await time.pass_()
    server.good = {"t2"}
    await tokens.send(server)
    renewed.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await tokens.send(server)).status == 200
    assert "t2" not in vault.revoked
    assert ("t9" in vault.revoked) == (other == "t9")


@pytest.mark.parametrize("fault", [DOWN, LookupError("a defect with s.secretsecretsecretsecret")])
async def test_nothing_ends_the_renewal(tokens: Tokens, vault: Vault, time: Time, fault: Exception) -> None:
    await tokens.send(Server("t1"))
    vault.fault = fault
    for _ in range(8):
        await time.pass_()
    assert time.asked[1:9] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert tokens.trouble
    assert "s.secret" not in tokens.trouble
    vault.fault = None
    await time.pass_()
    assert vault.refreshed == 1
    assert tokens.trouble == ""
    assert time.asked[9] >= 54


async def test_a_token_without_a_lease_is_looked_at_now_and_then(
    tokens: Tokens, vault: Vault, time: Time
) -> None:
    vault.lease = 0
    await tokens.send(Server("t1"))
    await asyncio.sleep(0)
    assert time.asked == [3600]


async def test_closing_revokes_and_stops(tokens: Tokens, vault: Vault) -> None:
    await tokens.send(Server("t1"))
    renewal = tokens._renewal
    assert renewal is not None
    await tokens.close()
    await asyncio.wait([renewal])
    assert renewal.cancelled()
    assert vault.revoked == ["t1"]


def test_a_token_does_not_show() -> None:
    assert "t1" not in repr(Token("t1", 1.0))
