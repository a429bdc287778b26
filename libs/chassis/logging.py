"""Log lines: JSON for machines, colors for people on a terminal; each carries service and trace id, none a secret."""

import asyncio
import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, Literal, TextIO

import structlog
from pydantic_core import to_json
from structlog.typing import Processor

from libs.chassis import tracing
from libs.chassis.request_guard import PROBES, RequestLog

MASK = "***"
SECRET_NAMES = re.compile(
    r"password|secret|token|authorization|cookie|dsn|database_url|nats_url|api_key", re.IGNORECASE
)
# Credentials inside URLs, bearer tokens, and anything in the shape of a JWT or of one of our API keys.
SECRET_VALUES = re.compile(
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=bearer )\S+|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]+|\bmpk_\w+|\bwhsec_\S+",
    re.IGNORECASE,
)


def configure(
    service: str,
    *,
    log_format: Literal["json", "console"] | None = None,
    level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Send everything that is logged, by us or by libraries, to stdout. Without a format: console on a terminal."""
    is_console = log_format == "console" or (log_format is None and sys.stdout.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]

    def add_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        add_trace_id,
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if is_console
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    _adopt_libraries(shared, renderer, max(number, logging.WARNING))


def _adopt_libraries(shared: list[Processor], renderer: Processor, level: int) -> None:
    """What libraries log takes the same way and form as our own lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def add_trace_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line of a request or unit of work carries its trace."""
    trace_id = tracing.trace_id()
    if trace_id is not None:
        event["trace_id"] = trace_id
    return event


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values whose name or form is that of a secret."""
    for name, value in event.items():
        event[name] = MASK if SECRET_NAMES.search(name) and value is not None else _masked(value)
    return event


@lru_cache(maxsize=2)
def _second(epoch_seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch_seconds))


def _masked(value: Any) -> Any:
    match value:
        case str():
            return SECRET_VALUES.sub(MASK, value)
        case bool() | int() | float() | None:
            return value
        case dict():
            return mask_secrets(None, "", {str(name): each for name, each in value.items()})
        case list() | tuple() | set() | frozenset():
            return [_masked(each) for each in value]
    return SECRET_VALUES.sub(MASK, str(value))


def _json(event: Any, **_: Any) -> str:
    return to_json(event, fallback=str, inf_nan_mode="strings").decode()


def request_log(service: str, *, log_format: Literal["json", "console"] | None = None) -> RequestLog:
    """The writer of request lines. It builds its JSON by hand: a logger would cost as much as the request."""
    stream = sys.stdout
    flush_soon = _flushing(stream)
    is_console = log_format == "console" or (log_format is None and stream.isatty())

    def write(method: str, route: str, status: int, seconds: float, trace_id: str) -> None:
        if route in PROBES:
            return
        now = time.time()
        moment = f"{_second(int(now))}.{int(now % 1 * 1_000_000):06d}Z"
        milliseconds = seconds * 1_000
        if is_console:
            stream.write(f"{moment} {status} {method} {route} {milliseconds:.1f} ms {trace_id}\n")
        else:
            stream.write(
                f'{{"event":"request","method":"{method}","route":"{route}","status":{status},'
                f'"milliseconds":{milliseconds:.3f},"level":"info","timestamp":"{moment}",'
                f'"service":"{service}","trace_id":"{trace_id}"}}\n'
            )
        flush_soon()

    return write


def _flushing(stream: TextIO) -> Callable[[], None]:
    """Flushes once for all that is written in one turn of the event loop, where there is one."""
    due_in: asyncio.AbstractEventLoop | None = None

    def flush() -> None:
        nonlocal due_in
        due_in = None
        stream.flush()

    def flush_soon() -> None:
        nonlocal due_in
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            flush()
        else:
            if due_in is not loop:
                due_in = loop
                loop.call_soon(flush)

    return flush_soon
