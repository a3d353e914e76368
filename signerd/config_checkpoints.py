"""Settings of what proves the audit log to others: witnesses and a mirror. Durations are in seconds."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from signerd.config_providers import Url
from signerd.config_values import Duration, FilePath, Section, problem


class WitnessMember(Section):
    """One witness: its verifier key `NAME+HASH+BASE64` (type 0x04), and its submission prefix."""

    key: Annotated[str, Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$")]
    url: Url


class WitnessSection(Section):
    """Witnesses, and how many of them a checkpoint needs.

    `timeout` limits each call. Where they are `required`, whoever waits for a proof waits for the quorum too.
    """

    members: Annotated[tuple[WitnessMember, ...], Field(strict=False, min_length=1, max_length=16)]
    quorum: Annotated[int, Field(ge=1, le=16)] = 1
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    required: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.quorum > len(self.members):
            raise problem("quorum", f"is larger than the number of members, {len(self.members)}")
        keys = [member.key for member in self.members]
        if len(set(keys)) < len(keys):
            raise problem("members", "has a witness twice")
        return self


class MirrorSection(Section):
    """Where the log is copied: a `directory`, or a `bucket` as `s3://BUCKET/PREFIX`.

    Credentials for S3 come from the SDK's default chain, or from a `profile` of its files. `timeout` limits each copy.
    """

    directory: FilePath | None = None
    bucket: (
        Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()/-]*)?$")] | None
    ) = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    endpoint: Url | None = None
    profile: str | None = None
    timeout: Annotated[Duration, Field(gt=0, le=3600)] = 60.0

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and prefix."""
        bucket, _, prefix = (self.bucket or "").removeprefix("s3://").partition("/")
        return bucket, prefix

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.directory is None) == (self.bucket is None):
            raise problem("directory", "needs either directory or bucket")
        for field in ("region", "endpoint", "profile"):
            if self.directory is not None and getattr(self, field) is not None:
                raise problem(field, "has no meaning for a directory")
        if self.bucket is not None and self.region is None:
            raise problem("region", "is missing; a bucket needs it")
        return self
