/* SPDX-License-Identifier: Apache-2.0 */

/*
 * convert.c: `hostmap convert`, a list, text or map becomes a map or a text.
 */

#include "build.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entries/import.h"
#include "entries/sort.h"
#include "text.h"

static int convert_is_text(const tool *t)
{
    return t->type && strcasecmp(t->type, "text") == 0;
}

/* ---- a text ------------------------------------------------------------ */

static int convert_error(const char *path)
{
    return tool_error("%s: %s", path, strerror(errno));
}

/* Sets *count to the number of entries.  Write errors are found in the file,
 * later. */
static int convert_print(FILE *to, source *s, apr_size_t *count)
{
    source_entry e;
    apr_status_t rv;

    *count = 0;
    while (source_next(s, &e) && !ferror(to)) {
        tool_write_entry_to(to, e.key, e.key_len, e.value, e.value_len);
        ++*count;
    }
    rv = source_status(s);

    return rv == APR_SUCCESS ? TOOL_DONE
                             : tool_file_error(source_name(s), rv, NULL);
}

static int convert_judge(const tool *t, const source *s, const char *path)
{
    return source_bad(s) && !(t->flags & TOOL_SKIP_BAD)
           ? build_refuse(s, path) : TOOL_DONE;
}

static int convert_write_file(tool *t, source *s, const char *path)
{
    apr_size_t count;
    text to;
    int status;

    if (text_open(&to, path, t->pool) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    status = convert_print(to.to, s, &count);
    if (status == TOOL_DONE) {
        status = convert_judge(t, s, path);
    }
    if (status != TOOL_DONE) {
        text_abort(&to);
        return status;
    }
    if (text_commit(&to) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    build_report_skipped(s);
    tool_report(t, "%s: text, %" APR_SIZE_T_FMT " entries\n", path, count);

    return TOOL_DONE;
}

static int convert_copy_out(FILE *from, const char *folder)
{
    char bytes[1 << 16];
    size_t got;

    if (fflush(from) != 0 || ferror(from)) {
        return convert_error(folder);
    }
    rewind(from);
    while ((got = fread(bytes, 1, sizeof(bytes), from)) > 0) {
        fwrite(bytes, 1, got, stdout);
    }

    return ferror(from) ? convert_error(folder) : TOOL_DONE;
}

/* Entries that do not fit into memory are known to be right only at the end. */
static int convert_write_stdout_late(tool *t, source *s)
{
    const char *folder;
    apr_size_t count;
    FILE *to;
    int fd, status;

    if (sort_temporary(&fd, &folder, t->pool) != APR_SUCCESS) {
        return TOOL_FAILED;
    }
    to = fdopen(fd, "w+");
    if (!to) {
        close(fd);
        return convert_error(folder);
    }
    status = convert_print(to, s, &count);
    if (status == TOOL_DONE) {
        status = convert_judge(t, s, "the text");
    }
    if (status == TOOL_DONE) {
        status = convert_copy_out(to, folder);
    }
    fclose(to);

    return status;
}

/* Errors are reported before anything is printed. */
static int convert_write_stdout(tool *t, source *s)
{
    int status = convert_judge(t, s, "the text");
    apr_size_t count;

    if (status != TOOL_DONE) {
        return status;
    }
    status = source_is_in_memory(s) || (t->flags & TOOL_SKIP_BAD)
             ? convert_print(stdout, s, &count)
             : convert_write_stdout_late(t, s);
    if (status == TOOL_DONE) {
        build_report_skipped(s);
    }

    return status;
}

/* A text may be written over a text, and over nothing else. */
static int convert_check_dest(tool *t, const char *path)
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

    if (t->max_removed) {
        return tool_error("--max-removed goes with a map");
    }
    if (!to_stdout) {
        sort_beside(path);
    }
    if ((!to_stdout && convert_check_dest(t, path) != TOOL_DONE)
        || import_source(&s, t, t->operands[0], NULL) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return to_stdout ? convert_write_stdout(t, s)
                     : convert_write_file(t, s, path);
}

/* ---- a map ------------------------------------------------------------- */

static int convert_to_map(tool *t, const char *path)
{
    const char *type;
    source *s;

    sort_beside(path);
    if (build_choose_type(&type, t, path) != TOOL_DONE
        || import_source(&s, t, t->operands[0], type) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return build_from_source(t, s, path, type);
}

int tool_convert(tool *t)
{
    const char *path = t->operands[1];

    if (convert_is_text(t)) {
        return convert_to_text(t, path);
    }
    if (strcmp(path, "-") == 0) {
        return t->type ? tool_error("-t %s: standard output takes a text "
                                    "only", t->type)
                       : convert_to_text(t, path);
    }

    return convert_to_map(t, path);
}
