#!/usr/bin/env bash
# Puts the test data that is too large to commit into FOLDER: the vocabularies with their cases and the chat templates
# that llama.cpp's source holds, as FOLDER/llama.cpp-models/{ggml-vocab-*.gguf{,.inp,.out},templates/}, and a text to measure
# perplexity on, FOLDER/perplexity.txt: the first 100 000 bytes of some pages of its manual. They come out of the source
# package llama-cpp-python on PyPI (77 MB), checked by its SHA-256. Nothing is done where they stand already.
# Tests find them by APUS_TEST_CACHE=FOLDER.   usage: fetch-test-data.sh FOLDER
set -euo pipefail
source "$(dirname "$0")/fetching.sh"

version=0.3.36
checksum=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
text_checksum=23065dbc3ad4ce257f4de0d6144232f0373434f0647465f6dffdf826857f3a6d
folder=${1:?usage: fetch-test-data.sh FOLDER}
archive=llama_cpp_python-$version.tar.gz
target=$folder/llama.cpp-models
text=$folder/perplexity.txt
pages=(docs/{android,autoparser,build-profiling,build-riscv64-spacemit,build-s390x,build}.md)

if [ "$(cat "$target/.complete" 2>/dev/null)" = "$checksum" ] && has_checksum "$text" "$text_checksum"; then exit 0; fi
make_work "$folder" fetch 400

if [ ! -f "$folder/$archive" ]; then
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip is needed to fetch $archive; on Debian: apt-get install python3-pip"
    fetch() {
        python3 -m pip --disable-pip-version-check --retries 2 download --quiet --no-deps --no-binary llama-cpp-python "$@" --dest "$work" "llama-cpp-python==$version"
    }
    # pip builds a package's metadata after fetching it, which needs the package's build system: first the one that is installed, if any.
    fetch --no-build-isolation >"$work/log" 2>&1 || fetch >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        fail "cannot fetch $archive from PyPI; is there a network? Otherwise put the file at $folder/$archive and run this again"
    }
    mv "$work/$archive" "$folder/$archive"
fi

if ! has_checksum "$folder/$archive" "$checksum"; then
    rm -f "$folder/$archive"
    fail "$archive has the wrong SHA-256 and was removed; run this again"
fi
tar --extract --gzip --file "$folder/$archive" --directory "$work" --strip-components=3 --wildcards \
    "*/vendor/llama.cpp/models/ggml-vocab-*" "*/vendor/llama.cpp/models/templates/*" "${pages[@]/#/*/vendor/llama.cpp/}" ||
    fail "cannot unpack $archive into $folder; is the disk full?"
(cd "$work" && cat "${pages[@]}") | head --bytes 100000 >"$work/text" || true  # head ends before cat does
has_checksum "$work/text" "$text_checksum" || fail "the text to measure perplexity on has the wrong SHA-256; is the disk sound?"
mv "$work/text" "$text"
rm -rf "$target"
mv "$work/models" "$target"
echo "$checksum" >"$target/.complete"
rm -f "$folder/$archive"
