"""How streams stand in the end, one after the other, against the table that says so: compared a page at a time."""

from dataclasses import dataclass, field

from services.projects.verifying.log import Event
from services.projects.verifying.sessions import PAGE_ROWS
from services.projects.verifying.tables import Expected, Table


@dataclass(slots=True)
class Standing:
    """`last` is how the stream stands that is being read; `None` where nothing can be said of it, or not yet."""

    table: Table
    last: Expected | None = None
    _stream: tuple[str, str] = ("", "")
    _over: list[Expected] = field(default_factory=list)

    def begins(self, event: Event) -> bool:
        """Whether an event is of another stream than the one before; that one is over then."""
        stream = (event["org_id"], event["stream"])
        if stream == self._stream:
            return False
        self._end()
        self._stream = stream
        return True

    async def compare(self) -> None:
        """Compare streams that are over, once they are a page."""
        if len(self._over) >= PAGE_ROWS:
            await self._compare()

    async def finish(self) -> None:
        """No stream comes any more: compare what is left."""
        self._end()
        await self._compare()

    def _end(self) -> None:
        if self.last is not None:
            self._over.append(self.last)
            self.last = None

    async def _compare(self) -> None:
        over, self._over = self._over, []
        await self.table.compare(over)
