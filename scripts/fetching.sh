# Functions that the scripts share; sourced, not run.

fail() {
    echo "$(basename "$0"): $1" >&2
    exit 1
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
