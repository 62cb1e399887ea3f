#!/usr/bin/env bash
# SmolLM2-135M as an f32 folder, from which Apus and PyTorch both start, and the text of WordNet in its tokens.
# usage: prepare.sh FOLDER [SmolLM2-135M-Instruct.Q4_1.gguf]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
apus=$here/../../.build/release/apus
folder=$1
model=${2:-$("$here/../../scripts/fetch-model.sh" "${XDG_CACHE_HOME:-$HOME/.cache}/apus/models")}
mkdir -p "$folder"
[ -d "$folder/f32" ] || "$apus" convert "$model" "$folder/f32" --type f32
"$here/../train-small-llama/prepare.py" "$folder" --apus "$apus" --packages wordnet-base --model "$model" --validation-bytes 60000
