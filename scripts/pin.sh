#!/bin/sh
# Pin exact versions: pyproject.toml -> requirements.txt, requirements-dev.in -> requirements-dev.txt.
# Needs `uv`. Keeps the versions that are pinned already; `scripts/pin.sh --upgrade` takes the newest.
set -eu
cd "$(dirname "$0")/.."

pin() {
    input=$1 output=$2
    shift 2
    uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
        "$@" --output-file "$output" "$input"
}

pin pyproject.toml requirements.txt "$@"
pin requirements-dev.in requirements-dev.txt --constraint requirements.txt "$@"
