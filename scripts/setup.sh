#!/bin/sh
# Make .venv with everything pinned and the project installed editable; do nothing when that is done already.
# Needs Python 3.11 or later. Where Python lacks `venv` (Debian), installs python3-venv with apt-get and says so.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Ringback needs Python 3.11 or later; set PYTHON to its path." >&2
    exit 1
}

install_venv_module() {
    package=$("$python" -c 'import sys; print("python3-venv python%d.%d-venv" % sys.version_info[:2])')
    echo "This Python has no venv module: installing $package with apt-get."
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root apt-get update -qq
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $package >/dev/null
}

python=$(find_python)
stamp=.venv/.installed
wanted=$(
    pwd
    "$python" -VV
    cat requirements.txt requirements-dev.txt pyproject.toml scripts/setup.sh | cksum
)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

echo "Setting up .venv (once; again only when the pinned requirements change)."
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv_module
    "$python" -m venv --clear .venv
fi
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --requirement requirements.txt --requirement requirements-dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >"$stamp"
