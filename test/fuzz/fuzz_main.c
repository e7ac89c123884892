/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Drives a fuzz target without libFuzzer:
 *
 *     fuzz_X [-s SECONDS] [-n RUNS] [-r SEED] FILE|FOLDER ...
 *
 * Feeds it every file; with -s or -n also so many seconds or runs of inputs
 * made from those files by simple random changes.  A folder that is missing or
 * empty is an error.  The input that ended the program is left in the file
 * crash-input of the current folder.  The same seed gives the same inputs.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* there in a program with a sanitizer, which ends without SIGABRT */
void __sanitizer_set_death_callback(void (*callback)(void))
    __attribute__((weak));

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

static input *inputs;
static size_t inputs_count;
static input current;
static uint64_t random_state = 1;

static void stop(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static void *allocate(size_t size)
{
    /* exactly size bytes: a sanitizer sees the first one too many */
    void *memory = malloc(size > 0 ? size : 1);

    if (memory == NULL) {
        stop("cannot allocate", "input");
    }
    return memory;
}

static void save_current(void)
{
    int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd >= 0) {
        if (write(fd, current.data, current.size) == (ssize_t)current.size) {
            static const char said[] = "the input is in crash-input\n";

            (void)!write(STDERR_FILENO, said, sizeof(said) - 1);
        }
        close(fd);
    }
}

static void on_signal(int signal_number)
{
    save_current();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void watch_for_crashes(void)
{
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(save_current);
    }
    else {
        signal(SIGSEGV, on_signal);
        signal(SIGBUS, on_signal);
    }
    signal(SIGABRT, on_signal);
}

/** Runs the target on a copy that has not a byte to spare. */
static void run(const uint8_t *data, size_t size)
{
    current.data = allocate(size);
    current.size = size;
    memcpy(current.data, data, size);
    LLVMFuzzerTestOneInput(current.data, current.size);
    free(current.data);
    current.data = NULL;
}

static void add_file(const char *name)
{
    static uint8_t buffer[INPUT_MAX];
    FILE *file = fopen(name, "rb");
    size_t size;

    if (file == NULL) {
        stop("cannot open", name);
    }
    size = fread(buffer, 1, sizeof(buffer), file);
    if (ferror(file)) {
        stop("cannot read", name);
    }
    if (getc(file) != EOF) {
        errno = EFBIG;
        stop("cannot use", name);
    }
    fclose(file);
    inputs = realloc(inputs, (inputs_count + 1) * sizeof(*inputs));
    if (inputs == NULL) {
        stop("cannot allocate", name);
    }
    inputs[inputs_count].data = allocate(size);
    memcpy(inputs[inputs_count].data, buffer, size);
    inputs[inputs_count].size = size;
    inputs_count++;
}

static void add_folder(const char *name)
{
    struct dirent **entries;
    int i, count = scandir(name, &entries, NULL, alphasort);
    size_t before = inputs_count;

    if (count < 0) {
        stop("cannot read", name);
    }
    for (i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char path[4096];

            snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
            add_file(path);
        }
        free(entries[i]);
    }
    free(entries);
    if (inputs_count == before) {
        errno = ENOENT;
        stop("no files in", name);
    }
}

static void add(const char *name)
{
    struct stat info;

    if (stat(name, &info) != 0) {
        stop("cannot read", name);
    }
    if (S_ISDIR(info.st_mode)) {
        add_folder(name);
    }
    else {
        add_file(name);
    }
}

static size_t random_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return limit > 0 ? (size_t)((random_state >> 11) % limit) : 0;
}

static uint8_t random_byte(void)
{
    static const char special[] = "\0\t\n\r !\"#%*,-./:;=?@[\\]|\x7f\x80\xff"
                                  "0159aAzZ";

    if (random_below(3) == 0) {
        return (uint8_t)random_below(256);
    }
    return (uint8_t)special[random_below(sizeof(special) - 1)];
}

/** Puts len bytes in at position at; the new size. */
static size_t insert(uint8_t *data, size_t size, size_t at,
                     const uint8_t *bytes, size_t len)
{
    if (len > INPUT_MAX - size) {
        len = INPUT_MAX - size;
    }
    memmove(data + at + len, data + at, size - at);
    memcpy(data + at, bytes, len);
    return size + len;
}

/** Changes data in one way; the new size. */
static size_t change(uint8_t *data, size_t size)
{
    const input *other = &inputs[random_below(inputs_count)];
    size_t at = random_below(size + 1);
    size_t from, len;
    uint8_t byte = random_byte();

    switch (random_below(5)) {
    case 0:
        if (at < size) {
            data[at] = byte;
        }
        return size;
    case 1:
        return insert(data, size, at, &byte, 1);
    case 2:
        len = random_below(size - at + 1);
        if (len > 8 && random_below(4) > 0) {
            len = 1 + random_below(8);
        }
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    case 3:
        from = random_below(other->size + 1);
        len = random_below(other->size - from + 1);
        return insert(data, size, at, other->data + from, len);
    default:
        if (at < size) {
            data[at] ^= (uint8_t)(1u << random_below(8));
        }
        return size;
    }
}

static void run_random(void)
{
    static uint8_t data[INPUT_MAX];
    const input *seed = &inputs[random_below(inputs_count)];
    size_t size = seed->size;
    size_t changes = 1 + random_below(6);

    memcpy(data, seed->data, size);
    while (changes-- > 0) {
        size = change(data, size);
    }
    run(data, size);
}

static unsigned long number_of(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end) {
        errno = EINVAL;
        stop("not a number", text);
    }
    return number;
}

int main(int argc, char **argv)
{
    unsigned long seconds = 0, runs = 0, done = 0;
    time_t end;
    size_t i;
    int option;

    while ((option = getopt(argc, argv, "s:n:r:")) != -1) {
        switch (option) {
        case 's':
            seconds = number_of(optarg);
            break;
        case 'n':
            runs = number_of(optarg);
            break;
        case 'r':
            /* the generator would stay at 0 for ever */
            random_state = number_of(optarg) + 1;
            break;
        default:
            optind = argc;
        }
    }
    if (optind >= argc) {
        fprintf(stderr, "usage: %s [-s SECONDS] [-n RUNS] [-r SEED] "
                "FILE|FOLDER ...\n", argv[0]);
        return 1;
    }
    for (; optind < argc; optind++) {
        add(argv[optind]);
    }

    watch_for_crashes();
    for (i = 0; i < inputs_count; i++) {
        run(inputs[i].data, inputs[i].size);
    }
    end = time(NULL) + (time_t)seconds;
    while (done < runs || (seconds > 0 && time(NULL) < end)) {
        run_random();
        done++;
    }
    printf("%s: %lu files, %lu random inputs\n", argv[0],
           (unsigned long)inputs_count, done);
    return 0;
}
