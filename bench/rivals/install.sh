#!/bin/sh
# Installs what Darkroom is measured beside: from registries into this folder, and, for root
# on Debian, programs and libraries with apt. What cannot be installed is reported and left out.
set -u
cd "$(dirname "$0")"
PYTHON=${PYTHON:-../../.venv/bin/python}
PROGRAMS="imagemagick graphicsmagick libvips-tools"
LIBRARIES="libjpeg-dev zlib1g-dev libfreetype-dev libwebp-dev"  # to build Pillow-SIMD
missing=0

without() {
    echo "without $1: $2" >&2
    missing=1
}

environment() { # NAME: a virtual environment with what NAME.txt lists
    "$PYTHON" -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check -r "$1.txt"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $PROGRAMS $LIBRARIES >/dev/null ||
        without "the programs" "apt-get failed"
else
    echo "as root: apt-get install $PROGRAMS $LIBRARIES" >&2
fi

environment opencv || without OpenCV "its wheel could not be installed"
environment pillow-simd || without Pillow-SIMD "it could not be built; it needs $LIBRARIES and a C compiler"
if command -v npm >/dev/null; then
    npm ci --no-audit --no-fund --silent || without sharp "npm ci failed"
else
    without sharp "there is no npm"
fi
exit $missing
