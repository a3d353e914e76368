"""Settings of witnesses and the mirror: what is refused says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.anchoring import built_witnesses, target_of
from signerd.config import Config
from signerd.config_file import ConfigInvalid, read
from signerd.errors import Reason, SignerdError
from signerd.mirrors.targets import BucketTarget, DirectoryTarget
from signerd.telemetry import Telemetry
from tests.support.servers.witness import StandIn

ONE, TWO = StandIn(), StandIn("witness.example/w2")


def config(audit: str) -> Config:
    return read(f"audit: {audit}\n".encode(), "config.yaml", Path("/srv"), {"SIGNERD_HOME": "/srv/signerd"})


def member(witness: StandIn) -> str:
    return f"{{key: '{witness.vkey}', url: 'https://w.example'}}"


def test_without_them_there_are_none() -> None:
    audit = config("{}").audit
    assert (audit.witnesses, audit.mirror, audit.provider) == (None, None, None)
    assert (audit.checkpoint_interval, audit.heartbeat) == (5.0, 300.0)


def test_witnesses_are_built_as_configured() -> None:
    text = f"{{witnesses: {{quorum: 2, required: true, members: [{member(ONE)}, {member(TWO)}]}}}}"
    section = config(text).audit.witnesses
    assert section is not None
    built = built_witnesses(section, Telemetry())
    assert [one.name for one in built.members] == [ONE.name, TWO.name]
    assert (built.quorum, built.required) == (2, True)


def test_a_mistyped_key_is_told_with_its_place() -> None:
    wrong = ONE.vkey.replace("/w1+", "/w9+")
    text = f"{{witnesses: {{members: [{member(TWO)}, {{key: '{wrong}', url: 'https://w.example'}}]}}}}"
    section = config(text).audit.witnesses
    assert section is not None
    with pytest.raises(SignerdError, match="mistyped") as caught:
        built_witnesses(section, Telemetry())
    assert (caught.value.reason, caught.value.field) == (
        Reason.CONFIG_INVALID,
        "audit.witnesses.members.1.key",
    )


@pytest.mark.parametrize(
    ("mirror", "kind"),
    [
        ("{directory: /mnt/copies}", DirectoryTarget),
        ("{bucket: 's3://copies/signerd', region: eu-central-1}", BucketTarget),
        ("{bucket: 's3://copies', region: eu-central-1, endpoint: 'http://127.0.0.1:9000'}", BucketTarget),
    ],
)
def test_a_mirror_is_a_directory_or_a_bucket(mirror: str, kind: type[object]) -> None:
    section = config(f"{{mirror: {mirror}}}").audit.mirror
    assert section is not None
    assert isinstance(target_of(section, "0123/worker-0"), kind)


def test_bucket_and_prefix() -> None:
    section = config("{mirror: {bucket: 's3://copies/a/b', region: eu-central-1}}").audit.mirror
    assert section is not None
    assert section.place == ("copies", "a/b")


@pytest.mark.parametrize(
    ("audit", "problem"),
    [
        ("{witnesses: {members: []}}", "is empty"),
        (f"{{witnesses: {{quorum: 2, members: [{member(ONE)}]}}}}", "larger than the number of members, 1"),
        (f"{{witnesses: {{members: [{member(ONE)}, {member(ONE)}]}}}}", "a witness twice"),
        ("{witnesses: {members: [{key: w1, url: 'https://w'}]}}", "characters that are not allowed"),
        (f"{{witnesses: {{members: [{{key: '{ONE.vkey}', url: 'ftp://w'}}]}}}}", "not allowed"),
        ("{mirror: {}}", "either directory or bucket"),
        (
            "{mirror: {directory: /a, bucket: 's3://copies', region: eu-central-1}}",
            "either directory or bucket",
        ),
        ("{mirror: {bucket: 's3://copies'}}", "region"),
        ("{mirror: {directory: /a, region: eu-central-1}}", "no meaning for a directory"),
        ("{mirror: {bucket: copies, region: eu-central-1}}", "not allowed"),
        ("{provider: hsm}", "not one of providers"),
        ("{checkpoint_interval: 0s}", "at least 0.1"),
        ("{heartbeat: 2d}", "at most 86400"),
    ],
)
def test_what_is_refused(audit: str, problem: str) -> None:
    with pytest.raises(ConfigInvalid, match=problem):
        config(audit)
