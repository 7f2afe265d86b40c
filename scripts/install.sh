#!/bin/sh
# Makes .venv with the locked packages, and sees to the system libraries that printing needs.
# Needs Python 3.11 or later and a package index; on Debian and Ubuntu it installs the rest where it may.
set -eu
cd "$(dirname "$0")/.."

DEBIAN_PRINT="libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-dejavu-core \
    fonts-crosextra-carlito fonts-ebgaramond fonts-droid-fallback"

say() { printf '%s\n' "$*" >&2; }

# Installs Debian packages as root or by a sudo that asks for no password; otherwise says what to run, and fails.
apt_install() {
    if ! command -v apt-get >/dev/null; then return 1; fi
    if [ "$(id -u)" = 0 ]; then run=""; elif sudo -n true 2>/dev/null; then run="sudo"; else
        say "These system packages are missing. Please run, then repeat:"
        say "    sudo apt-get update && sudo apt-get install -y $*"
        return 1
    fi
    $run apt-get update -qq
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$name"
            return
        fi
    done
    say "Python 3.11 or later is needed. Install it (Debian: sudo apt-get install python3), then repeat."
    exit 1
}

print_libraries_present() {
    if [ "$(uname)" = Darwin ]; then
        [ -e "$(brew --prefix 2>/dev/null || echo /opt/homebrew)/lib/libpango-1.0.dylib" ]
        return
    fi
    for library in libpango-1.0.so.0 libpangoft2-1.0.so.0 libharfbuzz-subset.so.0; do
        .venv/bin/python -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "$library" 2>/dev/null || return 1
    done
    # The letters of the starter; the last one has Chinese and Japanese characters.
    for font in dejavu carlito garamond droidsansfallback; do
        fc-list 2>/dev/null | grep -qi "$font" || return 1
    done
}

python=$(find_python)
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    if ! "$python" -m venv .venv 2>/dev/null; then
        say "This Python cannot make virtual environments; installing what it lacks."
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        rm -rf .venv
        apt_install "$version" || exit 1
        "$python" -m venv .venv
    fi
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes --requirement requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
.venv/bin/python -m compileall -q src  # also where Python is told to write no bytecode: every command starts sooner

if ! print_libraries_present; then
    if [ "$(uname)" = Darwin ]; then
        say "Printing needs Pango. Please run, then repeat:  brew install pango"
        exit 1
    fi
    # shellcheck disable=SC2086  # a list of names
    apt_install $DEBIAN_PRINT || exit 1
fi
