"""`ringback listen`: a receiver for development, which prints, checks, answers as told, and keeps what came."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from ringback.cli.given import header_pairs
from ringback.cli.inbox import Inbox, Seen, SignatureCheck
from ringback.cli.receiver import Answer, Receiver
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting

DEFAULT_PORT: Final = 8081
LAST_ANSWER_S: Final = 0.05  # for the last answer to leave before the end


def listen(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = DEFAULT_PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(envvar="RINGBACK_SECRET", help="Secret to check signatures with; may be given again."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Profile the requests follow: one that comes with Ringback, or FILE.toml.")
    ] = "standard",
    status: Annotated[
        str, typer.Option(help="Status to answer, or several in turn: 500,500,200. The last one stays.")
    ] = "200",
    delay: Annotated[float, typer.Option(min=0, max=3_600, help="Seconds to wait before answering.")] = 0.0,
    body: Annotated[str, typer.Option(help="Body to answer.")] = "",
    header: Annotated[
        list[str] | None, typer.Option(help="Header to answer, 'Name: value'; may be given again.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="File to append every request to, one JSON line each.")] = None,
    max_requests: Annotated[int | None, typer.Option(min=1, help="Stop after this many requests.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a request.")] = False,
) -> None:
    """Receive webhooks here: print each request, check its signature, answer as told.

    The status is answered whether or not the signature fits. A handshake of the profile is answered with what it asks.
    """
    answers = [Answer(code, body.encode(), header_pairs(header or []), delay) for code in _statuses(status)]
    check = SignatureCheck(profile, secret or [])
    with ExitStack() as files:
        kept = files.enter_context(_opened(keep)) if keep else None

        def show(seen: Seen) -> None:
            if kept:
                kept.write(seen.as_json() + "\n")
                kept.flush()
            try:
                typer.echo(seen.as_json() if json else seen.as_text())
            except BrokenPipeError:  # nobody reads any more, as in `ringback listen | head`
                receiver.stop_later(0)

        def stop() -> None:
            receiver.stop_later(delay + LAST_ANSWER_S)

        receiver = Receiver(
            host, port, Inbox(answers, check, show, SystemClock(), requests_max=max_requests, on_full=stop)
        )
        # With --json, standard output is for requests alone.
        typer.echo(f"Listening on http://{_bracketed(host)}:{receiver.port}/", err=json)
        receiver.run()


def _statuses(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and 200 <= int(part) <= 599 for part in parts):
        raise BadSetting(f"status: {text!r} is not a status from 200 to 599, or several with commas between them.")
    return [int(part) for part in parts]


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"keep: {path} can't be written: {error.strerror}.") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
