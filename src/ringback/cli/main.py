"""The entry point of `ringback`: the commands put together, and errors turned into one line and an exit code.

Nobody who types a wrong flag or Ctrl-C sees a stack trace: errors that Ringback raises on purpose become one line on
standard error. Anything else does too, with the way to see the trace (`RINGBACK_TRACE=1`), and exit code 1.
"""

import http.client
import io
import os
import re
import ssl
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import ringback
from ringback.cli.exits import MEANINGS, ExitCode

try:
    import typer

    from ringback.cli.attempts import attempts
    from ringback.cli.backup import backup, restore
    from ringback.cli.bench import bench
    from ringback.cli.doctor import doctor
    from ringback.cli.endpoints import endpoints
    from ringback.cli.events import events
    from ringback.cli.keys import keys
    from ringback.cli.listen import listen
    from ringback.cli.migrate import migrate
    from ringback.cli.migrate_store import migrate_store
    from ringback.cli.operators import console_link, operators
    from ringback.cli.profile import profile
    from ringback.cli.records import records
    from ringback.cli.replay import replay
    from ringback.cli.send import send
    from ringback.cli.serve import serve
    from ringback.cli.tail import tail
    from ringback.cli.tracked_sets import tracked_sets
    from ringback.cli.types import types
    from ringback.cli.up import up
    from ringback.cli.verify import verify
    from ringback.client.errors import ApiError, ClientError, WrongField
    from ringback.model.errors import RingbackError, StartError
    from ringback.model.text import harmless
except KeyboardInterrupt:  # Ctrl-C while all this is loaded, which takes a moment
    sys.exit(ExitCode.INTERRUPTED)

EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."

UNREACHABLE_HINT = "Is the server running (`ringback up`), and is this its address (--url, RINGBACK_URL)?"

# Of one who asks in http where https is spoken, and the reverse.
IS_IT_HTTPS = "Something is there, but it doesn't answer in http. Is it an https:// address (--url, RINGBACK_URL)?"
IS_IT_HTTP = "Something is there, but it doesn't speak https. Is it an http:// address (--url, RINGBACK_URL)?"
NOT_TRUSTED = (
    "Something is there, but its certificate isn't trusted. Is this the server's address (--url, RINGBACK_URL)?"
)

# What the libraries that read the arguments say of a value, and how we say it.
IN_OUR_WORDS = (
    (r"^Invalid value for '([^']+)': ", r"\1: "),
    (r"^file: file ", "file: "),
    (r"Value error, ", ""),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"Input should be a valid integer.*", "it must be a whole number"),
    (r"Input should be a valid number.*", "it must be a number"),
    (r"Input should be", "it must be"),
)

# What somebody at a terminal can do about an error of the API, which itself knows nothing of flags. By code or detail.
HINTS = {
    "no_key": "Give another with --key or RINGBACK_KEY; @FILE reads it from a file.",
    "There is no such tenant.": "It is named by --tenant or RINGBACK_TENANT.",
    "http_400": "Is it an https:// address (--url, RINGBACK_URL)?",
    "forbidden": "Give a key with a broader scope (--key, RINGBACK_KEY).",
}

app = typer.Typer(
    name="ringback",
    help="Sends webhooks: signed, retried, in order if wanted, and logged.",
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(up, serve, send, listen, verify, tail, replay, console_link),
    *(doctor, backup, restore, migrate, migrate_store, bench),
):
    app.command()(command)
for name, group in (
    ("endpoints", endpoints),
    ("events", events),
    ("attempts", attempts),
    ("records", records),
    ("tracked-sets", tracked_sets),
    ("keys", keys),
    ("operators", operators),
    ("profile", profile),
    ("types", types),
):
    app.add_typer(group, name=name)


@app.command()
def version(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the version."""
    typer.echo(f'{{"version": "{ringback.__version__}"}}' if json else ringback.__version__)


def run() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that can't show a character gets its number instead of an error.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code. Prints to the process's standard streams."""
    try:
        ended = app(args=list(arguments) or ["--help"], prog_name="ringback", standalone_mode=False)
    except SystemExit as ending:  # how typer ends when nobody reads what is printed
        return ending.code if isinstance(ending.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except typer.Abort:  # no to a question, or Ctrl-C at it
        typer.echo("Nothing was changed.", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:
        if os.environ.get("RINGBACK_TRACE"):
            raise
        line, code = _told(error)
        # What callers and receivers wrote may stand in it.
        typer.echo(harmless(f"ringback: {line}", lines=True), err=True)
        return code
    return ended if isinstance(ended, int) else ExitCode.OK  # after --help or Ctrl-C, typer returns the exit code


def _told(error: Exception) -> tuple[str, int]:
    """One line about an error, and the exit code."""
    if isinstance(error, StartError):
        return f"{error.detail} [{error.code}]", error.exit_code
    if isinstance(error, RingbackError):
        return f"{error.detail} [{error.code}]", ExitCode.UNEXPECTED
    if isinstance(error, ApiError):
        # The detail tells the first field already: the others follow, one a line.
        fields = "".join(f"\n  {wrong.field}: {wrong.message}" for wrong in error.errors if not _tells(error, wrong))
        hint = HINTS.get(error.code) or HINTS.get(error.detail)
        detail = f"{error.detail} {hint}" if hint else error.detail
        return f"{detail} [{error.code}, HTTP {error.status}]{fields}", ExitCode.API_REFUSED
    if isinstance(error, ClientError):
        return f"The API can't be reached: {error}. {_hint(error)} [api_unreachable]", ExitCode.API_UNREACHABLE
    if isinstance(error, typer.BadParameter.__bases__):  # the base of all that is wrong with the arguments
        return _usage(error), ExitCode.BAD_SETTING
    kind = type(error).__name__
    return f"Something unexpected failed ({kind}). Set RINGBACK_TRACE=1 to see where.", ExitCode.UNEXPECTED


def _usage(error: Any) -> str:
    """A usage error of typer's, which has no public type of its own for it."""
    said = " ".join(error.format_message().split())
    for theirs, ours in IN_OUR_WORDS:
        said = re.sub(theirs, ours, said)
    said = said if said.endswith((".", "?")) else f"{said}."
    return f"{said} See `{error.ctx.command_path if error.ctx else 'ringback'} --help`. [usage]"


def _hint(error: ClientError) -> str:
    """What to look at when there was no whole answer."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NOT_TRUSTED
    if isinstance(cause, ssl.SSLError):
        return IS_IT_HTTP
    hung_up = isinstance(cause, http.client.BadStatusLine | ConnectionResetError)
    return IS_IT_HTTPS if hung_up and " http://" in str(error) else UNREACHABLE_HINT


def _tells(error: ApiError, wrong: WrongField) -> bool:
    return f"{wrong.field} {wrong.message}" in error.detail


if __name__ == "__main__":
    run()
