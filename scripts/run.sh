#!/usr/bin/env bash
# From a fresh clone to an answer: installs what is missing, fetches a small model into FOLDER, builds, answers one prompt and,
# on a terminal, goes on as a chat. `make run` calls it.   usage: run.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/fetching.sh

folder=${1:?usage: run.sh FOLDER}
needed_version=6.2

check_swift() {
    command -v swift >/dev/null || fail "no Swift toolchain is on PATH; install Swift $needed_version or later from https://www.swift.org/install/linux and add its usr/bin to PATH"
    local version
    version=$(swift --version 2>/dev/null | grep --only-matching --extended-regexp 'Swift version [0-9]+\.[0-9]+' | grep --only-matching --extended-regexp '[0-9.]+$') ||
        fail "\"swift --version\" fails; run it by hand to see why, or install Swift $needed_version or later from https://www.swift.org/install/linux"
    [ "$(printf '%s\n' "$needed_version" "$version" | sort --version-sort | head -n 1)" = "$needed_version" ] ||
        fail "Swift $version is too old: $needed_version or later is needed; install it from https://www.swift.org/install/linux and put its usr/bin first on PATH"
}

# What is missing to build, and curl and unzip where Python cannot fetch and unpack.
missing_packages() {
    missing_build_packages
    python3 -m pip --version >/dev/null 2>&1 || command -v curl >/dev/null || echo curl ca-certificates
    command -v python3 >/dev/null || command -v unzip >/dev/null || echo unzip
}

build() {
    local free
    ${MAKE:-make} build >&2 && return
    free=$(df --portability --block-size=1M . | awk 'NR == 2 { print $4 }')
    [ "$free" -ge 100 ] || fail "the build failed with $free MB free here; about 1500 are needed: free some space and run this again"
    fail "the build failed; the lines above say why. It fetches packages from github.com the first time, so it needs a network then"
}

check_swift
install_packages $(missing_packages)
model=$(scripts/fetch-model.sh "$folder")
build
prompt="Why is the sky blue?"
echo "> $prompt"
.build/release/apus generate --model "$model" --chat --max-tokens 200 --prompt "$prompt"
if [ -t 0 ] && [ -t 1 ]; then
    echo
    .build/release/apus chat --model "$model"
fi
