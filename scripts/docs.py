"""Write the generated parts of docs/ anew; `--check` only says whether they are up to date (exit code 1 if not).

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`, and comes from the code itself: settings
and limits, state tables, commands and exit codes, metrics and log lines, calls of the API. tests/docs runs the check.
"""

import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import api_tables
import profile_pages
import typer.main

from ringback.cli.exits import MEANINGS
from ringback.cli.main import app
from ringback.model import limits
from ringback.model.endpoint import ENDPOINT_MOVES
from ringback.observe import telemetry
from ringback.observe.attempts import AttemptRecord
from ringback.observe.attributes import ACCEPT, ACCEPT_ATTRIBUTES, ATTEMPT, ATTEMPT_ATTRIBUTES
from ringback.observe.families import FAMILIES, PROCESS, SENDER_PREFIX
from ringback.observe.logs import level_of, line_name
from ringback.policy.operations import KINDS
from ringback.setting import SettingInfo
from ringback.settings import catalogue
from ringback.wire import handshake, vocabulary
from ringback.wire.slots import SLOTS, TIME_FORMATS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PART = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def settings() -> str:
    # Those of `serve`: other commands may have a flag of that name for something else.
    flags = {flag for option in commands()["ringback serve"].params for flag in option.opts}
    return table(
        ("key", "flag", "variable", "default", "fits", "what it is; what it risks"),
        (
            (
                f"`{info.name}`",
                f"`{info.flag}`" if info.flag in flags and not info.secret else "",
                f"`{info.variable}`" + (" (alone)" if info.secret else ""),
                shown_default(info),
                info.limit,
                f"{info.about} {info.risk}".strip(),
            )
            for info in catalogue()
        ),
    )


def shown_default(info: SettingInfo) -> str:
    if info.default is None or info.default == ():
        return ""
    return f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"


def fixed_limits() -> str:
    settable = {info.name.upper() for info in catalogue()}
    names = re.findall(r"^([A-Z_]+): Final = ", Path(limits.__file__).read_text(encoding="utf-8"), re.MULTILINE)
    rows = ((f"`{name}`", f"{getattr(limits, name):,}") for name in names if name not in settable)
    return table(("limit", "value"), rows)


def diagram(moves: Mapping[tuple[Any, Any], Any]) -> str:
    lines = [f"    {before} --> {after}: {by}\n" for (before, by), after in moves.items() if before != after]
    return "```mermaid\nstateDiagram-v2\n" + "".join(lines) + "```\n"


def endpoint_states() -> str:
    return diagram(ENDPOINT_MOVES)


def health_phases() -> str:
    return diagram(importlib.import_module("ringback.policy.health").PHASE_MOVES)


def metrics() -> str:
    return table(
        ("metric", "type", "labels", "what it tells", "what to do"),
        (
            (
                f"`{family.name}`",
                family.kind,
                "; ".join(f"`{name}`: {values}" for name, values in family.labels),
                family.tells,
                family.act,
            )
            for family in FAMILIES
        ),
    )


def process_metrics() -> str:
    rows = ((f"`{name}`", f"`{SENDER_PREFIX}_{name}`", kind, tells) for name, kind, tells in PROCESS)
    return table(("the server", "the sender process", "type", "what it tells"), rows)


def operational_events() -> str:
    rows = ((f"`{kind.type}`", kind.description, f"`{kind.sample.decode()}`") for kind in KINDS.values())
    return table(("type", "what it says", "`data`, for example"), rows)


def telemetry_events() -> str:
    return table(
        ("line", "level", "fields", "what it says"),
        (
            (
                f"`{line_name(event)}`",
                level_of(event),
                ", ".join(f"`{name}`" for name in event._fields),
                re.sub(r"\s+", " ", event.__doc__ or "").strip(),
            )
            for event in typing.get_args(telemetry.TelemetryEvent)
        ),
    )


def wide_record() -> str:
    fields = re.findall(r"^    (\w+): ([^#\n]+?)(?:  # (.*))?$", inspect.getsource(AttemptRecord), re.MULTILINE)
    kinds = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "None": "null"}
    return table(
        ("field", "is", "says"),
        (
            (f"`{name}`", " or ".join(kinds[part] for part in kind.split(" | ")), says)
            for name, kind, says in [("event", "str", "always `attempt`"), *fields]
        ),
    )


def spans() -> str:
    rows = (
        (f"`{name}`", f"`{attribute}`", says)
        for name, attributes in ((ACCEPT, ACCEPT_ATTRIBUTES), (ATTEMPT, ATTEMPT_ATTRIBUTES))
        for attribute, says in attributes.items()
    )
    return table(("span", "attribute", "says"), rows)


def exit_codes() -> str:
    return table(("code", "meaning"), ((str(code.value), meaning) for code, meaning in MEANINGS.items()))


def commands() -> dict[str, Any]:
    """Every command by its full name."""
    found: dict[str, Any] = {}

    def walk(command: Any, name: str) -> None:
        if hasattr(command, "commands"):
            for inner, below in command.commands.items():
                walk(below, f"{name} {inner}")
        else:
            found[name] = command

    walk(typer.main.get_command(app), "ringback")
    return found


def command_pages() -> str:
    return "\n".join(command_page(name, command) for name, command in commands().items())


def command_page(name: str, command: Any) -> str:
    options = [option for option in command.params if option.name != "help"]
    rows = (
        (
            ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts)),
            "required" if option.required else shown_option_default(option.default),
            (getattr(option, "help", "") or "")
            + (f" Variable: `{option.envvar}`." if getattr(option, "envvar", None) else ""),
        )
        for option in options
    )
    text = re.sub(r"\s+", " ", command.help or "").strip()
    return f"### {name}\n\n{text}\n" + (f"\n{table(('flag', 'default', 'what it does'), rows)}" if options else "")


def shown_option_default(default: object) -> str:
    return "" if default in (None, False, (), "") else "on" if default is True else f"`{default}`"


def words_of_profiles() -> str:
    slots = table(
        ("slot", "kind", "is"), ((f"`{name}`", slot.kind.value, slot.meaning) for name, slot in SLOTS.items())
    )
    times = table(
        ("form", "of a time"), ((f"`{name}`", form.meaning) for name, form in TIME_FORMATS.items())
    )  # fmt: skip
    words = (
        ("form of the body", vocabulary.BODY_FORMS),
        ("algorithm", vocabulary.ALGORITHMS),
        ("encoding", vocabulary.ENCODINGS),
    )
    rest = [table((what, "is"), ((f"`{word}`", meaning) for word, meaning in known.items())) for what, known in words]
    return "\n".join([slots, times, *rest])


def words_of_handshakes() -> str:
    words = {
        "method": handshake.METHODS,
        "challenge": handshake.CHALLENGES,
        "challenge_in": handshake.CHALLENGE_PLACES,
        "answer_in": handshake.ANSWER_PLACES,
        "answer_case": handshake.CASES,
        "answer_status": handshake.ANSWER_STATUSES,
        "after_giving_up": handshake.AFTER_GIVING_UP,
        "errors": handshake.REASONS,
    }
    rows = ((f"`{key}`", f"`{word}`", meaning) for key, known in words.items() for word, meaning in known.items())
    return table(("key", "word", "is"), rows)


def calls() -> str:
    return table(("call", "key", "does", "takes", "answers"), api_tables.calls())


def objects() -> str:
    return table(("object", "fields"), api_tables.objects())


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "limits": fixed_limits,
    "exit codes": exit_codes,
    "commands": command_pages,
    "endpoint states": endpoint_states,
    "health phases": health_phases,
    "metrics": metrics,
    "process metrics": process_metrics,
    "telemetry events": telemetry_events,
    "operational events": operational_events,
    "wide record": wide_record,
    "spans": spans,
    "calls": calls,
    "words of profiles": words_of_profiles,
    "words of handshakes": words_of_handshakes,
    "objects": objects,
}


def renewed(text: str) -> str:
    """`text` with every generated part as the code has it now."""
    return PART.sub(lambda match: f"{match[1]}\n{PARTS[match['name']]()}\n{match[3]}", text)


def texts() -> Iterable[tuple[Path, str]]:
    """Every page that has something generated, as it ought to be."""
    for path in DOCS.glob("*.md"):
        yield path, renewed(path.read_text(encoding="utf-8"))
    for name, text in profile_pages.pages().items():
        yield DOCS / "profiles" / name, text


def main() -> int:
    stale = []
    for path, after in sorted(texts()):
        if not path.exists() or path.read_text(encoding="utf-8") != after:
            stale.append(str(path.relative_to(DOCS)))
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(after, encoding="utf-8")
    if stale:
        sys.stdout.write(f"{'out of date' if '--check' in sys.argv else 'written'}: {', '.join(stale)}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
