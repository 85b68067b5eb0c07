"""Error codes: those that the source can raise, and those that docs/errors.md explains."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
# Calls whose argument at this place is a code.
_CODED_CALLS = {"VerificationFailed": 0, "UrlRefused": 0, "ApiError": 1}
# Where the engine judges: codes are constants, and pairs with a sentence.
_JUDGES = ("curl_errors.py", "verdict.py", "dispatcher.py")


class Line(NamedTuple):
    """One line of docs/errors.md: the heading it stands under, and its cells by the head of their column."""

    heading: str
    code: str
    cells: dict[str, str]


def lines_of_the_page() -> list[Line]:
    """Every line of every table of docs/errors.md."""
    found, heading, columns = [], "", []
    for text in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").splitlines():
        if text.startswith("## "):
            heading = text.removeprefix("## ")
        elif text.startswith("| code |"):
            columns = [cell.strip() for cell in text.strip("|").split("|")]
        elif text.startswith("| `"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            assert len(cells) == len(columns), text
            found.append(Line(heading, cells[0].strip("`"), dict(zip(columns, cells, strict=True))))
    return found


def codes_of_the_source() -> set[str]:
    """Every code that the source gives to an error."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(codes_in(ast.parse(text)))
        found |= set(
            re.findall(r"\[([a-z_]+)\]\"(?:$|, ExitCode)", text, re.MULTILINE)
        )  # how a command's line of error ends
    for name in _JUDGES:
        found |= set(_judged(ast.parse((SOURCE / "engine" / name).read_text(encoding="utf-8")), name))
    return found


def codes_in(tree: ast.Module) -> Iterator[str]:
    """What is assigned to `code`, `code="…"` in a call, the argument of a coded call, `{"code": …}`, `_CODES`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign() | ast.AnnAssign() if "code" in _names(node) and node.value is not None:
                yield from (text for part in ast.walk(node.value) for text in _texts(part) if _CODE.fullmatch(text))
            case ast.AnnAssign(value=ast.Dict() as codes) if "_CODES" in _names(node):
                yield from (text for value in codes.values for text in _texts(value))
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                yield from (text for key, value in pairs if "code" in _texts(key) for text in _texts(value))
            case ast.Call():
                yield from (text for word in node.keywords if word.arg == "code" for text in _texts(word.value))
                place = _CODED_CALLS.get(node.func.id, 99) if isinstance(node.func, ast.Name) else 99
                yield from (text for argument in node.args[place : place + 1] for text in _texts(argument))


def _judged(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        texts: Iterator[str] = iter(())
        if isinstance(node, ast.Assign | ast.AnnAssign):
            texts = _texts(node.value)
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and name != "curl_errors.py":
            texts = _texts(node.elts[0])
        yield from (text for text in texts if _CODE.fullmatch(text))


def _names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _texts(node: ast.AST | None) -> Iterator[str]:
    match node:
        case ast.Constant(str(text)):
            yield text
        case ast.JoinedStr([ast.Constant(str(text)), ast.FormattedValue()]):
            yield f"{text}NNN"
