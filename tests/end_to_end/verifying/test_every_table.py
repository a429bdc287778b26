"""Every table of every service is held against the log, or the book of operators says why it can not be."""

import re

import pytest

from deploy.local import programs
from libs.chassis.migrations import ROOT
from tests.support.proof.damage import AtRest

TABLES = """
select array_agg(case nspname when 'public' then relname else nspname || '.' || relname end) as names
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p') and nspname <> 'information_schema' and nspname !~ '^pg_'
"""
SECTION = re.compile(r"^### What the log does not say$(.*?)^##", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| ([a-z, ]+) \| (.+?) \| .+ \|$", re.MULTILINE)


@pytest.mark.parametrize("service", programs.SERVICES)
async def test_every_table_is_held_against_the_log_or_named(at_rest: AtRest, service: str) -> None:
    """Whoever adds a table has it checked, or says in docs/operating.md why the log can not tell what is in it."""
    tables = {f"{service}.{name}" for name in (await at_rest.row(service, TABLES))["names"]}
    report = await at_rest.verified()
    checked = {table for verdict in report.verdicts for table in verdict.tables}
    named = {f"{service}.{name}" for name in not_in_the_log(service)}
    assert tables - checked - named == set()
    assert named - tables == set()
    assert checked & named == set()


def not_in_the_log(service: str) -> set[str]:
    """The tables of a service that the book of operators names, each with a reason."""
    section = SECTION.search((ROOT / "docs/operating.md").read_text())
    assert section is not None
    return {
        table
        for services, tables in ROW.findall(section[1])
        if service in services.split(", ")
        for table in re.findall(r"`(\w+)`", tables)
    }
