"""The provider without a server: what it loads, its settings, its capabilities."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from signerd.config_providers import GcpKmsProvider
from signerd.errors import Reason, SignerdError
from signerd.providers import registry
from signerd.providers.base import Change, Closes, Setup, SignsInline

RING = "projects/p-1/locations/europe-west4/keyRings/signerd"
MODULES = ("google.cloud", "google.auth", "google.api_core", "requests", "proto")


def section(**settings: object) -> GcpKmsProvider:
    return GcpKmsProvider.model_validate({"type": "gcp-kms", "key_ring": RING, **settings})


def test_importing_the_provider_loads_no_sdk() -> None:
    script = (
        "import sys, signerd.providers.gcp_kms.provider\n"
        f"print(*[name for name in {MODULES!r} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


async def test_building_it_calls_nobody() -> None:
    provider = registry.build("gcp-kms", Setup("gcp", section(destroy_delay="1d")))
    assert provider.capabilities.create
    assert not provider.capabilities.imports
    assert provider.capabilities.disable
    assert provider.capabilities.destroy_delay == timedelta(days=1)
    assert provider.health().healthy
    assert provider.health().detail == "cloudkms.googleapis.com:443"
    assert not isinstance(provider, SignsInline)
    assert isinstance(provider, Closes)
    await provider.close()


async def test_uris_are_checked_before_anybody_is_called() -> None:
    provider = registry.build("gcp-kms", Setup("gcp", section()))
    for call in (provider.find("gcp-kms://x"), provider.change("gcp-kms://x", Change.DESTROY)):
        with pytest.raises(SignerdError) as caught:
            await call
        assert caught.value.reason is Reason.KEY_URI_INVALID


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"key_ring": "projects/p/locations/l"}, "key_ring"),
        ({"key_ring": f"{RING}/cryptoKeys/k"}, "key_ring"),
        ({"key_ring": f"gcp-kms://{RING}"}, "key_ring"),
        ({"destroy_delay": "23h"}, "destroy_delay"),
        ({"destroy_delay": "121d"}, "destroy_delay"),
        ({"endpoint": "http://127.0.0.1"}, "endpoint"),
        ({"protection": "external"}, "protection"),
        ({"credentials": "file"}, "credentials"),
        ({"insecure_plaintext": True}, "endpoint"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        section(**settings)
    assert field in str(caught.value.errors()[0])
