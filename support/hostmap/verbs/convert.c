/* SPDX-License-Identifier: Apache-2.0 */

/*
 * convert.c: `hostmap convert`, a list, text or map becomes a map or a
 * text.
 */

#include "build.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apr_strings.h"

#include "hostmap/store/hostmap_copy.h"
#include "entries/import.h"
#include "entries/sort.h"

static int is_text(const tool *t)
{
    return t->type && strcasecmp(t->type, "text") == 0;
}

/* ---- a text ------------------------------------------------------------ */

static int system_error(const char *path)
{
    return tool_error("%s: %s", path, strerror(errno));
}

/* Sets *count to how many entries there were.  What cannot be written shows
 * in the file. */
static int print_all(FILE *to, source *s, apr_size_t *count)
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

static int may_go_on(const tool *t, const source *s, const char *path)
{
    return source_bad(s) && !(t->flags & TOOL_SKIP_BAD)
           ? build_refuse(s, path) : TOOL_DONE;
}

/* One writer at a time: who has waited finds that the name leads to another
 * file.  Returns a descriptor, or -1 with errno set. */
static int open_work(const char *work)
{
    struct stat mine, there;
    int fd;

    for (;;) {
        fd = open(work, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &mine) != 0) {
            return -1;
        }
        if (lstat(work, &there) == 0 && mine.st_dev == there.st_dev
            && mine.st_ino == there.st_ino) {
            return ftruncate(fd, 0) == 0 ? fd : -1;
        }
        close(fd);
    }
}

/* Make all of it safe on the disk, with the rights of the file that is
 * replaced, and put it in its place. */
static int finish_file(FILE *to, const char *work, const char *real,
                       const char *path)
{
    hostmap_reason why = { "" };
    apr_status_t rv;

    if (fflush(to) != 0 || ferror(to)) {
        return system_error(path);
    }
    if (access(real, F_OK) == 0) {
        rv = hostmap_copy_rights(work, real, &why);
        if (rv != APR_SUCCESS) {
            return tool_file_error(path, rv, &why);
        }
    }
    else if (fsync(fileno(to)) != 0) {
        return system_error(path);
    }

    return rename(work, real) == 0 ? TOOL_DONE : system_error(path);
}

/* Write a new file and put it in the place of the old one, so that it is never
 * seen half done. */
static int write_file(tool *t, source *s, const char *path, const char *real)
{
    const char *work = apr_pstrcat(t->pool, real, ".hostmap-new", NULL);
    apr_size_t count;
    FILE *to;
    int fd, status;

    fd = open_work(work);
    to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to) {
        return system_error(work);
    }
    status = print_all(to, s, &count);
    if (status == TOOL_DONE) {
        status = may_go_on(t, s, path);
    }
    if (status == TOOL_DONE) {
        status = finish_file(to, work, real, path);
    }
    if (status != TOOL_DONE) {
        unlink(work);
    }
    fclose(to);
    if (status != TOOL_DONE) {
        return status;
    }
    build_report_skipped(s);
    tool_report(t, "%s: text, %" APR_SIZE_T_FMT " entries\n", path, count);

    return TOOL_DONE;
}

static int copy_to_stdout(FILE *from, const char *folder)
{
    char bytes[1 << 16];
    size_t got;

    if (fflush(from) != 0 || ferror(from)) {
        return system_error(folder);
    }
    rewind(from);
    while ((got = fread(bytes, 1, sizeof(bytes), from)) > 0) {
        fwrite(bytes, 1, got, stdout);
    }

    return ferror(from) ? system_error(folder) : TOOL_DONE;
}

/* What does not fit the memory is known to be right at the end only. */
static int write_stdout_late(tool *t, source *s)
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
        return system_error(folder);
    }
    status = print_all(to, s, &count);
    if (status == TOOL_DONE) {
        status = may_go_on(t, s, "the text");
    }
    if (status == TOOL_DONE) {
        status = copy_to_stdout(to, folder);
    }
    fclose(to);

    return status;
}

/* What is wrong is said before anything is printed. */
static int write_stdout(tool *t, source *s)
{
    int status = may_go_on(t, s, "the text");
    apr_size_t count;

    if (status != TOOL_DONE) {
        return status;
    }
    status = source_is_in_memory(s) || (t->flags & TOOL_SKIP_BAD)
             ? print_all(stdout, s, &count) : write_stdout_late(t, s);
    if (status == TOOL_DONE) {
        build_report_skipped(s);
    }

    return status;
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

/* The file that a symbolic link names is replaced, not the link. */
static const char *behind_links(const char *path, apr_pool_t *pool)
{
    char *real = realpath(path, NULL);

    if (real) {
        path = apr_pstrdup(pool, real);
        free(real);
    }

    return path;
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
    if ((!to_stdout && check_text_dest(t, path) != TOOL_DONE)
        || import_source(&s, t, t->operands[0], NULL) != TOOL_DONE) {
        return TOOL_FAILED;
    }

    return to_stdout ? write_stdout(t, s)
                     : write_file(t, s, path, behind_links(path, t->pool));
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
