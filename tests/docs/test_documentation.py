"""Documentation that fails when it misses something: settings, commands, calls, log lines, metrics, links.

Error codes have a test of their own (test_error_codes.py), and so have the commands of the pages (test_pages.py).
"""

import ast
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer.main

from ringback.api.management.openapi import EVENT_PATHS
from ringback.api.management.record_paths import RECORD_SCOPES
from ringback.cli.main import app
from ringback.observe import telemetry
from ringback.observe.attempts import HELD_BY, AttemptRecord
from ringback.observe.families import FAMILIES, PROCESS, SENDER_PREFIX
from ringback.settings import catalogue, load
from support.api_world import ApiWorld

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"
PAGES = [path for place in ("*.md", "docs/**/*.md", "examples/**/*.md") for path in sorted(ROOT.glob(place))]


def test_the_generated_parts_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"run `make docs`: {checked.stdout}{checked.stderr}"


def audited() -> dict[str, set[str]]:
    """The lines about what somebody did, with their fields, where the code writes them."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Attribute(attr="_audit"), [ast.Constant(str(name)), ast.Dict() as fields]):
                    keys = [key.value for key in fields.keys if isinstance(key, ast.Constant)]
                    found.setdefault(name, set()).update(map(str, keys))
    return found


def test_every_flag_of_a_setting_is_one_of_serve() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `[a-z_]+` \| `(--[a-z-]+)` \|", page, re.MULTILINE))
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    assert len(named) > 10
    assert named <= {flag for option in serve.params for flag in option.opts}


def test_every_log_line_is_explained_and_no_other() -> None:
    section = metrics_page().split("## Log lines\n")[1].split("\n## ")[0]
    own, others = section.split("<!-- end -->")
    typed = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower() for event in typing.get_args(telemetry.TelemetryEvent)
    }
    assert set(re.findall(r"^\| `([a-z_]+)` \|", own, re.MULTILINE)) == typed
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", others, re.MULTILINE))
    assert rows.pop("library")
    assert rows.pop("audit_not_written")  # tests/unit/api/test_management_audit.py says with what
    assert {line: set(re.findall(r"`([a-z_]+)`", fields)) for line, fields in rows.items()} == audited()
    assert len(rows) > 5


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


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What links can lead to within a page: its headings, as they are written in an address."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", text_of(page))):
        if not target.startswith("https://"):
            found = page.parent / target if target else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_files_that_are_named_exist(page: Path) -> None:
    text = text_of(page)
    for path in re.findall(r"`((?:tests|scripts|bench|docs|examples|deploy)/[\w/.@-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:model|policy|engine|store|wire|api|cli)/\w+\.py)`", text):
        assert (SOURCE / path).exists(), path


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z]+)`", text_of(page)):
            assert target in targets, (page.name, target)


def command_lines() -> dict[str, set[str]]:
    """Every command of `ringback` by its name, with its flags."""
    found: dict[str, set[str]] = {}

    def walk(command: typing.Any, name: str) -> None:
        found[name] = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        for inner, below in getattr(command, "commands", {}).items():
            walk(below, f"{name} {inner}")

    walk(typer.main.get_command(app), "ringback")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_exist_with_their_flags(page: Path) -> None:
    known = command_lines()
    for line in re.findall(r"`(ringback [a-z][^`]*)`", text_of(page)):
        words = line.split()
        name = " ".join(words[:3]) if " ".join(words[:3]) in known else " ".join(words[:2])
        assert name in known, line
        for flag in re.findall(r"--[a-z-]+", line):
            assert flag in known[name] | {"--help"}, line


def inline_commands(program: str) -> list[list[str]]:
    """The words of each `program …` that stands in the text of a page."""
    return [line.split() for page in PAGES for line in re.findall(rf"`({program} [^`]*)`", text_of(page))]


def test_make_targets_in_the_text_exist_and_take_their_variables() -> None:
    recipes = dict(
        re.findall(r"^([a-z]+):.*\n((?:\t.*\n?)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    given = 0
    for _, target, *variables in inline_commands("make"):
        assert target in recipes, target
        for name, _, value in (variable.partition("=") for variable in variables):
            assert value, f"make {target} {name}"
            assert f"$({name})" in recipes[target] or f"$(or $({name})," in recipes[target], f"make {target} {name}"
            given += 1
    assert given >= 2


def test_the_makefiles_own_words_name_the_variables_that_a_target_takes() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target, says, recipe in re.findall(r"^([a-z]+):.*## (.*)\n((?:\t.*\n?)+)", text, re.MULTILINE):
        taken = set(re.findall(r"\$\(or \$\((\w+)\)", recipe))
        assert set(re.findall(r"\b([A-Z]+)=", says)) == taken, target


def test_programs_of_the_bench_in_the_text_exist_with_their_flags() -> None:
    commands = inline_commands("python")
    assert len(commands) >= 3
    for _, program, *arguments in commands:
        flags = [argument for argument in arguments if argument.startswith("--")]
        source = (ROOT / program).read_text(encoding="utf-8")
        for flag in flags:
            assert f'add_argument("{flag}"' in source, f"{program} {flag}"


def test_the_example_of_the_settings_file_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```toml\n(.*?)```", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.DOTALL
    )
    (tmp_path / "ringback.toml").write_text(example)
    settings = load({}, {}, tmp_path / "ringback.toml")
    assert (settings.port, str(settings.data), len(settings.allow)) == (9000, "/var/lib/ringback", 1)


def test_every_route_of_the_app_stands_in_the_guide_and_no_other() -> None:
    """The table is generated from the OpenAPI document; this holds it against the routes themselves.

    Those of published contracts stand on a page of their own: test_compat_page.py.
    """
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", page, re.MULTILINE))
    routes = {
        (method, getattr(route, "path_format", None) or route.path)
        for route in ApiWorld().app.routes
        for method in getattr(route, "methods", None) or ()
    }
    routes |= {("POST", path) for path in EVENT_PATHS}
    routes |= {(method.upper(), path) for method, path in RECORD_SCOPES}
    elsewhere = ("/docs", "/openapi.json", "/compat/")
    of_pages = {(method, path) for method, path in routes if path.startswith(elsewhere)}
    heads = {(method, path) for method, path in routes if method == "HEAD"}
    assert listed == {f"{method} {path}" for method, path in routes - of_pages - heads}
    assert len(listed) > 45
    assert "`/docs`" in page
    assert "`/openapi.json`" in page


def test_every_setting_is_used() -> None:
    """A setting that nothing reads would be a promise that nobody keeps."""
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.name != "settings.py")
    for info in catalogue():
        name = "store_path" if info.name == "store" else info.name
        assert re.search(rf"settings\.{name}\b", sources), info.name
