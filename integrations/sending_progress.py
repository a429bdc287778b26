"""Sends import lines with a progress bar and says in the end which of them were not taken."""

from collections.abc import Sequence

import httpx2
import stamina.instrumentation
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from stamina.instrumentation import RetryDetails

from integrations.sending import (
    Interrupted,
    LineResult,
    NotAccepted,
    Summary,
    client_for,
    send,
)

_REFUSED_SHOWN_MAX = 50


def send_with_progress(
    console: Console, url: str, token: str, lines: Sequence[bytes], title: str = "Sending"
) -> Summary | None:
    """Send all lines; `None` where the service did not take them to the end, which is then said."""
    summary = Summary()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    stamina.instrumentation.set_on_retry_hooks([_retries_on(console)])
    try:
        with client_for(url, token) as client, Progress(*columns, console=console) as progress:
            task = progress.add_task(title, total=len(lines))

            def advance(_: LineResult) -> None:
                progress.advance(task)

            send(client, lines, summary=summary, seen=advance)
    except (Interrupted, NotAccepted, httpx2.HTTPError) as error:
        reason = escape(str(error) or type(error).__name__)
        console.print(f"[bold red]Stopped after {summary.lines:,} of {len(lines):,} lines[/]: {reason}")
        console.print("Send the same lines again to resume: what was recorded is not recorded twice.")
        return None
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
        print_summary(console, summary)
    return summary


def _retries_on(console: Console) -> stamina.instrumentation.RetryHook:
    def say(details: RetryDetails) -> None:
        reason = escape(str(details.caused_by) or type(details.caused_by).__name__)
        console.print(f"[yellow]{reason}; trying again in {details.wait_for:.1f} s[/]")

    return say


def print_summary(console: Console, summary: Summary) -> None:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in summary.outcomes.most_common())
    console.print(f"{summary.lines:,} lines: {counts or 'none'}; last position {summary.position:,}")
    for result in summary.refused[:_REFUSED_SHOWN_MAX]:
        told = " ".join(part for part in (result.code, result.detail) if part)
        console.print(f"  line {result.number} ({escape(result.key)}) {result.outcome}: {escape(told)}")
    not_taken = summary.outcomes["refused"] + summary.outcomes["malformed"]
    if not_taken > _REFUSED_SHOWN_MAX:
        console.print(f"  and {not_taken - _REFUSED_SHOWN_MAX:,} more")
