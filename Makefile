# Building and testing share their flags, so that nothing is compiled twice.
FLAGS = -c release -Xcc -O3 -Xswiftc -enable-testing
CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/apus

.PHONY: build run test soak fuzz bench docs architectures lint format clean

build:
	swift build $(FLAGS) --product apus

# Does all from a fresh clone on: missing system packages, a small model, the build, one answer, and a chat on a terminal.
run:
	@scripts/run.sh "$(CACHE)/models"

# What tests need is installed and fetched once; without root or a network the tests that lack it are skipped, and that is said. With
# NO_SKIPS=1 data that cannot be fetched are an error.
missing = || { echo "$(1) could not be fetched: $(if $(NO_SKIPS),no test may be skipped,the tests that need it are skipped)" >&2$(if $(NO_SKIPS),; exit 1); }
test:
	scripts/test-run.sh
	scripts/test-packages.sh || echo "the system's packages could not be installed: what needs them is skipped" >&2
	scripts/fetch-test-data.sh "$(CACHE)/tests" $(call missing,test data)
	scripts/fetch-model.sh "$(CACHE)/models" >/dev/null $(call missing,the model)
	scripts/fetch-encoder.sh "$(CACHE)/models" >/dev/null $(call missing,the encoder)
	scripts/fetch-gemma.sh "$(CACHE)/models" >/dev/null $(call missing,Gemma 3)
	APUS_TEST_CACHE="$(CACHE)/tests" APUS_TEST_MODELS="$(CACHE)/models" swift test $(FLAGS) --skip ApusHubTests
	swift test $(FLAGS) --skip-build --filter ApusHubTests

# Kernels on random shapes: this processor's under sanitizers, NEON under qemu. The first run compiles for some minutes. Then layers of
# real sizes, for which 8 GB of memory and of /tmp are needed.
soak:
	scripts/soak.sh
	APUS_TEST_LARGE=1 swift test $(FLAGS) --filter ApusInferenceTests.LayerShapeTests

# Longer runs of the readers of model files on seeded changes of valid files.
FUZZ_SECONDS ?= 60
fuzz:
	FUZZ_SECONDS=$(FUZZ_SECONDS) swift test $(FLAGS) --filter ApusCheckpointsTests.MutationTests

# Against llama.cpp on the same file: LLAMA_CPP is the folder of its binaries, built with native flags. Needs an otherwise idle machine.
bench: build
	@test -n "$(LLAMA_CPP)" || { echo "make bench LLAMA_CPP=FOLDER: the folder of llama-bench and llama-quantize" >&2; exit 2; }
	Benchmarks/llama-cpp.py --model "$$(scripts/fetch-model.sh "$(CACHE)/models")" --llama-cpp "$(LLAMA_CPP)"

# Pages of every public symbol of the library, in .build/docs.
docs: build
	scripts/docs.sh

# The page of published architectures, which a test holds against the command.
architectures: build
	{ sed '/^|/,$$d' docs/architectures.md; .build/release/apus inspect --compare all; } > .build/architectures.md
	mv .build/architectures.md docs/architectures.md

SWIFT_SOURCES = Sources Tests Examples Package.swift
lint:
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	scripts/lint.sh

format:
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

clean:
	rm -rf .build
