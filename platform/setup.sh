#!/bin/sh
# Makes everything that `make up` and `make test` need: uv, .venv, the locked packages, the proxy, the Lab
# extension, the compiled numba loops. Each part is done again only when what it is made from has changed.
#
#   sh platform/setup.sh          what the platform needs
#   sh platform/setup.sh --dev    and what the tests need
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
venv=$root/.venv
stamps=$venv/.tradewind
tools=$root/.tools
dev=
[ "${1:-}" = --dev ] && dev=1
: "${HOME:=$root}"
# Without compiled bytecode the SDK takes 5 s to import, not 1.5.
unset PYTHONDONTWRITEBYTECODE PYTHONPATH VIRTUAL_ENV || true

say() { printf '%s\n' "$*"; }
die() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

# ---- what is up to date ----
# The key of a part is a checksum over the files it is made from, and over where this checkout is.
key() { { printf '%s\n' "$root"; cat -- "$@"; } | cksum; }
fresh() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }
stamp() { mkdir -p "$stamps" && printf '%s\n' "$2" >"$stamps/$1"; }
sources() { find "$@" -type f | LC_ALL=C sort; }

# ---- a Python ----
suits() {
    "$1" -c 'import sys; assert (3, 12) <= sys.version_info < (3, 14); import ssl, sqlite3, ctypes, lzma, bz2' \
        >/dev/null 2>&1
}
candidates() { # the best first; many of them may not exist
    for version in 3.13 3.12; do
        say "python$version"
        for folder in "${PYENV_ROOT:-$HOME/.pyenv}/versions" "$HOME/.local/share/uv/python" /opt/python \
            "${UV_PYTHON_INSTALL_DIR:-/nonexistent}"; do
            for found in "$folder/"*"$version"*/bin/python3; do say "$found"; done
        done
        say "/usr/local/bin/python$version"
    done
    say python3
    say python
}
find_python() {
    [ -z "${TRADEWIND_PYTHON:-}" ] || { say "$TRADEWIND_PYTHON"; return; }
    candidates | while IFS= read -r candidate; do
        # A name found in PATH may be a shim of pyenv that exists and fails, so each is tried.
        if suits "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}
no_python() {
    die "Tradewind needs Python 3.12 or 3.13, and there is none here (nor in ~/.pyenv or uv's folder)." \
        "Debian and Ubuntu:  apt-get install python3.13 python3.13-venv   (or python3.12)" \
        "with pyenv:         pyenv install 3.13" \
        "with uv:            uv python install 3.13" \
        "Or name one:        TRADEWIND_PYTHON=/path/to/python make up"
}

# ---- uv ----
find_uv() {
    for candidate in uv "$tools/bin/uv" "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
        if "$candidate" --version >/dev/null 2>&1; then
            say "$candidate"
            return
        fi
    done
}
install_uv() { # from whatever index pip is set up for, into a folder of our own
    say "Installing uv ..." >&2
    log=$(mktemp)
    if "$1" -m venv "$tools" >"$log" 2>&1 && "$tools/bin/python" -m pip install --quiet uv >>"$log" 2>&1; then
        :
    elif "$1" -m pip --version >/dev/null 2>&1; then
        "$1" -m pip install --quiet --upgrade --target "$tools/lib" uv >>"$log" 2>&1 || true
        mkdir -p "$tools/bin" && ln -sf "$tools/lib/bin/uv" "$tools/bin/uv"
    else
        rm -rf "$tools"
        die "There is neither uv nor pip for $1." \
            "Debian and Ubuntu: apt-get install python3-venv python3-pip; or install uv in your own way."
    fi
    if ! "$tools/bin/uv" --version >/dev/null 2>&1; then
        tail -n 5 "$log" >&2
        rm -rf "$tools"
        die "uv could not be installed. Is the network there? pip's own settings say where it looks (pip config list)."
    fi
    rm -f "$log"
}
same_index() { # a mirror that only pip knows of is good for uv, too
    [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_CONFIG_FILE:-}" ] || return 0
    [ ! -f "${XDG_CONFIG_HOME:-$HOME/.config}/uv/uv.toml" ] && [ ! -f /etc/uv/uv.toml ] || return 0
    index=${PIP_INDEX_URL:-$("$1" -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
}

# ---- the parts ----
enough_disk() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 4000 ] || die "Only $free MB are free here; the environment needs about 3 GB and room to work." \
        "Free some space, or clone Tradewind to a larger disk."
}
packages() {
    locks="-r requirements.lock"
    files="requirements.lock"
    # Once there for the tests, the development packages are kept up to date by `make up`, too.
    if [ -n "$dev" ] || [ -f "$stamps/dev" ]; then
        locks="$locks -r requirements-dev.lock"
        files="$files requirements-dev.lock"
    fi
    wanted=$(key $files)
    fresh packages "$wanted" && suits "$venv/bin/python" && return
    enough_disk
    python=$(find_python)
    [ -n "$python" ] || no_python
    suits "$python" || die "$python is not a Python 3.12 or 3.13 with ssl, sqlite3, ctypes, lzma and bz2."
    uv=$(find_uv)
    [ -n "$uv" ] || { install_uv "$python" && uv=$tools/bin/uv; }
    same_index "$python"
    if ! suits "$venv/bin/python" || { [ -f "$stamps/root" ] && [ "$(cat "$stamps/root")" != "$root" ]; }; then
        say "Creating .venv with $python ..."
        "$uv" venv --quiet --clear --python "$python" "$venv"
    fi
    say "Installing the locked packages (the first time takes a minute or two) ..."
    # Words are split on purpose: the lock files.
    # shellcheck disable=SC2086
    "$uv" pip install --quiet --python "$venv/bin/python" --compile-bytecode --require-hashes $locks ||
        die "The packages could not be installed: see above. Is the network there?" \
            "uv uses its own settings (UV_DEFAULT_INDEX, uv.toml) or pip's index-url."
    stamp root "$root"
    [ -z "$dev" ] || stamp dev yes
    stamp packages "$wanted"
}
product() {
    wanted=$(key pyproject.toml requirements.in platform/build_metadata.py)
    fresh product "$wanted" && return
    uv=$(find_uv)
    "$uv" pip install --quiet --python "$venv/bin/python" --no-build-isolation --no-deps --editable . ||
        die "Tradewind itself could not be installed into .venv: see above."
    "$venv/bin/python" -m compileall -q platform/tradewind || true
    "$venv/bin/python" -P -m tradewind.kernel.install || true
    stamp product "$wanted"
}
node() {
    wanted=$(key platform/node/package.json platform/node/package-lock.json platform/node/.npmrc)
    fresh node "$wanted" && return
    say "Installing the proxy ..."
    "$venv/bin/python" -m tradewind.hub.node install || exit 1
    stamp node "$wanted"
}
extension() {
    folder=extensions/tradewind-lab
    [ -f "$folder/package.json" ] || return 0
    # shellcheck disable=SC2046
    wanted=$(key $(sources $folder/src $folder/style $folder/schema) $folder/package.json $folder/yarn.lock $folder/tsconfig.json)
    installed=$venv/share/jupyter/labextensions/@tradewind/lab
    fresh extension "$wanted" && [ -f "$installed/package.json" ] && return
    say "Building the Lab extension ..."
    log=$(mktemp)
    # yarn does not read npm's settings; where npm has a mirror, yarn gets the same one.
    : "${YARN_NPM_REGISTRY_SERVER:=$("$venv/bin/python" -m tradewind.hub.node registry)}"
    export YARN_NPM_REGISTRY_SERVER
    node=$("$venv/bin/python" -m tradewind.hub.node folder)
    (cd $folder && PATH="$venv/bin:$node:$PATH" && jlpm install --immutable && jlpm build) >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "The Lab extension could not be built: see above. Is the network there?"
    }
    rm -f "$log"
    # A copy, not a link: sandboxes see the environment, not the extension's sources.
    rm -rf "$installed"
    mkdir -p "$(dirname "$installed")"
    cp -R $folder/tradewind_lab/labextension "$installed"
    stamp extension "$wanted"
}
loops() {
    # shellcheck disable=SC2046
    wanted=$(key requirements.lock platform/tradewind/loops.py $(sources platform/tradewind -name '*_loops.py'))
    fresh loops "$wanted" && return
    [ -f platform/tradewind/testing/warm.py ] || return 0
    say "Compiling the numerical loops ..."
    "$venv/bin/python" -m tradewind.testing.warm || die "The numba loops could not be compiled: see above."
    stamp loops "$wanted"
}

packages
product
node
extension
loops
