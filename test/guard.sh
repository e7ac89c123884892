# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the scripts test/check-* share; they read it with `.`.  A check that
# finds nothing to look at fails: it would pass for ever otherwise.

set -u
LC_ALL=C
export LC_ALL
guard=$(basename "$0")
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
bad=0

# Ends the check at once.
guard_stop()
{
    echo "$guard: $*" >&2
    exit 1
}

# Notes something wrong; the check goes on and fails at its end.
guard_bad()
{
    echo "$guard: $*" >&2
    bad=1
}

# Prints the words of a variable of modules/sources.mk, one a line.
guard_list()
{
    printf 'include %s/modules/sources.mk\nshow:\n\t@echo $(%s)\n' \
        "$top" "$1" \
        | MAKEFLAGS='' "${MAKE:-make}" -s --no-print-directory -f - show \
        | tr ' ' '\n' | sed '/^$/d'
}

# The C files of the tree, one a line, relative to its top.
guard_c_files()
{
    (cd "$top" && find include modules support test -name '*.[ch]' | sort)
}

# Says how much was looked at, and ends the check.
guard_end()
{
    test "$1" -gt 0 || guard_stop "found nothing to check: $2"
    test "$bad" -eq 0 || exit 1
    echo "$guard: $1 $2"
    exit 0
}
