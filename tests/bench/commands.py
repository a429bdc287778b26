"""The command path: a reforecast over HTTP, durable, relayed and projected, beside a bare FastAPI POST."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploy.local.ports import LOOPBACK, any_free_port
from tests.bench import bare
from tests.bench.bare_server import bare_server
from tests.bench.figures import Figure, Limit, Report, in_turn, percentile, ratios
from tests.bench.pressure import Plan, Pressed, press, request
from tests.bench.profiling import profiled
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import ProcessorSeconds, System
from tests.bench.watching import Watch
from tests.bench.world import Milestones, plan_milestones

CONNECTIONS = 32
MILESTONES_PER_CONNECTION = 4
WARM_UP_SECONDS = 0.7
GROUP = f"HTTP command (reforecast), {CONNECTIONS} connections, one process"
WHOLE_SHARE_MIN, DURABLE_SHARE_MIN = 0.45, 0.75
ATTEMPTS_MAX = 20
OTHERS_MAX = 0.1


@dataclass
class Round:
    """One measurement: the rate, what each process used for it, and which share of the machine others took."""

    rate: float
    pressed: Pressed
    used: ProcessorSeconds
    others: float


@dataclass
class CommandPath:
    """The contestants. Each has milestones of its own, so that no process' memory of them goes stale."""

    system: System
    bare_port: int
    lone_port: int
    seconds: float
    ledger: Ledger
    lone: Milestones
    whole: Milestones
    is_patient: bool
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def bare(self) -> float:
        posts = [[request("POST", "/things", bare.BODY)]] * CONNECTIONS
        return self._kept("bare", lambda: self._press(self.bare_port, posts, self.seconds))

    def commands_only(self) -> float:
        """Durable in the log, and nothing behind it runs meanwhile."""

        def once() -> Round:
            with self.system.frozen("projects", "timeline", "notifications"):
                measured = self._reforecast(self.lone_port, self.lone, self.seconds)
            self.system.await_projected(self.system.head)
            return measured

        return self._kept("commands only", once)

    def whole_path(self) -> float:
        """From the first request until everything recorded is in the read models of all services."""
        return self._kept("whole path", lambda: self._projected("timeline", "notifications"))

    def whole_path_without_notifications(self) -> float:
        def once() -> Round:
            with self.system.frozen("notifications"):
                measured = self._projected("timeline")
            self.system.await_projected(self.system.head)
            return measured

        return self._kept("without notifications", once)

    def warm_up(self) -> None:
        self._press(self.bare_port, [[request("POST", "/things", bare.BODY)]] * CONNECTIONS, WARM_UP_SECONDS)
        self._reforecast(self.lone_port, self.lone, WARM_UP_SECONDS)
        self._reforecast(self.port, self.whole, WARM_UP_SECONDS)
        self.system.await_projected(self.system.head)

    @property
    def port(self) -> int:
        return self.system.port("projects")

    def profile(self, into: dict[str, str]) -> None:
        """A further round for each of the processes that matter, which counts for nothing."""
        for name in ("projects", "timeline", "notifications"):
            pid = self.system.stack.processes[name].pid
            with profiled(pid, self.seconds, into, f"{name} under {CONNECTIONS} connections"):
                self._reforecast(self.port, self.whole, self.seconds + 1)
            self.system.await_projected(self.system.head)

    def _projected(self, *services: str) -> Round:
        watch = Watch(self.system)
        pressed = self._reforecast(self.port, self.whole, self.seconds).pressed
        ended = self.system.await_projected(max(pressed.positions), *services)
        return _round(pressed, ended - pressed.started, watch)

    def _reforecast(self, port: int, milestones: Milestones, seconds: float) -> Round:
        measured = self._press(port, milestones.reforecasts(CONNECTIONS), seconds)
        assert len(measured.pressed.positions) == measured.pressed.requests, "an answer named no position"
        self.ledger.enter(measured.pressed.requests, measured.pressed.positions)
        return measured

    def _press(self, port: int, requests: list[list[str]], seconds: float) -> Round:
        watch = Watch(self.system)
        pressed = press(Plan(LOOPBACK, port, seconds, requests))
        assert not pressed.refused, f"{pressed.refused} requests were refused"
        return _round(pressed, pressed.seconds, watch)

    def _kept(self, name: str, once: Callable[[], Round]) -> float:
        """Measure; a patient run measures again what others disturbed, and keeps the last attempt."""
        for _ in range(ATTEMPTS_MAX if self.is_patient else 1):
            measured = once()
            if measured.others <= OTHERS_MAX:
                break
        self.rounds.setdefault(name, []).append(measured)
        return measured.rate


def _round(pressed: Pressed, seconds: float, watch: Watch) -> Round:
    used = {**watch.used(), "load generator": pressed.processor_seconds}
    return Round(pressed.requests / seconds, pressed, used, watch.others())


def measure(
    system: System, report: Report, rounds: int, seconds: float, *, is_profiled: bool, is_patient: bool
) -> None:
    with contestants(system, seconds, is_patient=is_patient) as path:
        path.warm_up()
        names: dict[str, Callable[[], float]] = {
            "bare": path.bare,
            "commands only": path.commands_only,
            "whole path": path.whole_path,
            "without notifications": path.whole_path_without_notifications,
        }
        rates = in_turn(names, rounds, report.say)
        if is_profiled:
            path.profile(report.profiles)
        report.reconciled.append(reconcile(system, path.ledger, "commands over HTTP"))
        report.add(*rate_figures(path, rates), *used_figures(path), others_figure(path))


def rate_figures(path: CommandPath, rates: dict[str, list[float]]) -> Iterator[Figure]:
    limit = Limit(at_least=WHOLE_SHARE_MIN)
    yield Figure(GROUP, "bare FastAPI POST, 8 fields", "/s", rates["bare"], beside=latencies(path, "bare"))
    for name, what in (
        ("commands only", "durable only"),
        ("whole path", "durable, relayed, projected"),
        ("without notifications", "the same without notifications"),
    ):
        yield Figure(GROUP, what, "/s", rates[name], beside=latencies(path, name))
    durable = ratios(rates["commands only"], rates["bare"])
    yield Figure(GROUP, "share of bare: durable only", "", durable, Limit(at_least=DURABLE_SHARE_MIN))
    yield Figure(GROUP, "share of bare: whole path", "", ratios(rates["whole path"], rates["bare"]), limit)
    shares = ratios(rates["without notifications"], rates["bare"])
    yield Figure(GROUP, "share of bare: without notifications", "", shares)


def used_figures(path: CommandPath) -> Iterator[Figure]:
    """Processor time a request, of each process, in each contest."""
    for name in ("bare", "commands only", "whole path"):
        measured = path.rounds[name]
        parts = sorted({part for each in measured for part in each.used})
        micros = {
            part: [1e6 * each.used.get(part, 0.0) / each.pressed.requests for each in measured]
            for part in parts
        }
        whole = [sum(values) for values in zip(*micros.values(), strict=True)]
        told = ", ".join(
            f"{part} {sorted(values)[len(values) // 2]:.0f}"
            for part, values in micros.items()
            if max(values) >= 2
        )
        yield Figure(GROUP, f"processor a request: {name}", "µs", whole, beside=told)


def others_figure(path: CommandPath) -> Figure:
    """How undisturbed the rounds were: the share of the machine that others took in each of them."""
    shares = [100 * each.others for measured in path.rounds.values() for each in measured]
    return Figure(GROUP, "of the machine taken by others", "%", shares, beside="read the above with this")


def latencies(path: CommandPath, name: str) -> str:
    every = sorted(latency for each in path.rounds[name] for latency in each.pressed.latencies)
    return f"answered p50 {percentile(every, 0.5) * 1e3:.1f} ms, p99 {percentile(every, 0.99) * 1e3:.1f} ms"


@contextmanager
def contestants(system: System, seconds: float, *, is_patient: bool) -> Iterator[CommandPath]:
    ledger = Ledger(0)
    count = CONNECTIONS * MILESTONES_PER_CONNECTION
    lone, whole = plan_milestones(system, count), plan_milestones(system, count)
    ledger.head_before = system.head
    bare_port = any_free_port()
    process = bare_server(bare_port, system.stack.whereabouts.log("bare"))
    lone_name, lone_port = system.start_without_relay()
    system.stack.processes["bare"] = process
    try:
        yield CommandPath(system, bare_port, lone_port, seconds, ledger, lone, whole, is_patient)
    finally:
        for name in ("bare", lone_name):
            system.stack.processes.pop(name).stop()
