"""The command line: a format, a file, and where the lines go."""

import gzip
from pathlib import Path

import pytest
from pydantic_core import from_json
from typer.testing import CliRunner, Result

from integrations import command_line
from tests.unit.integrations.import_service import TOKEN, Service, served
from tests.unit.integrations.sources import FACTS

LOG = "case_id,timestamp,activity\n7,2026-01-05T12:00:00Z,New\n7,2026-01-05T13:00:00Z,Closed\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command_line.application, [str(argument) for argument in arguments])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "desk.csv"
    file.write_text(LOG)
    return file


def commands(text: str) -> list[str]:
    return [from_json(line)["command"] for line in text.splitlines()]


def test_lines_go_to_standard_output_and_the_report_does_not(log: Path) -> None:
    result = run("csv", log)

    assert result.exit_code == 0
    assert commands(result.stdout) == [
        "project.propose",
        "project.adopt-workflow",
        "issue.raise",
        "issue.transition",
    ]
    assert "guessed from its name" in result.stderr
    assert "4 import lines" in result.stderr


def test_lines_go_to_a_file(log: Path, tmp_path: Path) -> None:
    result = run("csv", log, "--output", tmp_path / "lines.ndjson")

    assert result.stdout == ""
    assert len(commands((tmp_path / "lines.ndjson").read_text())) == 4


def test_a_gzipped_file_is_read_whatever_it_is_called(log: Path, tmp_path: Path) -> None:
    packed = tmp_path / "desk.csv.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))

    assert run("csv", packed).stdout == run("csv", log).stdout


def test_options_name_the_project_the_source_the_categories_and_the_columns(tmp_path: Path) -> None:
    file = tmp_path / "desk.csv"
    file.write_text("id;when;what\n7;5/1/2026 12:00;New\n")

    result = run(
        "csv", file, "--source", "desk 2026", "--project-name", "The desk", "--category", "New=waiting",
        "--column", "activity=what", "--column", "timestamp=when", "--day-first", "--timezone", "Europe/Stockholm",
        "--kind", "problem",
    )  # fmt: skip

    lines = [from_json(line) for line in result.stdout.splitlines()]
    assert lines[0]["key"] == "desk 2026/The desk/propose"
    assert lines[1]["body"] == {"states": [{"name": "New", "category": "waiting"}]}
    assert lines[2]["effective_at"] == "2026-01-05T12:00:00+01:00"
    assert lines[2]["body"]["kind"] == "problem"


def test_the_python_releases_say_how_many_achievements_were_assumed() -> None:
    result = run("milestone-history", FACTS / "python-releases.jsonl")
    without = run("milestone-history", FACTS / "python-releases.jsonl", "--no-assume-met")

    assert "assumed met" in result.stderr
    assert "assumed met" not in without.stderr
    assert len(commands(without.stdout)) < len(commands(result.stdout))


def test_records_that_cannot_be_read_are_told_by_number(tmp_path: Path) -> None:
    file = tmp_path / "desk.csv"
    file.write_text(LOG + "8,,New\n" * 7)

    result = run("csv", file)

    assert result.exit_code == 0
    assert "7 records could not be read" in result.stderr
    assert "record 3: the timestamp is missing" in result.stderr
    assert "and records 8-9" in result.stderr


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        ("", [], "no header line"),
        ("what\nx\n", [], "no column for"),
        (LOG, ["--category", "New"], "not NAME=VALUE"),
        (LOG, ["--category", "New=odd"], "odd is not one of"),
        (LOG, ["--column", "when=timestamp"], "when is not one of"),
        (LOG, ["--timezone", "Mars/Olympus"], "no IANA time zone"),
        (LOG, ["--encoding", "klingon"], "no encoding"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    tmp_path: Path, content: str, arguments: list[str], sentence: str
) -> None:
    file = tmp_path / "desk.csv"
    file.write_text(content)

    result = run("csv", file, *arguments)

    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


def test_a_file_cut_short_is_told_in_a_sentence(tmp_path: Path) -> None:
    packed = tmp_path / "desk.csv.gz"
    packed.write_bytes(gzip.compress(LOG.encode() * 100)[:-30])

    assert run("csv", packed).exit_code == 2


def test_lines_are_posted_and_posted_again_without_being_recorded_twice(log: Path) -> None:
    service = Service()

    with served(service) as url:
        first = run("csv", log, "--post", "--url", url, "--token", TOKEN)
        again = run("csv", log, "--post", "--url", url, "--token", TOKEN)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "4 lines: 4 recorded; last position 4" in first.stderr
    assert "4 lines: 4 replayed; last position 4" in again.stderr
    assert first.stdout == ""


def test_lines_that_are_ready_are_sent_and_refused_ones_told_by_number(tmp_path: Path) -> None:
    ready = tmp_path / "lines.ndjson"
    ready.write_text('{"key": "a"}\n\n{"key": "b", "command": "refuse me"}\n{"key": "c"}\n')

    with served(Service()) as url:
        result = run("send", ready, "--url", url, "--token", TOKEN)

    assert result.exit_code == 1
    assert "3 lines: 2 recorded, 1 refused" in result.stderr
    assert "line 2 (b) refused: milestone_unknown None." in result.stderr


def test_a_service_that_refuses_fails_the_command_and_says_how_to_go_on(log: Path) -> None:
    with served(Service()) as url:
        result = run("csv", log, "--post", "--url", url, "--token", "another")

    assert result.exit_code == 1
    assert "Stopped after 0 of 4 lines: 401" in result.stderr
    assert "Send the same lines again" in result.stderr
