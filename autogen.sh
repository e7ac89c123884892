#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes configure.  What autoconf, automake and libtool write besides it goes
# into the folder build.
set -eu
cd "$(dirname "$0")"
mkdir -p build
exec autoreconf --install --force
