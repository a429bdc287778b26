"""Every service's HTTP application: its routes, and around them what is the same everywhere."""

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import fastapi_offline
from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.chassis import compression, deprecation, logging, openapi, problems, queries
from libs.chassis.client_address import ClientAddresses
from libs.chassis.cross_origin import CrossOrigin
from libs.chassis.deprecation import Deprecations
from libs.chassis.direct import DirectDispatch, DirectRoutes
from libs.chassis.health import Check, Readiness
from libs.chassis.identity import person_verifier, service_verifier
from libs.chassis.key_sets import SigningKeys
from libs.chassis.noting import AccessRecorder
from libs.chassis.rate_limiting import RateLimits
from libs.chassis.request_guard import RequestGuard
from libs.chassis.settings import ServiceSettings

ASSETS = Path(fastapi_offline.__file__).parent / "static"
ASSET_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
# Of the framework's own: the chassis traces, measures and logs.
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}


class Application(FastAPI):
    """A FastAPI application whose only outer layer is the request guard, and whose document tells the truth."""

    def __init__(
        self,
        *,
        guard: Mapping[str, Any],
        direct: DirectRoutes | None = None,
        streams: Container[str] = (),
        **options: Any,
    ) -> None:
        self._guard = guard
        self._direct = direct
        self._streams = streams
        self._deprecations: Deprecations = guard.get("deprecations", deprecation.NONE)
        self._described: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        # What must run beside the application, by name.
        self.loops: dict[str, Callable[[], Awaitable[None]]] = {}
        super().__init__(docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the framework does it, less the telemetry of its own that is off anyway."""
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The guard answers every exception itself, so the layers of the framework that would are left out."""
        app = compression.compressing(AsyncExitStackMiddleware(self.router), self._streams)
        if self._direct is not None:
            app = DirectDispatch(self._direct, app)
        templates = {route.endpoint: route.path for route in self.router.routes if isinstance(route, Route)}
        return RequestGuard(app, templates=templates, **self._guard)

    def tell_of_access(self, recorder: AccessRecorder) -> None:
        """Have the guard tell `recorder` who was denied what; before the first request."""
        self._guard = {**self._guard, "recorder": recorder}

    def describe(self, paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
        """Add operations of plain routes, and the schemas they name, to the document."""
        self._described = (dict(paths), dict(schemas))

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            paths, schemas = self._described
            document.setdefault("paths", {}).update(paths)
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
            self.openapi_schema = openapi.mended(document)
            deprecation.describe(self.openapi_schema, self._deprecations)
        return self.openapi_schema


def create(
    title: str,
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter] = (),
    routes: Sequence[BaseRoute] = (),
    direct: DirectRoutes | None = None,
    streams: Container[str] = (),
    checks: Mapping[str, Check] | None = None,
    stopping: asyncio.Event | None = None,
    description: str = "",
    deprecations: Deprecations = deprecation.NONE,
) -> Application:
    """The application of a service.

    `checks` make up readiness, which ends when `stopping` is set; streams watch `app.state.stopping` too.
    `app.state.token_verifier` and `.service_token_verifier` are there if the settings say where the keys are; then
    `loops` keep them fresh and readiness waits for them.
    The first route that matches answers, `direct` ones, which bypass the framework, before all others.
    `streams` are the paths whose answers go on for hours.
    `deprecations` names the operations that will go.
    """
    app = Application(
        guard={**_guard(title, settings), "deprecations": deprecations},
        direct=direct,
        streams=streams,
        title=title,
        description=description,
        version="1",
        generate_unique_id_function=openapi.operation_id,
    )
    checks = {**(checks or {}), **_equip(app, settings, stopping or asyncio.Event())}
    app.router.routes[:0] = routes
    for router in routers:
        app.include_router(router, dependencies=[Depends(queries.refuse_unknown)])
    app.router.routes.extend(Readiness(checks, app.state.stopping).routes())
    problems.install(app)
    _install_documentation(app)
    return app


def _guard(title: str, settings: ServiceSettings) -> dict[str, Any]:
    is_logged = settings.log_level in ("debug", "info")
    return {
        "deadline_seconds": settings.request_deadline_seconds,
        "limits": RateLimits(settings.rates),
        "addresses": ClientAddresses(settings.trusted_proxies),
        "cross_origin": CrossOrigin(settings.cors_origins),
        "loop_lag_seconds_max": settings.loop_lag_seconds_max,
        "pool_wait_seconds_max": settings.pool_wait_seconds_max,
        "request_log": logging.request_log(title, log_format=settings.log_format) if is_logged else None,
    }


def _equip(app: Application, settings: ServiceSettings, stopping: asyncio.Event) -> dict[str, Check]:
    """What every request may need is in `app.state`; returns what has to be true before there can be requests."""
    app.state.settings = settings
    app.state.stopping = stopping
    keys = signing_keys(settings)
    if keys is None:
        return {}

    async def are_known() -> bool:
        return keys.are_known

    app.loops["signing keys"] = keys.run
    app.state.token_verifier = person_verifier(
        keys, settings.issuer, settings.audience, settings.token_lifetime_seconds, settings.organization_claim
    )
    app.state.service_token_verifier = service_verifier(
        keys, settings.issuer, settings.audience, settings.service_token_lifetime_seconds
    )
    return {"signing keys": are_known}


def signing_keys(settings: ServiceSettings) -> SigningKeys | None:
    """The keys of the issuer, from where the settings say; `None` where they say nothing, and nobody can be let in.

    Raises `KeysUnavailable` for a file that is no set of keys. An issuer that is away is waited for by `run`.
    """
    if settings.jwks_file is not None:
        return SigningKeys.of_file(settings.jwks_file)
    if not settings.has_key_source:
        return None
    # Imported here: the client costs time and memory, which nobody pays who reads a file.
    from libs.chassis.issuer_keys import IssuerSource

    return SigningKeys(
        IssuerSource(settings.jwks_url, settings.issuer, http_allowed=not settings.is_production)
    )


def _install_documentation(app: FastAPI) -> None:
    async def page(request: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "",
            title=app.title,
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon.png",
        )

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSET_TYPES:
            raise problems.Problem(404, "not_found")
        return FileResponse(
            ASSETS / name, media_type=ASSET_TYPES[name], headers={"Cache-Control": "max-age=86400"}
        )

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/{name}", asset, include_in_schema=False)
