"""Asking before something is done that can't be undone.

Whoever isn't there to be asked has to say `--yes`: without a terminal nothing is done, rather than everything.
"""

import sys
from typing import Annotated

import typer

from ringback.model.errors import StartError
from ringback.model.text import harmless

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


class NotConfirmed(StartError):
    """It was to be confirmed and wasn't; nothing was done."""

    code = "not_confirmed"
    exit_code = 14


def confirm(what: str, yes: bool) -> None:
    """Return if it shall be done. `what` says what will happen, in a sentence. Raises NotConfirmed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(f"{what} There is no terminal to confirm it on: say --yes. Nothing was changed.")
    typer.echo(harmless(what), err=True)
    try:
        agreed = typer.confirm("Go on?", err=True)
    except typer.Abort:  # the end of what is typed, or Ctrl-C
        typer.echo(err=True)
        agreed = False
    if not agreed:
        raise NotConfirmed("Nothing was changed.")
