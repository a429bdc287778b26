"""Which loopback ports a run uses: the customary ones, or the next free where somebody sits on one."""

from collections.abc import Collection
from dataclasses import dataclass

from deploy.local.ports import LOOPBACK, any_free_port, next_free_port

CUSTOMARY = {
    "postgres": 5433,
    "nats": 4222,
    "projects": 8001,
    "timeline": 8002,
    "notifications": 8003,
    "projects metrics": 9001,
    "timeline metrics": 9002,
    "notifications metrics": 9003,
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """A port per listener, by the names of CUSTOMARY."""

    ports: dict[str, int]

    @classmethod
    def customary(cls, needed: Collection[str] = tuple(CUSTOMARY)) -> "Addresses":
        """The ports people know, busy ones stepped over without taking each other's place."""
        ports: dict[str, int] = {}
        for name in needed:
            others = {port for other, port in CUSTOMARY.items() if other != name}
            ports[name] = next_free_port(CUSTOMARY[name], taken=others | set(ports.values()))
        return cls(ports)

    @classmethod
    def arbitrary(cls) -> "Addresses":
        """Ports nobody uses; for runs side by side."""
        ports: dict[str, int] = {}
        while len(ports) < len(CUSTOMARY):
            port = any_free_port()
            if port not in ports.values():
                ports[list(CUSTOMARY)[len(ports)]] = port
        return cls(ports)

    def url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.ports[service]}"

    def stepped_over(self) -> list[str]:
        """One sentence for each port that was not the customary one."""
        return [
            f"port {CUSTOMARY[name]} is busy: {name} uses {port}"
            for name, port in self.ports.items()
            if port != CUSTOMARY[name]
        ]
