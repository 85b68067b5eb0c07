"""An event type as it is shown: a line of a list, a version of its schema, and a page."""

from typing import Any, Final

import msgspec
from rich.text import Text

from ringback.cli.shown import Column, indented, moment, print_block, print_facts, terminal

COLUMNS: Final = (
    Column("type", lambda entry: str(entry["name"])),
    Column("schema", lambda entry: "-" if entry.get("schema") is None else f"version {entry.get('version')}"),
    Column("sample", lambda entry: "-" if entry.get("sample") is None else "yes"),
    Column("deprecated", lambda entry: "yes" if entry.get("deprecated") else "", extra=True),
    Column("description", lambda entry: " ".join(str(entry.get("description") or "").split()), flexible=True),
)

VERSION_COLUMNS: Final = (
    Column("version", lambda version: str(version["version"]), right=True),
    Column("since (UTC)", lambda version: moment(version.get("created_at"))),
    Column("schema", lambda version: "none" if version.get("schema") is None else "yes"),
)


class _Texts(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"null")
    sample: msgspec.Raw = msgspec.Raw(b"null")


def show_type(entry: dict[str, Any], content: bytes) -> None:
    """The page; `content` is the entry as the API wrote it."""
    console = terminal()
    print_facts(
        console,
        [
            ("type", entry["name"]),
            ("version", str(entry["version"])),
            ("created", f"{moment(entry['created_at'])} UTC"),
            ("updated", f"{moment(entry['updated_at'])} UTC"),
            ("deprecated", "yes" if entry.get("deprecated") else None),
        ],
    )
    if entry.get("description"):
        console.print(Text("\ndescription", "bold"))
        print_block(console, entry["description"])
    texts = msgspec.json.decode(content, type=_Texts)
    for name, raw in (("schema", texts.schema), ("sample", texts.sample)):
        if bytes(raw) != b"null":
            console.print(Text(f"\n{name}", "bold"))
            print_block(console, indented(bytes(raw)) or bytes(raw).decode("utf-8", "replace"))
