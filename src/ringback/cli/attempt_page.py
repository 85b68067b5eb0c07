"""An attempt as it is shown: a line of a list, and a page with request, response and where the time went."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ringback.cli.curl import body_is_gone, request_body
from ringback.cli.shown import Column, counted, indented, print_block, print_facts, span, terminal
from ringback.model.text import harmless

WATERFALL_CELLS: Final = 40
BODY_CHARS_SHOWN: Final = 64 * 1024

Json = dict[str, Any]

# In the order in which they happen; the names people know them by.
_PHASES: Final = (("dns", "name"), ("connect", "connect"), ("tls", "tls"), ("first_byte", "wait"))


def answer_text(attempt: Json) -> Text:
    """`✓ 200`, `✗ 503`, `✗ timeout`."""
    error = attempt.get("error") or {}
    said = harmless(str(attempt.get("status_code") or error.get("code") or attempt["outcome"]))
    if attempt["outcome"] == "succeeded":
        return Text(f"✓ {said}", "green")
    return Text(f"✗ {said}", "dim" if error.get("code") == "cancelled" else "red")


def _listed_answer(attempt: Json) -> Text:
    """The same, and whether it was the last."""
    given_up = attempt.get("final") and attempt["outcome"] == "failed"
    return answer_text(attempt).append(", last" if given_up else "")


COLUMNS: Final = (
    Column("attempt", lambda attempt: str(attempt["id"])),
    Column("at (UTC)", lambda attempt: f"{attempt['at'][5:10]} {attempt['at'][11:19]}"),
    Column("try", lambda attempt: str(attempt["number"]), right=True),
    Column("answer", _listed_answer, flexible=True),
    Column("took", lambda attempt: span(attempt["duration_ms"]), right=True),
    Column("type", lambda attempt: attempt.get("event_type") or "", extra=True),
    Column("event", lambda attempt: attempt.get("event_id") or "", extra=True),
    Column("endpoint", lambda attempt: attempt.get("endpoint_id") or "", extra=True),
)


def show_attempt(attempt: Json) -> None:
    """The page."""
    console = terminal()
    print_facts(console, _facts(attempt))
    if attempt.get("timings_ms"):
        _show_timings(console, attempt["timings_ms"])
    request, response = attempt.get("request"), attempt.get("response")
    if request is not None:
        console.print(Text("\nrequest", "bold"))
        console.print(Text(f"  {harmless(request['method'])} {harmless(request['url'])}"), soft_wrap=True)
        _show_message(console, request, "")
    else:
        console.print(Text("\nNothing was sent.", "bold"))
    if response is not None:
        console.print(Text("\nresponse", "bold"))
        console.print(Text(harmless(f"  HTTP/{attempt.get('http_version') or '?'} {attempt.get('status_code')}")))
        _show_message(console, response, ", cut: the log keeps no more" if response.get("truncated") else "")
    elif request is not None:
        console.print(Text("\nNo answer came.", "bold"))


def _facts(attempt: Json) -> list[tuple[str, str | Text | None]]:
    error = attempt.get("error")
    outcome = answer_text(attempt)
    outcome.append(f" in {span(attempt['duration_ms'])}", "")
    doubts = [
        text
        for name, text in (
            ("superseded", "its delivery had been settled meanwhile"),
            ("maybe_repeated", "a process died that may have sent it before"),
        )
        if attempt.get(name)
    ]
    event = " ".join(part for part in (attempt.get("event_id"), attempt.get("event_type")) if part)
    return [
        ("attempt", attempt["id"]),
        ("event", event or None),
        ("endpoint", attempt["endpoint_id"]),
        ("profile", _profile(attempt)),
        ("at", f"{attempt['at'][:10]} {attempt['at'][11:23]} UTC"),
        ("try", f"{attempt['number']}{', no other follows' if attempt.get('final') else ''}"),
        ("outcome", outcome),
        ("error", f"{error['message']} [{error['code']}]" if error else None),
        ("dialled", attempt.get("remote_address")),
        ("note", f"The receiver may have it twice: {' and '.join(doubts)}." if doubts else None),
    ]


def _profile(attempt: Json) -> str | None:
    """`standard, version 1a2b3c4d`."""
    name, version = attempt.get("profile"), attempt.get("profile_version")
    return f"{name}, version {version}" if name and version else name


def _show_timings(console: Console, timings: Json) -> None:
    """A line a phase, each bar where the one before it ends."""
    total = timings["total"]
    phases = [(name, timings.get(key)) for key, name in _PHASES]
    rest = "wait" if timings.get("first_byte") is None else "body, rest"
    phases.append((rest, total - sum(ms for _, ms in phases if ms)))
    console.print(Text("\ntimings", "bold"))
    begun = 0.0
    for name, ms in phases:
        if ms is None:
            continue
        start = round(begun / total * WATERFALL_CELLS) if total > 0 else 0
        begun += max(ms, 0.0)
        end = round(begun / total * WATERFALL_CELLS) if total > 0 else 0
        line = Text(f"  {name:10}  {span(max(ms, 0.0)):>8}  {' ' * start}")
        line.append("█" * (end - start) or "▏", "cyan")
        console.print(line, soft_wrap=True)
    console.print(Text(f"  {'in all':10}  {span(total):>8}"))


def _show_message(console: Console, message: Json, remark: str) -> None:
    """Headers, and the body: JSON on several lines, anything else as it is."""
    headers: Sequence[Sequence[str]] = message["headers"]
    for name, value in headers:
        console.print(Text.assemble("  ", (f"{harmless(name)}:", "dim"), f" {harmless(value)}"), soft_wrap=True)
    if body_is_gone(message):
        console.print(Text("\n  the body is not kept any more", "dim"))
        return
    body = request_body(message)
    if not body:
        console.print(Text(f"\n  no body{remark}", "dim"))
        return
    pretty = indented(body) if len(body) <= BODY_CHARS_SHOWN else None
    kind = "JSON, shown on several lines" if pretty else "not UTF-8" if message.get("body_base64") else "text"
    console.print(Text(f"\n  body: {counted(len(body), 'byte')}, {kind}{remark}", "dim"), soft_wrap=True)
    print_block(console, pretty or message["body"])
