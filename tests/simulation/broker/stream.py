"""JetStream in memory, as far as Milepost uses it: one stream, atomic batches behind a fence, pull consumers."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from libs.events import jetstream

BATCH_INCOMPLETE = 10176
STREAM_EXISTS = 10058
STREAM_IS_ANOTHER = 10065

Headers = dict[str, str]
Message = tuple[str, bytes]
Deliver = Callable[[str, str, bytes, Headers | None], None]


class Refused(Exception):
    """What JetStream answers as an error."""

    def __init__(self, code: int, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(description)


@dataclass(slots=True)
class Request:
    """A consumer's wish for more: so many messages to an inbox, until it expires."""

    inbox: str
    left: int
    expires_at: float
    deliver: Deliver


@dataclass(slots=True)
class Consumer:
    """Where a durable stands; `next` is the sequence it delivers next."""

    next: int
    delivered: int = 0
    requests: list[Request] = field(default_factory=list)


@dataclass(slots=True)
class Stream:
    """Messages from `first` on, without holes."""

    created: str
    first: int
    messages: list[Message] = field(default_factory=list)
    consumers: dict[str, Consumer] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return self.first + len(self.messages) - 1

    def info(self) -> dict[str, Any]:
        state = {"messages": len(self.messages), "first_seq": self.first, "last_seq": self.last}
        return {"created": self.created, "state": state}

    def message(self, sequence: int) -> dict[str, Any]:
        if not self.first <= sequence <= self.last:
            raise Refused(jetstream.NO_MESSAGE_FOUND, "no message found")
        subject, body = self.messages[sequence - self.first]
        return {"message": {"subject": subject, "seq": sequence, "data": base64.b64encode(body).decode()}}


class JetStream:
    """The server's store. Everything in it outlives a crash; `stream` is `None` where there is none."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self._creations = count(1)

    # --- The API ---

    def answer(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a request of the API is answered; raises `Refused`."""
        kind, _, rest = verb.partition(f".{jetstream.STREAM}")
        name = rest.removeprefix(".")
        if kind == "STREAM.CREATE":
            return self._create(body)
        stream = self._existing()
        match kind:
            case "STREAM.INFO" | "STREAM.UPDATE":
                return stream.info()
            case "STREAM.MSG.GET":
                return stream.message(body["seq"])
            case "CONSUMER.CREATE":
                stream.consumers[name] = Consumer(max(body["config"]["opt_start_seq"], stream.first))
                return {"name": name}
            case "CONSUMER.DELETE":
                self.delete_consumer(name)
                return {"success": True}
        raise AssertionError(f"nobody asks JetStream for {verb}")

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.stream is not None:
            raise Refused(STREAM_EXISTS, "stream name already in use with a different configuration")
        self.stream = Stream(f"creation {next(self._creations)}", body["first_seq"])
        return self.stream.info()

    def _existing(self) -> Stream:
        if self.stream is None:
            raise Refused(jetstream.STREAM_NOT_FOUND, "stream not found")
        return self.stream

    # --- Publishing ---

    def publish(self, messages: list[Message], last_sequence: int | None) -> int:
        """Store messages all or none, behind `last_sequence` where it is given; returns the new last one."""
        stream = self._existing()
        if last_sequence is not None and stream.last != last_sequence:
            raise Refused(jetstream.WRONG_LAST_SEQUENCE, f"wrong last sequence: {stream.last}")
        stream.messages.extend(messages)
        return stream.last

    # --- Consuming ---

    def request_more(self, name: str, request: Request) -> None:
        consumer = self.stream.consumers.get(name) if self.stream else None
        if consumer is None:
            request.deliver(request.inbox, "", b"", {"Status": "503"})
            return
        consumer.requests.append(request)

    def delete_consumer(self, name: str) -> None:
        """Whoever waits for messages of it is told."""
        consumer = self._existing().consumers.pop(name, None)
        if consumer is None:
            raise Refused(jetstream.CONSUMER_NOT_FOUND, "consumer not found")
        for request in consumer.requests:
            request.deliver(request.inbox, "", b"", {"Status": "409", "Description": "Consumer Deleted"})

    def delete_stream(self) -> None:
        if self.stream is not None:
            for name in list(self.stream.consumers):
                self.delete_consumer(name)
        self.stream = None

    def forget_first(self, many: int) -> None:
        """Messages grow old and go."""
        if self.stream is not None:
            many = min(many, len(self.stream.messages))
            del self.stream.messages[:many]
            self.stream.first += many

    def forget_requests(self) -> None:
        """A restart keeps durables and forgets who waited."""
        for consumer in self.stream.consumers.values() if self.stream else ():
            consumer.requests.clear()

    def copy(self) -> Stream | None:
        """The store as it is now, to be restored later."""
        if self.stream is None:
            return None
        consumers = {name: Consumer(each.next) for name, each in self.stream.consumers.items()}
        return Stream(self.stream.created, self.stream.first, list(self.stream.messages), consumers)

    def serve(self, now: float) -> None:
        """Deliver whatever consumers may have, and tell whose requests have expired."""
        if self.stream is None:
            return
        for name, consumer in self.stream.consumers.items():
            self._expire(consumer, now)
            while consumer.requests and consumer.next <= self.stream.last:
                self._deliver_next(self.stream, name, consumer)

    def _expire(self, consumer: Consumer, now: float) -> None:
        while consumer.requests and consumer.requests[0].expires_at <= now:
            request = consumer.requests.pop(0)
            status = {"Status": "408", "Nats-Pending-Messages": str(request.left)}
            request.deliver(request.inbox, "", b"", status)

    def _deliver_next(self, stream: Stream, name: str, consumer: Consumer) -> None:
        sequence = consumer.next = max(consumer.next, stream.first)
        if sequence > stream.last:
            return
        request = consumer.requests[0]
        consumer.next += 1
        consumer.delivered += 1
        request.left -= 1
        if request.left == 0:
            consumer.requests.pop(0)
        place = f"1.{sequence}.{consumer.delivered}.0.{stream.last - sequence}"
        reply = f"$JS.ACK.milepost.account.{jetstream.STREAM}.{name}.{place}"
        request.deliver(request.inbox, reply, stream.messages[sequence - stream.first][1], None)
