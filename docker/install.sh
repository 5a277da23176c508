#!/bin/sh
# Installs inklings from a clone into an environment of its own; the steps of the Dockerfile.
#
#   docker/install.sh PREFIX     a new folder for the environment
#
# TORCH_INDEX: address of PyTorch's wheels for processors alone (its install page names it). Without it,
# Linux gets the wheels with CUDA, which need no CUDA of the system.
set -eu
prefix=$1
here=$(cd "$(dirname "$0")/.." && pwd)
python3 -m venv "$prefix"
pip="$prefix/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet"
if [ -n "${TORCH_INDEX:-}" ]; then
    $pip --index-url "$TORCH_INDEX" torch torchvision
    $pip "$here"
else
    $pip --constraint "$here/constraints.txt" "$here"
fi
"$prefix/bin/inklings" --version
