# Heterodyne: what the scripts share. Sourced by bash, never run.
# SPDX-License-Identifier: Apache-2.0

HETERODYNE_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
HETERODYNE_CACHE="${HETERODYNE_CACHE:-$HETERODYNE_ROOT/.cache}"
# A relative path is meant from where the script was called, and has to survive a later cd.
case "$HETERODYNE_CACHE" in
/*) ;;
*) HETERODYNE_CACHE="$PWD/$HETERODYNE_CACHE" ;;
esac
export HETERODYNE_CACHE

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
else
    bold='' plain=''
fi

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# section TITLE: closes the section before with its time, opens the next.
section_title=''
section() {
    end_section
    section_title="$1"
    section_start=$(date +%s%N)
    printf '\n%s== %s%s\n' "$bold" "$1" "$plain"
}

end_section() {
    [ -n "$section_title" ] || return 0
    local elapsed=$((($(date +%s%N) - section_start) / 1000000))
    printf -- '-- %s: %d.%d s\n' "$section_title" $((elapsed / 1000)) $((elapsed % 1000 / 100))
    section_title=''
}

# as_root COMMAND…: runs it as root where this user may, else fails without asking for a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

package_installed() {
    dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^.i'
}

# apt_install PACKAGE…: installs the ones that are missing. Says what is missing and fails when it cannot.
apt_install() {
    local missing=() package log
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        warn "not a Debian system; install the counterparts of these packages yourself: $*"
        return 1
    fi
    for package in "$@"; do
        package_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! as_root true; then
        warn "missing packages: ${missing[*]} (neither root nor password-free sudo; run: apt-get install ${missing[*]})"
        return 1
    fi
    say "installing ${missing[*]}"
    log=$(mktemp)
    # The package lists of a fresh image are empty or stale: update only when something has to be installed.
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
            install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 15 "$log" >&2
    rm -f "$log"
    warn "could not install: ${missing[*]} (the end of apt-get's output stands above)"
    return 1
}
