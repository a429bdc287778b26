"""What notifications is told by its environment, and what it refuses."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from libs.chassis.development_issuer import DevelopmentIssuer
from services.notifications.settings import Settings
from tests.support.notifications.surface import settings


@pytest.fixture
def told(tmp_path: Path) -> Settings:
    return settings(DevelopmentIssuer(tmp_path))


def changed(told: Settings, **changes: object) -> Settings:
    return Settings.model_validate({**told.model_dump(), **changes})


def test_webhooks_to_this_machine_are_unfit_for_production(told: Settings) -> None:
    reason = "webhooks_allow_loopback is for development"

    assert told.unfit_for_production()[reason]
    assert not changed(told, webhooks_allow_loopback=False).unfit_for_production()[reason]


@pytest.mark.parametrize("key", ["", "a", "a:short", "a:!"])
def test_a_secrets_key_that_is_none_is_refused_and_not_repeated(told: Settings, key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        changed(told, secrets_key=SecretStr(key + "canary"))

    assert "canary" not in str(refused.value)


def test_refused_networks_must_be_networks(told: Settings) -> None:
    with pytest.raises(ValidationError):
        changed(told, webhooks_refused_networks=("10.0.0.0/99",))


def test_what_is_set_reaches_the_guard_and_the_schedule(told: Settings) -> None:
    made = changed(
        told, webhooks_refused_networks=("93.184.0.0/16",), webhooks_ports=[443], webhooks_block_seconds=0
    )

    assert [str(network) for network in made.egress.own_networks] == ["93.184.0.0/16"]
    assert made.egress.ports == frozenset({443})
    assert made.retry_policy.block_seconds_max == 0
