#!/usr/bin/env bash
# Prints what llama-perplexity finds for a model and a text, as Tests/Goldens/perplexity.json holds it.
#   make_perplexity.sh LLAMA_PERPLEXITY MODEL.gguf TEXT >perplexity.json
# MODEL from scripts/fetch-model.sh, TEXT (perplexity.txt) from scripts/fetch-test-data.sh, llama.cpp of the package that the latter names.
set -euo pipefail
program=${1:?} model=${2:?} text=${3:?} context=512

value=$("$program" --model "$model" --file "$text" --ctx-size $context 2>&1 | sed -n 's/.*Final estimate: PPL = \([0-9.]*\).*/\1/p')
[ -n "$value" ] || { echo "make_perplexity.sh: $program printed no estimate" >&2; exit 1; }
cat <<JSON
{
  "model": "$(basename "$model")",
  "text": "$(basename "$text")",
  "context": $context,
  "perplexity": $value
}
JSON
