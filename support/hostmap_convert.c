/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hostmap_convert.c: `hostmap convert`, a list, text or map becomes a map or a
 * text.
 */

#include "hostmap_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr_strings.h"

#include "hostmap_import.h"

static int is_text(const tool *t)
{
    return t->type && strcasecmp(t->type, "text") == 0;
}

/* ---- a text ------------------------------------------------------------ */

static void print_all(FILE *to, source *s)
{
    source_entry e;

    while (source_next(s, &e) && !ferror(to)) {
        tool_write_entry_to(to, e.key, e.key_len, e.value, e.value_len);
    }
}

static int system_error(const char *path)
{
    return tool_error("%s: %s", path, strerror(errno));
}

/* Write a new file and put it in the place of the old one, so that it is never
 * seen half done. */
static int write_file(tool *t, source *s, const char *path)
{
    const char *work = apr_pstrcat(t->pool, path, ".hostmap-new", NULL);
    struct stat st;
    FILE *to;
    int fd, wrong;

    fd = open(work, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
              0666);
    to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to) {
        return system_error(work);
    }
    print_all(to, s);
    wrong = fflush(to) != 0 || ferror(to) || fsync(fd) != 0
            || (stat(path, &st) == 0 && fchmod(fd, st.st_mode & 0777) != 0);
    wrong |= fclose(to) != 0;
    if (wrong || rename(work, path) != 0) {
        system_error(path);
        unlink(work);
        return TOOL_FAILED;
    }

    return TOOL_DONE;
}

/* A text may be written over a text, and over nothing else. */
static int check_text_dest(tool *t, const char *path)
{
    hostmap_reason why;
    const char *there;
    struct stat st;

    if (tool_map_at(&there, path, t->pool, &why) == APR_SUCCESS) {
        return tool_error("%s: a map of type %s is there: not overwritten "
                          "with a text", path, there);
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return tool_error("%s: not a regular file: not overwritten", path);
    }

    return TOOL_DONE;
}

static int convert_to_text(tool *t, const char *path)
{
    int to_stdout = strcmp(path, "-") == 0;
    source *s;
    int status;

    if (!to_stdout && check_text_dest(t, path) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (import_source(&s, t, t->operands[0], NULL) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (source_bad(s) && !(t->flags & TOOL_SKIP_BAD)) {
        return tool_refuse_source(s, to_stdout ? "the text" : path);
    }
    if (to_stdout) {
        print_all(stdout, s);
        tool_say_skipped(s);
        return TOOL_DONE;
    }
    status = write_file(t, s, path);
    if (status == TOOL_DONE) {
        tool_say_skipped(s);
        tool_report(t, "%s: text, %" APR_SIZE_T_FMT " entries\n", path,
                    source_count(s));
    }

    return status;
}

/* ---- a map ------------------------------------------------------------- */

static int convert_to_map(tool *t, const char *path)
{
    const char *type;
    source *s;

    if (tool_choose_type(&type, t, path) != TOOL_DONE
        || import_source(&s, t, t->operands[0], type) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return tool_build_source(t, s, path, type);
}

int tool_convert(tool *t)
{
    const char *path = t->operands[1];

    if (is_text(t)) {
        return convert_to_text(t, path);
    }
    if (strcmp(path, "-") == 0) {
        return t->type ? tool_error("-t %s: standard output takes a text "
                                    "only", t->type)
                       : convert_to_text(t, path);
    }

    return convert_to_map(t, path);
}
