"""The Dockerfile: what it copies is there, what it sets is ours, and its health check tells a live server from none."""

import http.server
import json
import os
import re
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.deployment import check_command, check_variable
from support.pages import ROOT

_SOURCE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", _SOURCE, flags=re.MULTILINE))
INSTRUCTIONS = [(word, rest) for word, rest in re.findall(r"^([A-Z]+) +(.*)$", LINES, re.MULTILINE)]
FINAL = INSTRUCTIONS[[word for word, _ in INSTRUCTIONS].index("FROM", 2) :]


def one(word: str) -> str:
    """What the only such instruction of the final image says."""
    (rest,) = (rest for name, rest in FINAL if name == word)
    return rest


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in one("ENV").split())


def test_there_are_two_stages_and_only_the_environment_goes_from_one_to_the_other() -> None:
    assert [word for word, _ in INSTRUCTIONS].count("FROM") == 2
    assert [rest for word, rest in FINAL if word == "COPY"] == ["--from=build /opt/ringback /opt/ringback"]
    assert "apt-get" not in LINES
    for image in (rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"):
        assert "." not in image.split(":")[0], "named without a host"
    assert re.search(r"^ARG PYTHON=3\.\d+-slim-\w+$", LINES, re.MULTILINE)


def test_what_is_copied_is_there_and_is_handed_to_the_builder() -> None:
    let_through = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied = {
        name
        for word, rest in INSTRUCTIONS
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == let_through
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"requirements.txt", "requirements-dev.txt", "src"} <= copied


def test_what_the_image_sets_are_settings_and_its_command_is_one() -> None:
    set_here = variables()
    for name in set_here.keys() - {"PATH"}:
        check_variable(name)
    assert set_here["PATH"].startswith("/opt/ringback/bin:")
    assert json.loads(one("ENTRYPOINT")) == ["ringback"]
    assert check_command(json.loads(one("CMD"))) == "serve"
    assert json.loads(one("VOLUME")) == [set_here["RINGBACK_DATA"]]
    assert one("EXPOSE") == set_here["RINGBACK_PORT"]
    assert one("STOPSIGNAL") == "SIGTERM"


def test_it_runs_as_a_user_that_is_not_root_and_owns_the_data() -> None:
    user, _, group = one("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    made = one("RUN")
    assert f"--uid {user} " in made
    assert f"--gid {group} " in made
    assert variables()["RINGBACK_DATA"] in made


def test_the_label_has_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ("ARG", f"VERSION={project['version']}") in FINAL
    assert f'licenses="{project["license"]}"' in one("LABEL")


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers /healthz with `status`; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_says_whether_the_server_lives(status: int | None, code: int) -> None:
    command = json.loads(one("HEALTHCHECK").partition(" CMD ")[2])
    with answering(status or 200) as port:
        if status is not None:
            assert checked(command, port) == code
    if status is None:
        assert checked(command, port) == code


def checked(command: list[str], port: int) -> int:
    done = subprocess.run(
        command, env={**os.environ, "RINGBACK_PORT": str(port)}, capture_output=True, check=False, timeout=30
    )
    return done.returncode
