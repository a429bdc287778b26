"""Every service's HTTP application: its routes, and around them what is the same everywhere."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.chassis import logging, openapi, problems
from libs.chassis.direct import DirectDispatch, DirectRoutes
from libs.chassis.health import Check, Readiness
from libs.chassis.identity import person_verifier, service_verifier
from libs.chassis.request_guard import RequestGuard
from libs.chassis.settings import ServiceSettings

ASSETS = Path(fastapi_offline.__file__).parent / "static"
ASSET_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


class Application(FastAPI):
    """A FastAPI application whose only outer layer is the request guard, and whose document tells the truth."""

    def __init__(
        self, *, guard: Mapping[str, Any], direct: DirectRoutes | None = None, **options: Any
    ) -> None:
        self._guard = guard
        self._direct = direct
        self._described: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        super().__init__(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the framework does it, less the telemetry of its own that is off anyway."""
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The guard answers every exception itself, so the layers of the framework that would are left out."""
        app: ASGIApp = AsyncExitStackMiddleware(self.router)
        for layer in reversed(self.user_middleware):
            app = layer.cls(app, *layer.args, **layer.kwargs)
        if self._direct is not None:
            app = DirectDispatch(self._direct, app)
        templates = {route.endpoint: route.path for route in self.router.routes if isinstance(route, Route)}
        return RequestGuard(app, templates=templates, **self._guard)

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
        return self.openapi_schema


def create(
    title: str,
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter] = (),
    routes: Sequence[BaseRoute] = (),
    direct: DirectRoutes | None = None,
    checks: Mapping[str, Check] | None = None,
    stopping: asyncio.Event | None = None,
    description: str = "",
    middleware: Sequence[Middleware] = (),
) -> Application:
    """The application of a service.

    `checks` make up readiness, which ends when `stopping` is set; streams watch `app.state.stopping` too.
    `app.state.token_verifier` and `.service_token_verifier` are there if the settings name a key file.
    `middleware` is for what not every service needs, e.g. compression. The first route that matches answers,
    `direct` ones, which bypass middleware and framework, before all others.
    """
    app = Application(
        guard=_guard(title, settings),
        direct=direct,
        title=title,
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        middleware=list(middleware),
        generate_unique_id_function=openapi.operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    _equip(app, settings, stopping or asyncio.Event())
    app.router.routes[:0] = routes
    for router in routers:
        app.include_router(router)
    app.router.routes.extend(Readiness(checks, app.state.stopping).routes())
    problems.install(app)
    _install_documentation(app)
    return app


def _guard(title: str, settings: ServiceSettings) -> dict[str, Any]:
    is_logged = settings.log_level in ("debug", "info")
    return {
        "deadline_seconds": settings.request_deadline_seconds,
        "request_log": logging.request_log(title, log_format=settings.log_format) if is_logged else None,
    }


def _equip(app: FastAPI, settings: ServiceSettings, stopping: asyncio.Event) -> None:
    """What every request may need is in `app.state`."""
    app.state.settings = settings
    app.state.stopping = stopping
    if settings.jwks_file is not None:
        app.state.token_verifier = person_verifier(settings.jwks_file, settings.issuer, settings.audience)
        app.state.service_token_verifier = service_verifier(settings.jwks_file, settings.issuer)


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
