#!/usr/bin/env bash
# Compares every instruction set with the scalar kernels on random shapes (Tests/KernelSoak): this processor's own under the address
# and undefined-behaviour sanitizers, and NEON under qemu. `make soak` calls it.   usage: soak.sh [ROUNDS [SEED]]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/fetching.sh
rounds=${1:-20} seed=${2:-$RANDOM}

command -v clang >/dev/null || fail "clang is needed, which comes with the Swift toolchain; put its usr/bin on PATH"
missing=
command -v qemu-aarch64-static >/dev/null || missing+=" qemu-user-static"
command -v aarch64-linux-gnu-gcc >/dev/null || missing+=" gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
install_packages $missing

# compile NAME FLAGS…: makes .build/soak/NAME/soak; only what changed is compiled again.
compile() {
    local folder=.build/soak/$1
    shift
    mkdir -p "$folder"
    local flags=(-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -ISources/CApusKernels/include "$@")
    printf '%s\n' Sources/CApusKernels/*.c Tests/KernelSoak/*.c | xargs -P "$(nproc)" -I{} bash -c '
        object=$1/$(basename "$2" .c).o
        [ "$object" -nt "$2" ] && [ -z "$(find Sources/CApusKernels Tests/KernelSoak -name "*.h" -newer "$object")" ] || clang -c "${@:3}" "$2" -o "$object"
        ' compile "$folder" {} "${flags[@]}"
    clang -fuse-ld=lld "${flags[@]}" "$folder"/*.o -o "$folder/soak" -lm -lpthread
}

echo "seed $seed"
compile native -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
.build/soak/native/soak "$rounds" "$seed"
compile neon --target=aarch64-linux-gnu -O2 -static
# The least that AArch64 has, and all that qemu knows.
for cpu in cortex-a57 max; do
    echo "qemu, $cpu"
    qemu-aarch64-static -cpu $cpu .build/soak/neon/soak "$rounds" "$seed"
done
