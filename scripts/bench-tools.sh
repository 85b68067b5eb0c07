#!/bin/sh
# Install the Debian packages that only the benchmark needs, where they are missing: a receiver (nginx) and a load
# generator (h2load, in nghttp2-client).
set -eu

missing=
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="nginx-light"
command -v h2load >/dev/null || missing="$missing nghttp2-client"
[ -n "$missing" ] || exit 0

echo "The benchmark needs$(printf ' %s' $missing): installing with apt-get."
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
