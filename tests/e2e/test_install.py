"""The package as it is installed: the wheel has everything that runs, and a server starts from it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.process import Server

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ringback"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built offline, with the build backend that is pinned for development."""
    directory = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", directory, ROOT], check=True
    )
    (built,) = directory.glob("ringback-*.whl")
    return built


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    wanted = {
        f"ringback/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in wanted} >= {".py", ".toml", ".sql", ".csv", ".typed"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ringback"}


def test_a_server_starts_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {"PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-c", "import ringback; print(ringback.__file__)"],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    with Server(tmp_path / "data", environment=environment) as server:
        assert server.ask("GET", "/readyz").status == 200
        assert server.make("/v1/tenants", {"id": "acme", "name": "Acme"})["id"] == "acme"
