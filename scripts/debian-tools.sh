#!/bin/sh
# Install Debian packages whose programs are missing: scripts/debian-tools.sh WHAT-FOR PROGRAM=PACKAGE...
# A package's own service is neither started nor enabled, and PostgreSQL's makes no cluster: only its programs are wanted.
set -eu

is_there() {
    command -v "$1" >/dev/null && return
    # Debian keeps servers off an ordinary user's PATH, and PostgreSQL's apart for each version.
    for path in "/usr/sbin/$1" /usr/lib/postgresql/*/bin/"$1"; do
        [ ! -x "$path" ] || return 0
    done
    return 1
}

what_for=$1
shift
missing=
for pair in "$@"; do
    is_there "${pair%%=*}" || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

echo "$what_for:$missing missing, installing with apt-get."
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2016,SC2086
$as_root env DEBIAN_FRONTEND=noninteractive sh -eu -c '
    for_now() {
        [ ! -e "$1" ] || return 0
        made="$made $1"
        mkdir -p "${1%/*}"
        printf "$2" >"$1"
        chmod 755 "$1"
    }
    made=
    trap "rm -f \$made" EXIT
    for_now /usr/sbin/policy-rc.d "#!/bin/sh\nexit 101\n"
    for_now /etc/postgresql-common/createcluster.d/ringback.conf "create_main_cluster = false\n"
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    for package in "$@"; do
        systemctl disable "$package.service" >/dev/null 2>&1 || true
    done
' sh $missing
