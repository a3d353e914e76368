"""What a worker needs before it is wired: its providers behind their guards, and its audit log."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence

import structlog

from signerd.audit.log import Listener as LogListener
from signerd.audit.log import Log, Tuning, open_log
from signerd.audit.tree import TreeHead
from signerd.config import Config
from signerd.config_providers import ProviderSection
from signerd.engine.budgets import Budgets, Rate
from signerd.engine.keyring import Keyring
from signerd.engine.recorder import Recorder
from signerd.engine.refusals import Refusals
from signerd.instance import Wiring
from signerd.providers.base import Setup
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, VerifyAfterSign
from signerd.providers.registry import build
from signerd.sinks.fanout import Fanout
from signerd.state.orders import Owner
from signerd.telemetry import Telemetry

logger = structlog.get_logger(__name__)


def build_providers(wiring: Wiring, telemetry: Telemetry) -> dict[str, Guarded]:
    """All configured providers by name; raises what `guarded` does."""
    config = wiring.config
    return {
        name: guarded(Setup(name, section, wiring.secrets.get(name, {}), config.workers), telemetry)
        for name, section in config.providers.items()
    }


def guarded(setup: Setup, telemetry: Telemetry) -> Guarded:
    """A provider behind its guard; raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN and what the provider raises."""
    section = setup.section
    outside = isinstance(section, ProviderSection)
    return Guarded(
        setup.name,
        section.type,
        build(section.type, setup),
        verify_after_sign=VerifyAfterSign(getattr(section, "verify_after_sign", "always")),
        limits=Limits(section.call, section.create, section.concurrent) if outside else None,
        meter=telemetry.providers,
    )


def build_recorder(config: Config, log: Log, keyring: Keyring) -> Recorder:
    """What puts requests on record, within the budgets of those who ask."""
    budget = config.audit.budget
    budgets = Budgets(Rate(budget.records, budget.burst))
    return Recorder(log, lambda: keyring.revision, budgets, Refusals(budget.refusals))


def owner(wiring: Wiring) -> Owner:
    """Whose the orders of this worker are: nobody else has its audit directory, and each life is another."""
    place = f"{socket.gethostname()}:{wiring.config.audit.directory}/{wiring.shards}"
    return Owner(place, secrets.token_hex(8))


async def open_audit_log(
    wiring: Wiring,
    instance: str,
    telemetry: Telemetry,
    fanout: Fanout,
    shard: str,
    known: Sequence[TreeHead],
) -> Log:
    """A log of this worker; what is durable goes to `fanout`. Raises what opening it does."""
    audit = wiring.config.audit

    def on_health(healthy: bool, detail: str) -> None:
        if healthy:
            logger.info("audit log can be written again")
        else:
            logger.error("audit log can't be written", detail=detail)

    def on_warnings(warnings: Sequence[str]) -> None:
        logger.warning("audit log", detail="; ".join(warnings) or "all is well again")

    return await open_log(
        audit.directory,
        shard,
        instance=instance,
        known=known,
        tuning=Tuning(gather=audit.gather, segment_bytes=audit.segment, reserve=audit.reserve),
        listener=LogListener(on_health, telemetry.count, on_warnings, fanout.release),
    )


async def start_sinks(wiring: Wiring, instance: str, log: Log, fanout: Fanout) -> None:
    """Have the sinks follow the log from where they were; raises what starting them does."""
    config = wiring.config
    await fanout.start(
        log, instance=instance, directory=config.audit.directory / log.shard, positions=config.home / "sinks"
    )
