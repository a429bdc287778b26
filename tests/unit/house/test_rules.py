"""The house rules find what they are there for, and leave alone what is fine."""

from pathlib import Path

import pytest

from deploy.house.dependencies import undeclared_imports
from deploy.house.docstrings import module_docstrings, published_docstrings
from deploy.house.names import refused_identifiers, refused_modules, vague_events
from deploy.house.prose import addresses_in_locks, wrong_words
from deploy.house.sizes import FILE_LINES_MAX, FUNCTION_LINES_MAX, long_files, long_functions
from deploy.house.sources import Source
from deploy.house.testing import refused_in_tests


def source(text: str, path: str = "services/projects/thing.py") -> Source:
    return Source(Path(path), text)


def body(lines: int) -> str:
    return "".join("    x = 1\n" for _ in range(lines))


def test_a_file_may_have_as_many_lines_as_allowed_and_not_one_more() -> None:
    assert list(long_files(source("x = 1\n" * FILE_LINES_MAX))) == []
    assert [str(finding) for finding in long_files(source("x = 1\n" * (FILE_LINES_MAX + 1)))] == [
        "services/projects/thing.py:1: 301 lines, at most 300"
    ]


def test_a_function_may_have_as_many_lines_as_allowed_and_not_one_more() -> None:
    fits = f"def decide():\n{body(FUNCTION_LINES_MAX - 1)}"
    assert list(long_functions(source(fits))) == []
    assert [
        str(finding) for finding in long_functions(source(f"import re\n\n\nasync {fits}    y = 2\n"))
    ] == ["services/projects/thing.py:4: decide has 41 lines, at most 40"]


@pytest.mark.parametrize(
    "path", ["libs/events/utils.py", "services/projects/core/milestone.py", "libs/models.py"]
)
def test_a_module_whose_name_says_nothing_is_refused(path: str) -> None:
    assert len(list(refused_modules(source("", path)))) == 1


def test_a_module_named_after_its_content_is_welcome() -> None:
    assert list(refused_modules(source("", "services/projects/schedule/milestone.py"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "def handle(cmd): ...",
        "evt = 1",
        "class EvtLog: ...",
        "for msg in []: ...",
        "db_conn = 1",
        "async def ctx(): ...",
    ],
)
def test_an_abbreviation_is_refused_where_a_name_is_given(text: str) -> None:
    assert len(list(refused_identifiers(source(text)))) == 1


def test_words_that_contain_an_abbreviation_and_names_of_libraries_are_fine() -> None:
    text = "connection = library.ctx\nmessage: str = library.call(conn=connection)\nconnector = 1\n"
    assert list(refused_identifiers(source(text))) == []


def test_an_event_says_what_happened() -> None:
    assert len(list(vague_events(source("class MilestoneUpdated(EventData): ...")))) == 1
    assert list(vague_events(source("class MilestoneReforecast(EventData): ..."))) == []
    assert list(vague_events(source("class LogChanged(Exception): ..."))) == []


def test_a_module_says_in_a_few_lines_what_it_is() -> None:
    assert list(module_docstrings(source('"""A milestone."""\n'))) == []
    assert len(list(module_docstrings(source("x = 1\n")))) == 1
    assert len(list(module_docstrings(source('"""' + "line\n" * 7 + '"""\n')))) == 1


def test_what_a_library_offers_is_described_and_what_it_keeps_to_itself_may_speak_for_itself() -> None:
    offered, kept = "def append(): ...\n", "def _append(): ...\n"
    assert len(list(published_docstrings(source(offered, "libs/events/log/log.py")))) == 1
    assert list(published_docstrings(source(kept, "libs/events/log/log.py"))) == []
    assert list(published_docstrings(source(offered, "services/projects/loading.py"))) == []


@pytest.mark.parametrize(
    "text", ["the behaviour of", "Organisation", "serialised", "-- TODO later", "# FIXME"]
)
def test_a_text_is_american_and_finished(text: str) -> None:
    assert len(list(wrong_words(Path("docs/operating.md"), text))) == 1


@pytest.mark.parametrize(
    "text", ["the behavior of a promise", "advises", "StateCategory.TODO", "exercise", "raises"]
)
def test_a_word_that_only_looks_british_or_unfinished_is_fine(text: str) -> None:
    assert list(wrong_words(Path("docs/operating.md"), text)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("requirements-dev.txt", "--index-url https://packages.example/simple"),
        ("requirements-dev.txt", "thing @ git+ssh://packages.example/thing"),
        ("services/projects/requirements.txt", "--trusted-host packages.example"),
        ("services/projects/requirements.txt", "-i packages.example/simple"),
        (
            "examples/consumers/typescript/package-lock.json",
            '      "resolved": "packages.example/thing-1.0.tgz",',
        ),
        ("examples/consumers/typescript/package-lock.json", '      "funding": {'),
        (
            "examples/consumers/typescript/package-lock.json",
            '        "url": "https://sponsors.example/thing"',
        ),
        ("uv.lock", 'source = { registry = "https://packages.example/simple" }'),
    ],
)
def test_a_lock_names_no_address(path: str, line: str) -> None:
    assert [str(finding) for finding in addresses_in_locks(Path(path), f"{{\n{line}\n")] == [
        f"{path}:2: a lock names no address"
    ]
    assert list(addresses_in_locks(Path("README.md"), line)) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (
            "requirements-dev.txt",
            "httpx2==2.16.0 \\\n    --hash=sha256:0a30ef8f5322a4173720ae6712dc9a5e58f5a198",
        ),
        (
            "tests/clients/package/package-lock.json",
            '      "integrity": "sha512-GzHQ//odN+R5==",\n      "license": "MIT"',
        ),
    ],
)
def test_a_lock_names_what_is_wanted_and_what_it_must_hash_to(path: str, line: str) -> None:
    assert list(addresses_in_locks(Path(path), line)) == []


def test_a_test_neither_sleeps_nor_patches_nor_excuses_itself() -> None:
    path = "tests/unit/test_thing.py"
    for text in ("await asyncio.sleep(1)", "mock.patch('x')", "pytest.mark.xfail", "pytest.skip('later')"):
        assert len(list(refused_in_tests(source(text, path)))) == 1, text
    assert list(refused_in_tests(source("asyncio.sleep(1)", "services/projects/thing.py"))) == []
    assert list(refused_in_tests(source("asyncio.sleep(1)", "tests/support/eventually.py"))) == []


def test_a_test_may_need_the_whole_data_sets() -> None:
    path = "tests/unit/test_thing.py"
    excused = "needs = pytest.mark.skipif(DATA is None, reason='MILEPOST_DATA is not set')"
    assert list(refused_in_tests(source(excused, path))) == []
    assert len(list(refused_in_tests(source("needs = pytest.mark.skipif(SLOW)", path)))) == 1


def test_an_import_is_named_among_the_dependencies_of_its_part() -> None:
    declared = {Path("services/projects"): frozenset({"nats-py", "pydantic"})}
    fine = "import json\nimport nats.js\nfrom pydantic_core import from_json\nfrom libs.events import log\n"
    assert list(undeclared_imports(source(fine), declared)) == []
    assert [str(finding) for finding in undeclared_imports(source("\nimport rich.console"), declared)] == [
        "services/projects/thing.py:2: `rich` is not among the dependencies of services/projects/pyproject.toml"
    ]
    assert list(undeclared_imports(source("import rich", "integrations/thing.py"), declared)) == []
