"""Packages of npm's that tests need, installed once into the user's cache. A test that can't have one says so."""

import hashlib
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from support.kept import kept_folder

INSTALL: Final = (
    *("npm", "install", "--prefer-offline", "--no-package-lock", "--ignore-scripts"),
    *("--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=1", "--loglevel=error"),
)


def installed(package_json: Path, name: str) -> Path:
    """The `node_modules` for this package.json, kept from run to run; there as a whole or not at all."""
    cache = kept_folder()
    kept = cache / f"{name.lower()}-{hashlib.sha256(package_json.read_bytes()).hexdigest()[:16]}"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=cache))
        try:
            shutil.copy(package_json, beside)
            _install(beside, name)
            with suppress(OSError):  # another run was faster
                beside.rename(kept)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return kept / "node_modules"


def _install(folder: Path, name: str) -> None:
    try:
        subprocess.run(INSTALL, cwd=folder, check=True, capture_output=True, text=True, timeout=180)
    except FileNotFoundError:
        pytest.fail("npm is not there; `make test` installs it on Debian (scripts/debian-tools.sh)")
    except subprocess.TimeoutExpired:
        pytest.fail(f"npm could not install {name} within 3 minutes: is its registry out of reach?")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"npm could not install {name}, which this test needs:\n{error.stderr[-2000:]}")
