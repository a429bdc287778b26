"""What a service is told about its HTTP side: who may call it from a browser, how often, how many at a time."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from libs.chassis.rate_limiting import Rates

ORIGIN = re.compile(r"\*|https?://[^/\s@?#]+")

Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class HttpSettings(BaseSettings):
    """A part of the settings of every service. Rates are requests a second in the long run, counted per process.

    Of a proxy in `trusted_proxies`, and of nobody else, `X-Forwarded-For` is believed.
    """

    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    connections_max: Annotated[int, Field(ge=1, le=100_000)] = 4_096
    request_deadline_seconds: Annotated[float, Field(ge=0, le=600)] = 8
    loop_lag_seconds_max: Annotated[float, Field(gt=0, le=60)] = 0.25
    organization_reads_max: Annotated[int, Field(ge=1, le=200)] = 6
    pool_wait_seconds_max: Annotated[float, Field(gt=0, le=60)] = 0.5
    organization_requests_per_second_max: Rate = 1_000
    person_requests_per_second_max: Rate = 100
    address_requests_per_second_max: Rate = 1_000
    refused_tokens_per_second_max: Rate = 10

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("must be origins such as https://app.example.com, without a path, or *")
        return origins

    @property
    def rates(self) -> Rates:
        return Rates(
            organization=self.organization_requests_per_second_max,
            person=self.person_requests_per_second_max,
            address=self.address_requests_per_second_max,
            refused_tokens=self.refused_tokens_per_second_max,
        )
