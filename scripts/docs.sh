#!/usr/bin/env bash
# Makes the library's documentation, a page a public symbol, in .build/docs out of the modules that `make build` made: needs no package
# beyond the toolchain. Warnings are errors. The example must compile as a program of another package would. `make docs` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/fetching.sh

command -v docc >/dev/null || fail "docc is needed, which comes with the Swift toolchain; put its usr/bin on PATH"
products=.build/release
flags=(-I "$products/Modules" -Xcc "-fmodule-map-file=$products/CApusKernels.build/module.modulemap")
swiftc -typecheck -swift-version 6 "${flags[@]}" Examples/stream-text/*.swift || fail "the example needs what is not public"

graphs=.build/symbol-graphs
rm -rf "$graphs"
mkdir -p "$graphs"
target=$(swiftc -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p')
for module in $(sed -n '/\.library(/,/\]/p' Package.swift | grep --only-matching 'Apus[A-Z][A-Za-z]*'); do
    swift-symbolgraph-extract -module-name "$module" -target "$target" "${flags[@]}" -minimum-access-level public -skip-synthesized-members \
        -output-dir "$graphs"
done
docc convert docs/Apus.docc --additional-symbol-graph-dir "$graphs" --fallback-bundle-identifier apus --fallback-default-module-kind Module \
    --output-path .build/docs --warnings-as-errors
echo "to read it: python3 -m http.server --directory .build/docs, then http://localhost:8000/documentation/apus"
