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

# Was a module left out of this build, as a library is missing?  make says so.
guard_left_out()
{
    case " ${LEFT_OUT-} " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# The C files of the tree, one a line, relative to its top.
guard_c_files()
{
    (cd "$top" && find include modules support test -name '*.[ch]' | sort)
}

# The C files that modules and the tool are made of, one a line.
guard_built_files()
{
    for list in base_sources hostmap_sources tool_core tool_sources \
        certmap_core certmap_crypto $(guard_list switchboard_modules \
            | sed 's/\(.*\)/\1_core \1_sources/')
    do
        guard_list "$list"
    done | grep '\.c$' | sort -u
}

# Prints the object of a C file ($1) in the build folder ($2): libtool puts
# some into .libs/ and the name of the program or module in front of some.
# Nothing, and a note, for a file of a part that configure may leave out; ends
# the check for all others.
guard_object()
{
    found=$(find "$2/$(dirname "$1")" "$2/$(dirname "$1")/.libs" -maxdepth 1 \
        -type f \( -name "$(basename "$1" .c).o" -o \
            -name "*-$(basename "$1" .c).o" \) 2> /dev/null | head -n 1)
    if test -n "$found"; then
        echo "$found"
        return
    fi
    case $1 in
    modules/certmap/* | support/hostmap/follow/*)
        echo "$guard: $1 is not built here" >&2
        ;;
    *) guard_stop "no object of $1 in $2: run make first" ;;
    esac
}

# Says how much was looked at, and ends the check.
guard_end()
{
    test "$1" -gt 0 || guard_stop "found nothing to check: $2"
    test "$bad" -eq 0 || exit 1
    echo "$guard: $1 $2"
    exit 0
}
