"""What the files of a deployment say to the program, and whether it would understand: commands, flags, variables.

The files are read, not run: containers, units and a cluster need what isn't there where the tests run.
"""

import re
from collections.abc import Sequence
from configparser import RawConfigParser
from pathlib import Path
from typing import Any, Final

import typer.main
import yaml

from ringback.cli.main import app
from ringback.settings import catalogue, load
from support.pages import ROOT

DEPLOY: Final = ROOT / "deploy"
_VARIABLES: Final = {info.variable: info for info in catalogue()}


def check_command(words: Sequence[str]) -> str:
    """The name of the command that `ringback WORDS` is; fails when it doesn't exist, or hasn't such flags."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    name, *given = words
    assert name in commands, words
    options = {flag: option for option in commands[name].params for flag in option.opts}
    rest = iter(given)
    for word in rest:
        flag, equals, value = word.partition("=")
        assert flag in options, (name, word)
        if not options[flag].is_flag:
            value = value if equals else next(rest)
            assert value, (name, word)
            assert not value.startswith("--"), (name, word, value)
            if flag == "--role":
                load({"role": value}, {}, None)
    return name


def check_variable(name: str) -> None:
    """Fails unless it is one that `serve` reads."""
    assert name in _VARIABLES, name


def yaml_of(path: Path) -> Any:
    """A file with one document, merge keys resolved."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def variables_named(text: str) -> dict[str, str]:
    """The variables that compose puts in (`${NAME}`), each with what stands behind the name."""
    return dict(re.findall(r"\$\{(\w+)(:[?-][^}]*)?\}", text))


def example_variables(path: Path) -> dict[str, str]:
    """What a file of variables sets, the lines that are commented out too."""
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))


class Unit(RawConfigParser):
    """A systemd unit, keys as they are written. A key that comes twice fails."""

    def __init__(self, path: Path) -> None:
        super().__init__(interpolation=None, strict=True, delimiters=("=",), comment_prefixes=("#", ";"))
        self.name = path.name
        self.read_string(path.read_text(encoding="utf-8"))

    def optionxform(self, optionstr: str) -> str:
        return optionstr

    @property
    def command(self) -> list[str]:
        """The words of ExecStart, of the first instance where there are several."""
        return self["Service"]["ExecStart"].replace("%i", "1").split()
