"""`ringback keys rotate-master`: seal everything with a new master key while the server goes on."""

import json as json_format
import time
from typing import Any, Final

import typer

from ringback.cli.api import DEFAULT_URL, Key, Url, connect
from ringback.cli.backup import OneJson
from ringback.cli.confirm import Yes, confirm
from ringback.cli.progress import bar
from ringback.client.client import Client

PATH: Final = "/v1/master-key"
LOOK_EVERY_S: Final = 0.2
FIELDS: Final = ("key_id", "source", "others", "left")


def rotate_master(
    key: Key,
    url: Url = DEFAULT_URL,
    yes: Yes = False,
    json: OneJson = False,
) -> None:
    """Seal all secrets with a new master key while the server goes on.

    A backup opens with the key of its time: keep a copy of the present master.key with the backups first. Where the
    keys are in RINGBACK_MASTER_KEY, put the new one before the old, restart, then run this.
    """
    with connect(url, key, None) as client:
        before = client.call("GET", PATH, expect=FIELDS)
        confirm(_consequence(before), yes)
        state = client.call("POST", f"{PATH}/rotate", {}, expect=FIELDS)
        with bar("Sealing anew", in_bytes=False, shown=not json) as report:
            state = _wait(client, state, report)
    typer.echo(json_format.dumps(state) if json else _told(state))


def _wait(client: Client, state: dict[str, Any], report: Any) -> dict[str, Any]:
    """Until nothing is sealed with another key, and, where the server keeps the keys, the old one is gone."""
    total = state["left"]
    while state["left"] or (state["source"] == "file" and state["others"]):
        report(max(total - state["left"], 0), max(total, state["left"]))
        time.sleep(LOOK_EVERY_S)
        state = client.call("GET", PATH, expect=FIELDS)
    report(total, total)
    return state


def _consequence(state: dict[str, Any]) -> str:
    if state["source"] == "variable":
        return f"Everything will be sealed with {state['key_id']}, the first key of RINGBACK_MASTER_KEY."
    return (
        f"A new key is made, and the present one, {state['key_id']}, leaves master.key in the end. Backups made so far "
        "need it: keep a copy of that file with them."
    )


def _told(state: dict[str, Any]) -> str:
    sealed = f"Everything is sealed with the master key {state['key_id']}."
    if state["others"]:
        return f"{sealed} {', '.join(state['others'])} can leave RINGBACK_MASTER_KEY; keep it with the old backups."
    return sealed
