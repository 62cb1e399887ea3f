#!/usr/bin/env bash
# Installs the system's packages that `make test` needs and that are missing: those of a build, and pip to fetch test data.
set -euo pipefail
source "$(dirname "$0")/fetching.sh"

missing=$(missing_build_packages)
python3 -m pip --version >/dev/null 2>&1 || missing+=" python3-pip"
install_packages $missing
