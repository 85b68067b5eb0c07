"""Rules about the source itself, kept by reading it: what is banned, how large a file may be, what must be documented.

Each exception stands here with its reason. A rule that finds nothing to look at fails, so that it can't rot.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
FILES = sorted(SOURCE.rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# What may be larger, and why.
LARGE_FILES: dict[str, str] = {}
LARGE_FUNCTIONS: dict[str, str] = {}

# Time, chance and environment come in by argument; these modules are where they come from.
BANNED = {
    "time.time": "time", "time.time_ns": "time", "time.monotonic": "time", "time.monotonic_ns": "time",
    "time.perf_counter": "time", "time.perf_counter_ns": "time", "time.clock_gettime": "time",
    "time.gmtime": "time", "time.localtime": "time", "time.strftime": "time",
    "datetime.now": "time", "datetime.utcnow": "time", "datetime.today": "time",
    "datetime.datetime.now": "time", "date.today": "time", "random": "chance", "secrets": "chance",
    "uuid": "chance", "os.urandom": "chance", "os.getrandom": "chance",
    "os.environ": "environment", "os.environb": "environment", "os.getenv": "environment",
}  # fmt: skip
MAY_READ = {
    "clock.py": ({"time", "chance"}, "it is the clock"),
    "client/receiver.py": ({"time"}, "runs in applications, which have no clock of ours to hand over"),
    "testing/clock.py": ({"chance"}, "seeded, for tests: the same seed gives the same run"),
    "cli/main.py": ({"environment"}, "the process's edge: RINGBACK_TRACE"),
    "cli/serve.py": ({"environment"}, "the process's edge: hands the environment to the settings"),
    "cli/doctor.py": ({"environment"}, "the process's edge: hands the environment to the settings and the checks"),
    "cli/up.py": ({"environment"}, "the process's edge: hands the environment to the settings"),
    "engine/remote.py": ({"environment"}, "starts a child process with an environment without RINGBACK_ variables"),
    "cli/bench.py": ({"environment"}, "starts a child process with an environment without RINGBACK_ variables"),
}
ASYNC_PACKAGES = {"api", "console", "client"}

# What may import which package that isn't Python's own. import-linter keeps our own boundaries (.importlinter).
THIRD_PARTY = {
    "apsw": ("store/sqlite/",),
    "argon2": ("vault/passwords.py",),
    "certifi": ("engine/certificates.py",),
    "cel": ("policy/filter.py",),
    "cryptography": ("wire/ed25519.py", "vault/sealing.py"),
    "fastapi": ("api/",),
    "httptools": ("cli/receiver.py", "cli/load.py"),
    "idna": ("policy/url.py",),
    "jinja2": ("console/rendering.py",),
    "opentelemetry": ("observe/tracing.py",),
    "prometheus_client": ("observe/prometheus.py",),
    "jsonschema_rs": ("policy/schema.py",),
    "msgspec": (
        "api/",
        "cli/",
        "console/views/",
        "control/",
        "engine/",
        "ingest/",
        "observe/",
        "store/",
        "policy/health.py",
        "policy/json_value.py",
        "policy/missed.py",
        "policy/record_change.py",
    ),
    "psycopg": ("store/postgres/",),
    "pycares": ("engine/resolver.py", "doctor/machine.py"),
    "pycurl": ("engine/sender.py", "engine/curl_errors.py", "engine/exchange.py", "doctor/"),
    "pydantic": ("api/",),
    "pydantic_core": ("api/",),
    "rich": ("cli/",),
    "starlette": ("api/", "console/", "inspector.py"),
    "structlog": ("observe/logs.py",),
    "typer": ("cli/",),
    "uvicorn": ("api/", "compose.py"),
}
# The distribution that brings a package, where its name is another.
DECLARED_AS = {
    "argon2": "argon2-cffi",
    "cel": "common-expression-language",
    "opentelemetry": "opentelemetry-api",
    "prometheus_client": "prometheus-client",
    "jsonschema_rs": "jsonschema-rs",
    "pydantic": "fastapi",
    "pydantic_core": "fastapi",
    "starlette": "fastapi",
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def found_in_source(look: Callable[[Path], Iterator[str]]) -> list[str]:
    return [f"{named(path)}: {finding}" for path in FILES for finding in look(path)]


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def imported(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """(module, name or "", line) of every import that is not relative, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name, node.lineno) for alias in node.names)


def readings(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """(what it reads, how, line) for every use of something banned, however it was imported."""
    for module, name, line in imported(tree):
        for full in (module.split(".")[0], module, f"{module}.{name}"):
            if full in BANNED:
                yield BANNED[full], full, line
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) in BANNED:
            yield BANNED[dotted(node)], dotted(node), node.lineno


def test_there_is_a_source_to_look_at() -> None:
    assert len(FILES) > 40


def test_time_chance_and_environment_come_in_by_argument() -> None:
    def look(path: Path) -> Iterator[str]:
        allowed, _ = MAY_READ.get(named(path), (set(), ""))
        for what, how, line in readings(parsed(path)):
            if what not in allowed:
                yield f"line {line} reads {what} ({how})"

    assert found_in_source(look) == []


def test_no_exception_is_listed_that_is_not_needed() -> None:
    for name, (allowed, _) in MAY_READ.items():
        used = {what for what, _, _ in readings(parsed(SOURCE / name))}
        assert used == allowed, name


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import monotonic",
        "import os\nos.environ['A']",
        "from os import getenv",
        "import random",
        "from secrets import token_bytes",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "def late():\n    import uuid",
    ],
)
def test_the_ban_sees_every_way_to_get_around_it(source: str) -> None:
    assert list(readings(ast.parse(source)))


def test_the_ban_leaves_harmless_neighbours_alone() -> None:
    assert not list(readings(ast.parse("import time, os\ntime.sleep(1)\nos.replace('a', 'b')\nself.time.time()")))


def test_coroutines_stay_in_their_packages() -> None:
    def look(path: Path) -> Iterator[str]:
        if named(path).split("/")[0] in ASYNC_PACKAGES:
            return
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                yield f"line {node.lineno} is async"

    assert found_in_source(look) == []


def test_every_module_says_what_it_is_for() -> None:
    def look(path: Path) -> Iterator[str]:
        tree = parsed(path)
        if tree.body and not ast.get_docstring(tree):
            yield "has no docstring"

    assert found_in_source(look) == []


def test_files_stay_small() -> None:
    large = {named(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX}
    assert large == set(LARGE_FILES), f"at most {FILE_LINES_MAX} lines"


def test_functions_stay_small() -> None:
    large = {
        f"{named(path)}: {node.name}"
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    }
    assert large == set(LARGE_FUNCTIONS), f"at most {FUNCTION_LINES_MAX} lines"


def test_no_module_has_a_name_that_says_nothing() -> None:
    banned = re.compile(r"(^|_)(utils?|common|helpers?|managers?|misc)(_|$)")
    assert [named(path) for path in FILES if any(banned.search(part) for part in path.with_suffix("").parts)] == []


def test_checks_are_switched_off_only_by_name_and_with_care() -> None:
    def look(path: Path) -> Iterator[str]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"#\s*type:\s*ignore(?!\[)", line) or re.search(r"#\s*noqa(?!:)", line):
                yield f"line {number} switches every check off"
            if re.search(r"#\s*mypy:|#\s*ruff:\s*noqa(?!: [A-Z0-9, ]+ - \w)", line):
                yield f"line {number} switches checks off for a whole file without naming them and saying why"

    assert found_in_source(look) == []


def test_third_party_packages_are_imported_where_they_belong() -> None:
    def look(path: Path) -> Iterator[str]:
        for module, _, line in imported(parsed(path)):
            allowed = THIRD_PARTY.get(module.split(".")[0])
            if allowed is not None and not named(path).startswith(allowed):
                yield f"line {line} imports {module}"

    assert found_in_source(look) == []


def test_every_third_party_package_has_its_place() -> None:
    tops = {module.split(".")[0] for path in FILES for module, _, _ in imported(parsed(path))}
    assert tops - set(sys.stdlib_module_names) - {"ringback"} == set(THIRD_PARTY)


def test_every_package_that_is_imported_is_declared() -> None:
    declared = set()
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        declared.add(re.split(r"[^A-Za-z0-9_.-]", requirement)[0])
    assert {DECLARED_AS.get(package, package) for package in THIRD_PARTY} - declared == set()
