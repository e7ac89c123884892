/* SPDX-License-Identifier: Apache-2.0 */

/**
 * @file certmap_master.c
 * @brief Master keys: from their files into a page of their own.
 */

#include "certmap_master.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "hostmap/store/hostmap_file.h"

#define DIGITS (2 * CERTMAP_MASTER_KEY)

struct certmap_master {
    unsigned count;
    unsigned char ids[CERTMAP_MASTER_MAX][CERTMAP_KEY_ID];
    unsigned char keys[CERTMAP_MASTER_MAX][CERTMAP_MASTER_KEY];
    /* a file is read to here, and wiped */
    char text[DIGITS + 2];
};

static apr_status_t master_wipe(void *data)
{
    OPENSSL_cleanse(data, sizeof(certmap_master));
    munmap(data, sizeof(certmap_master));
    return APR_SUCCESS;
}

apr_status_t certmap_master_create(certmap_master **out, apr_pool_t *pool,
                                   hostmap_reason *why)
{
    certmap_master *master;

    master = mmap(NULL, sizeof(*master), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (master == MAP_FAILED) {
        return hostmap_fail(why, errno, "no memory for the master key");
    }
    /* it cannot be swapped out where the limits allow it */
    (void)mlock(master, sizeof(*master));
    if (madvise(master, sizeof(*master), MADV_DONTDUMP) != 0) {
        apr_status_t rv = errno;

        munmap(master, sizeof(*master));
        return hostmap_fail(why, rv, "cannot keep the master key out of "
                            "cores");
    }
    apr_pool_cleanup_register(pool, master, master_wipe,
                              apr_pool_cleanup_null);
    *out = master;
    return APR_SUCCESS;
}

/* ---- reading ----------------------------------------------------------- */

static apr_status_t master_key_file_open(int *fd, const char *path,
                                         hostmap_reason *why)
{
    struct stat st;
    apr_status_t rv = APR_SUCCESS;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &st) != 0) {
        rv = hostmap_fail(why, errno, "key file %s: cannot open", path);
    }
    else if (!S_ISREG(st.st_mode)) {
        rv = hostmap_fail(why, HOSTMAP_EFORMAT, "key file %s: not a "
                          "regular file", path);
    }
    else if (st.st_uid != 0 && st.st_uid != geteuid()) {
        rv = hostmap_fail(why, APR_EACCES, "key file %s: belongs to user "
                          "%lu, expected root or this user", path,
                          (unsigned long)st.st_uid);
    }
    else if (st.st_mode & 077) {
        rv = hostmap_fail(why, APR_EACCES, "key file %s: mode %03o lets "
                          "others use it, expected 600 or 400", path,
                          (unsigned)st.st_mode & 0777);
    }
    if (rv != APR_SUCCESS && *fd >= 0) {
        close(*fd);
    }
    return rv;
}

static int master_digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int master_key_decode(unsigned char *key, const char *text, ssize_t len)
{
    int i;

    if (len < DIGITS || (len > DIGITS && text[DIGITS] != '\n')
        || len > DIGITS + 1) {
        return 0;
    }
    for (i = 0; i < CERTMAP_MASTER_KEY; i++) {
        int high = master_digit_of(text[2 * i]),
        low = master_digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        key[i] = (unsigned char)(high << 4 | low);
    }
    return 1;
}

/* Says nothing of the key itself. */
static int master_id_make(unsigned char *id, const unsigned char *key)
{
    static const char label[] = "switchboard certificate map key id";
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok;

    ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)
         && EVP_DigestUpdate(ctx, label, sizeof(label))
         && EVP_DigestUpdate(ctx, key, CERTMAP_MASTER_KEY)
         && EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    if (ok) {
        memcpy(id, digest, CERTMAP_KEY_ID);
    }
    return ok;
}

/* Into the place after the last key. */
static apr_status_t master_key_take(certmap_master *master, const char *path,
                                    int fd, hostmap_reason *why)
{
    unsigned at = master->count;
    ssize_t len;
    int ok;

    len = read(fd, master->text, sizeof(master->text));
    if (len < 0) {
        return hostmap_fail(why, errno, "key file %s: cannot read", path);
    }
    ok = master_key_decode(master->keys[at], master->text, len);
    OPENSSL_cleanse(master->text, sizeof(master->text));
    if (!ok) {
        return hostmap_fail(why, HOSTMAP_EFORMAT, "key file %s: expected "
                            "one line of %d hexadecimal digits", path,
                            DIGITS);
    }
    if (!master_id_make(master->ids[at], master->keys[at])) {
        return hostmap_fail(why, APR_EGENERAL, "OpenSSL has no SHA-256");
    }
    return APR_SUCCESS;
}

apr_status_t certmap_master_read(certmap_master *master, const char *path,
                                 hostmap_reason *why)
{
    unsigned char *key;
    apr_status_t rv;
    int fd;

    if (master->count == CERTMAP_MASTER_MAX) {
        return hostmap_fail(why, APR_ENOSPC, "key file %s: more than %d "
                            "keys", path, CERTMAP_MASTER_MAX);
    }
    rv = master_key_file_open(&fd, path, why);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = master_key_take(master, path, fd, why);
    close(fd);
    key = master->keys[master->count];
    if (rv == APR_SUCCESS
        && !certmap_master_find(master, master->ids[master->count])) {
        master->count++;
    }
    else {
        OPENSSL_cleanse(key, CERTMAP_MASTER_KEY);
    }
    return rv;
}

const unsigned char *certmap_master_first(const certmap_master *master,
                                          const unsigned char **id)
{
    if (master->count == 0) {
        return NULL;
    }
    *id = master->ids[0];
    return master->keys[0];
}

const unsigned char *certmap_master_find(const certmap_master *master,
                                         const unsigned char *id)
{
    unsigned i;

    for (i = 0; i < master->count; i++) {
        if (memcmp(master->ids[i], id, CERTMAP_KEY_ID) == 0) {
            return master->keys[i];
        }
    }
    return NULL;
}

/* ---- making ------------------------------------------------------------ */

static int master_key_write(int fd)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char key[CERTMAP_MASTER_KEY];
    char text[DIGITS + 1];
    int i, ok;

    ok = RAND_priv_bytes(key, sizeof(key)) == 1;
    for (i = 0; i < CERTMAP_MASTER_KEY; i++) {
        text[2 * i] = digits[key[i] >> 4];
        text[2 * i + 1] = digits[key[i] & 0xf];
    }
    text[DIGITS] = '\n';
    errno = 0;
    ok = ok && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text)
         && fsync(fd) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));
    return ok;
}

apr_status_t certmap_master_make(const char *path, hostmap_reason *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    apr_status_t rv = APR_SUCCESS;

    if (fd < 0) {
        return hostmap_fail(why, errno, "key file %s: cannot make it",
                            path);
    }
    if (!master_key_write(fd)) {
        rv = hostmap_fail(why, errno ? errno : APR_EGENERAL, "key file "
                          "%s: cannot write it", path);
        unlink(path);
    }
    close(fd);
    return rv;
}
