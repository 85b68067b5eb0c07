#!/bin/sh
# Install Debian packages whose programs are missing: scripts/debian-tools.sh WHAT-FOR PROGRAM=PACKAGE...
set -eu

what_for=$1
shift
missing=
for pair in "$@"; do
    program=${pair%%=*}
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

echo "$what_for:$missing missing, installing with apt-get."
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
