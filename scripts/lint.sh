#!/usr/bin/env bash
# What swift-format does not see: C, shell and Python sources.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
complain() { # COMPLAINT LINES
    [ -n "$2" ] || return 0
    printf '%s:\n%s\n' "$1" "$2" >&2
    failed=1
}
sources=$(git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.sh' '*.py' | while read -r file; do [ -f "$file" ] && echo "$file"; done)
complain "spaces at the end of a line" "$(grep -nE '[[:space:]]+$' $(echo "$sources" | grep -E '\.(c|h|sh|py)$') /dev/null || true)"
complain "tabs in C" "$(grep -nP '\t' $(echo "$sources" | grep -E '\.(c|h)$') /dev/null || true)"
complain "lines of C over 160 characters" "$(grep -nE '^.{161,}$' $(echo "$sources" | grep -E '\.(c|h)$') /dev/null || true)"
for script in $(echo "$sources" | grep -E '\.sh$'); do bash -n "$script" || failed=1; done
[ "$failed" = 0 ] || exit 1
