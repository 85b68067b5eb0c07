"""Documentation that fails when it misses something: settings, commands, error codes, log lines, links."""

import ast
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from ringback.cli.main import app
from ringback.observe import telemetry
from ringback.observe.attempts import HELD_BY, AttemptRecord
from ringback.observe.families import FAMILIES, PROCESS, SENDER_PREFIX
from ringback.settings import catalogue

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
# Calls whose first argument is a code.
CODED_CALLS = {"VerificationFailed", "UrlRefused"}


def test_the_generated_parts_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"run `make docs`: {checked.stdout}{checked.stderr}"


def test_every_flag_of_a_setting_is_one_of_serve() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `[a-z_]+` \| `(--[a-z-]+)` \|", page, re.MULTILINE))
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    assert len(named) > 10
    assert named <= {flag for option in serve.params for flag in option.opts}


def codes_in(tree: ast.Module) -> Iterator[str]:
    """Error codes: `code = "…"` in a class, `code="…"` in a call, the first argument of a coded call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.Assign | ast.AnnAssign):
                    targets = line.targets if isinstance(line, ast.Assign) else [line.target]
                    if any(isinstance(name, ast.Name) and name.id == "code" for name in targets):
                        yield from texts(line.value)
        elif isinstance(node, ast.Call):
            yield from (text for word in node.keywords if word.arg == "code" for text in texts(word.value))
            if isinstance(node.func, ast.Name) and node.func.id in CODED_CALLS and node.args:
                yield from texts(node.args[0])


def texts(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def attempt_codes() -> set[str]:
    """Codes of failed attempts and disabled endpoints, where the engine judges: constants, pairs with a sentence."""
    found = set()
    for name in ("curl_errors.py", "verdict.py", "dispatcher.py"):
        for node in ast.walk(ast.parse((SOURCE / "engine" / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign | ast.AnnAssign):
                found |= set(texts(node.value))
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and name != "curl_errors.py":
                found |= set(texts(node.elts[0]))
    codes = {text for text in found if CODE.fullmatch(text)}
    assert codes > {"timeout", "bad_status", "failing_too_long"}
    return codes


def test_every_error_code_is_explained() -> None:
    used = {
        code for path in SOURCE.rglob("*.py") for code in codes_in(ast.parse(path.read_text(encoding="utf-8")))
    } | attempt_codes()
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))  # in a table
    explained |= set(re.findall(r"`([a-z_]+)`\s\(", page))  # or in a sentence, with the explanation in brackets
    assert len(used) > 40
    assert used - explained == set()


def test_every_log_line_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for event in typing.get_args(telemetry.TelemetryEvent):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
        assert f"`{name}`" in page, name


def metrics_page() -> str:
    return (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def listed(heading: str) -> list[str]:
    """The first column of the tables under a heading of docs/metrics.md."""
    section = metrics_page().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)


def test_the_catalogue_has_every_metric_and_no_other() -> None:
    """tests/e2e/test_metrics.py holds the same names against what a real server shows."""
    ours = [family.name for family in FAMILIES]
    assert len(ours) == len(set(ours)) > 30
    process = [name for name, _, _ in PROCESS]
    assert sorted(listed("Metrics")) == sorted([*ours, *process, *HELD_BY])
    for name in process:
        assert f"`{SENDER_PREFIX}_{name}`" in metrics_page()


def test_every_metric_keeps_to_the_conventions() -> None:
    for family in FAMILIES:
        assert family.name.startswith("ringback_")
        assert family.name.endswith("_total") is (family.kind == "counter"), family.name
        assert family.tells.endswith("."), family.name
        assert not {"tenant", "tenant_id", "endpoint", "endpoint_id", "event_type"} & set(family.label_names)


def test_alert_rules_use_metrics_and_labels_that_exist() -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", metrics_page(), re.DOTALL)
    known = {family.name: set(family.label_names) for family in FAMILIES}
    used = re.findall(r"(ringback_\w+)(?:\{([^}]*)\})?", rules)
    assert len(used) > 10
    for name, selector in used:
        family = name.removesuffix("_bucket")
        assert family in known, name
        assert set(re.findall(r"(\w+)=~?", selector)) <= known[family] | {"job"}, name


def test_every_field_of_an_attempts_line_says_what_it_is() -> None:
    assert listed("The record of an attempt") == ["event", *AttemptRecord.__struct_fields__]
    section = metrics_page().split("## The record of an attempt")[1].split("\n## ")[0]
    assert not re.search(r"\|  \|\n", section)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:tests|scripts|bench|docs|examples)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:model|policy|engine|store|wire|api|cli)/\w+\.py)`", text):
        assert (SOURCE / path).exists(), path


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8")):
            assert target in targets, (page.name, target)


def test_every_setting_is_used() -> None:
    """A setting that nothing reads would be a promise that nobody keeps."""
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.name != "settings.py")
    for info in catalogue():
        name = "store_path" if info.name == "store" else info.name
        assert re.search(rf"settings\.{name}\b", sources), info.name
