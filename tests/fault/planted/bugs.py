"""Bugs as they are made, each a few lines of a real file. A campaign that misses one of them proves nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Campaign(StrEnum):
    """What may notice: `A` simulates, `B` breaks real processes under load, `H` attacks."""

    SIMULATION = "A"
    CHAOS = "B"
    SECURITY = "H"


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of a file that stand there once, and what takes their place."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bug:
    """`name` says what it does; `by` is the campaign that must notice, in these `tests` or by simulating."""

    name: str
    by: Campaign
    edits: tuple[Edit, ...]
    tests: str = ""


APPLYING = "libs/events/applying.py"
SUBSCRIPTION = "libs/events/subscription.py"
APPEND = "libs/events/log/migrations/0002_append.sql"

BUGS = (
    Bug(
        "a consumer says it is done before it has done anything",
        Campaign.SIMULATION,
        (
            Edit(
                APPLYING,
                "            async with self._step(envelopes[-1]) as connection:\n",
                "            async with self._step(envelopes[-1]):\n                pass\n"
                "            async with self._database.transaction() as connection:\n",
            ),
            Edit(
                APPLYING,
                "if not events or events[0].envelope.position > position:",
                "if position >= 0:",
            ),
        ),
    ),
    Bug(
        "the stream takes whatever a relay sends, also from one that leads no more",
        Campaign.SIMULATION,
        (
            Edit(
                "libs/events/jetstream.py",
                'fence = {"Nats-Expected-Last-Sequence": str(last_sequence)}',
                "fence: dict[str, str] = {}",
            ),
            Edit(
                "libs/events/log/relay.py",
                "            raise PositionMismatch(",
                "            log.warning(",
            ),
        ),
    ),
    Bug(
        "an event that fails is left out",
        Campaign.SIMULATION,
        (
            Edit(
                APPLYING,
                "            await parking.park(connection, envelope, code, detail)\n",
                '            log.error("left_out", position=envelope.position)\n',
            ),
        ),
    ),
    Bug(
        "what follows a parked event does not wait for it",
        Campaign.SIMULATION,
        (
            Edit(
                APPLYING,
                "free, waiting = self._lot.split(envelopes)",
                "free, waiting = envelopes, list[Envelope]()",
            ),
        ),
    ),
    Bug(
        "events missing in the flow are not missed",
        Campaign.SIMULATION,
        (
            Edit(
                SUBSCRIPTION,
                "if envelope is None or sequence > last + 1:",
                "if envelope is None:",
            ),
            Edit(
                SUBSCRIPTION,
                'if state["first_seq"] > self._application.position.number + 1:',
                'if state["first_seq"] < 0:',
            ),
        ),
    ),
    Bug(
        "an event that arrives again is applied again",
        Campaign.SIMULATION,
        (
            Edit(
                SUBSCRIPTION,
                "                consuming.DUPLICATES.inc()\n                continue\n",
                "                consuming.DUPLICATES.inc()\n",
            ),
            Edit(
                APPLYING,
                "if not events or events[0].envelope.position > position:",
                "if position >= 0:",
            ),
        ),
    ),
    Bug(
        "a delivery counts as made, whatever the receiver said",
        Campaign.SIMULATION,
        (
            Edit(
                "services/notifications/channels/webhooks/recording.py",
                "    if attempt.is_delivered:\n",
                "    if attempt.is_delivered or not claim.is_challenge:\n",
            ),
        ),
    ),
    Bug(
        "silence is taken for having everything",
        Campaign.SIMULATION,
        (
            Edit(
                SUBSCRIPTION,
                'is_behind: bool = state["last_seq"] > self._application.position.number',
                'is_behind: bool = state["last_seq"] < 0',
            ),
        ),
    ),
    Bug(
        "a receiver that does not answer in time counts as told",
        Campaign.SIMULATION,
        (
            Edit(
                "services/notifications/channels/webhooks/sending.py",
                "            return Attempt(Outcome.TIMED_OUT,",
                "            return Attempt(Outcome.DELIVERED,",
            ),
        ),
    ),
    Bug(
        "what is skipped is not announced",
        Campaign.SIMULATION,
        (
            Edit(
                "services/notifications/channels/webhooks/jobs.py",
                'body=telling_skipped(row["body"], row["skipped"])',
                'body=row["body"]',
            ),
        ),
    ),
    Bug(
        "a command is acknowledged before it is on disk",
        Campaign.CHAOS,
        (
            Edit(
                APPEND,
                "    perform pg_advisory_xact_lock(hashtext('milepost.log'));\n",
                "    perform pg_advisory_xact_lock(hashtext('milepost.log'));\n"
                "    perform set_config('synchronous_commit', 'off', true);\n",
            ),
        ),
        "tests/fault/test_servers_crash.py::test_postgres_crashes_and_recovers",
    ),
    Bug(
        "keys are not remembered",
        Campaign.CHAOS,
        (
            Edit(
                APPEND,
                "where new.key is not null and outcomes[new.item] = 'appended';",
                "where false;",
            ),
        ),
        "tests/fault/test_services_killed.py::test_projects_is_killed",
    ),
    Bug(
        "whoever asks for the state of a project may see it",
        Campaign.SECURITY,
        (
            Edit(
                "libs/access/authorize.py",
                "    if Action(action) in allowed:\n",
                "    if Action(action) in allowed or action == Action.READ:\n",
            ),
        ),
        "tests/security/test_tenants.py",
    ),
    Bug(
        "the wall between organizations lets everything through",
        Campaign.SECURITY,
        (
            Edit(
                "libs/chassis/walls.py",
                "OF_THE_ORGANIZATION = f\"org_id = nullif(current_setting('{SETTING}', true), '')::uuid\"",
                'OF_THE_ORGANIZATION = "true"',
            ),
        ),
        "tests/component/timeline/test_walls.py",
    ),
    Bug(
        "who leaves keeps every right",
        Campaign.SECURITY,
        (
            Edit(
                "libs/access/projecting.py",
                "return [(LEAVE_PROJECTS, (data.person_id,)), (LEAVE, (data.person_id,))]",
                "return []",
            ),
        ),
        "tests/component/access/test_table_directory.py",
    ),
)
