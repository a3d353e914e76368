"""Builds what proves the audit log to others: its shard, the checkpointer, witnesses and mirror."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from signerd.audit import checkpoints
from signerd.audit.log import Log
from signerd.audit.tree import TreeHead
from signerd.config_checkpoints import MirrorSection, WitnessSection
from signerd.engine.anchors import Anchors
from signerd.engine.checkpointer import Checkpointer, Timing
from signerd.engine.creation import Creator
from signerd.engine.log_key import LogKey
from signerd.engine.opening import OpenedShard, Opener, Place
from signerd.engine.outside import Outside
from signerd.errors import Reason, SignerdError
from signerd.instance import Wiring
from signerd.methods import utc_now
from signerd.ownership import private_directory
from signerd.providers.guard import Guarded
from signerd.rpc.keys import ANSWERS
from signerd.state.checkpoints import Checkpoints
from signerd.state.database import Database
from signerd.state.location import SqliteLocation
from signerd.state.shards import Shards
from signerd.telemetry import Telemetry

if TYPE_CHECKING:
    from signerd.mirrors.mirror import Mirror
    from signerd.mirrors.targets import Target
    from signerd.witnesses.quorum import Witnesses

OpenLog = Callable[[str, Sequence[TreeHead]], Awaitable[Log]]
"""Opens a log by its shard's name, which must agree with the heads."""
Load = Callable[[int], Awaitable[object]]
"""Raises STATE_TAMPERED where the state is older than a revision."""


async def open_shard(
    wiring: Wiring, database: Database, instance: str, telemetry: Telemetry, open_log: OpenLog, load: Load
) -> OpenedShard:
    """This worker's shard, or a new one where that was cut, put back or copied; raises CONFIG_INVALID and as Opener."""
    audit = wiring.config.audit
    private_directory(audit.directory, "audit.directory")
    check_packages(audit.witnesses, audit.mirror)

    def outside(shard: str) -> Outside:
        return outside_of(wiring, telemetry, instance, shard)

    return await Opener(
        shards=Shards(database, wiring.state_key),
        state=Checkpoints(database, wiring.state_key),
        place=Place(audit.directory, wiring.shards, f"{socket.gethostname()}:{audit.directory}"),
        instance=instance,
        open=open_log,
        outside=outside,
        load=load,
    ).opened()


def outside_of(wiring: Wiring, telemetry: Telemetry, instance: str, shard: str) -> Outside:
    """Witnesses and mirror of a shard."""
    audit = wiring.config.audit
    origin = checkpoints.origin(instance, shard)
    witnesses = built_witnesses(audit.witnesses, telemetry) if audit.witnesses else None
    mirror = built_mirror(audit.mirror, origin, audit.directory / shard) if audit.mirror else None
    if mirror is not None:
        telemetry.checkpoints.mirror_lag = 0
    return Outside(origin, audit.directory / shard, witnesses, mirror)


def built_witnesses(section: WitnessSection, telemetry: Telemetry) -> Witnesses:
    """The witnesses of the configuration; raises CONFIG_INVALID."""
    from signerd.witnesses.cosignatures import parse_vkey
    from signerd.witnesses.quorum import Witnesses
    from signerd.witnesses.witness import Address, Witness

    members = [
        Witness(Address(parse_vkey(one.key, f"audit.witnesses.members.{place}.key"), one.url))
        for place, one in enumerate(section.members)
    ]
    return Witnesses(
        members,
        section.quorum,
        section.timeout,
        required=section.required,
        count=telemetry.checkpoints.witness,
    )


def built_mirror(section: MirrorSection, origin: str, directory: Path) -> Mirror:
    """The mirror of the configuration, for the shard in a directory."""
    from signerd.mirrors.mirror import Mirror

    return Mirror(target_of(section, origin), directory, section.timeout)


def target_of(section: MirrorSection, origin: str) -> Target:
    """Where copies of a log go."""
    from signerd.connections.aws import Access
    from signerd.mirrors.targets import BucketTarget, DirectoryTarget

    if section.directory is not None:
        return DirectoryTarget(section.directory, origin)
    bucket, prefix = section.place
    access = Access(section.region or "", section.endpoint, section.profile)
    return BucketTarget(access, bucket, prefix, origin, min(section.timeout, 10.0))


def check_packages(witnesses: WitnessSection | None, mirror: MirrorSection | None) -> None:
    """Raise CONFIG_INVALID, naming the extra, where a package is missing."""
    needed = [("audit.witnesses", "aiohttp", "witnesses")] if witnesses else []
    if mirror is not None and mirror.bucket is not None:
        needed.append(("audit.mirror", "boto3", "aws"))
    for field, package, extra in needed:
        if find_spec(package) is None:
            raise SignerdError(
                Reason.CONFIG_INVALID,
                f"{field} needs the package {package}: pip install 'signerd[{extra}]'",
                field=field,
            )


def build_checkpointer(
    wiring: Wiring,
    database: Database,
    shard: OpenedShard,
    creator: Creator,
    telemetry: Telemetry,
) -> Checkpointer:
    """What makes this worker's checkpoints."""
    audit = wiring.config.audit
    providers: Mapping[str, Guarded] = creator.providers
    key = LogKey(
        keyring=creator.keyring,
        creator=creator,
        providers=providers,
        encode=ANSWERS["create-key"],
        provider=audit.provider or "",
        makes=wiring.worker == 0,
    )
    return Checkpointer(
        log=shard.log,
        key=key,
        state=Checkpoints(database, wiring.state_key),
        anchors=Anchors(shard.log, shard.outside, telemetry.checkpoints),
        timing=Timing(audit.checkpoint_interval, audit.heartbeat),
        meter=telemetry.checkpoints,
        shards=Shards(database, wiring.state_key),
        keeper="state database on this machine"
        if isinstance(wiring.location, SqliteLocation)
        else "state database",
        clock=utc_now,
        latest=shard.latest,
    )


def shard_warnings(shard: OpenedShard) -> tuple[str, ...]:
    """What an operator should know of the audit log as it was found."""
    before = shard.before
    if before is None:
        return ()
    return (f"audit log: shard {shard.log.shard} was begun {before.text()}",)
