/* SPDX-License-Identifier: Apache-2.0
 *
 * See cred.h. Reads a secret from where its reference points, at each use, so that a rotated file
 * is seen without a restart. Never keeps, prints or logs a secret, and never waits: what is not a
 * regular file is refused. Called by config (is it a reference?), net (through main) and http.
 */
#include "cred/cred.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"

#define SHA256_BYTES 32
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

enum kind { REF_NONE, REF_FILE, REF_ENV, REF_CREDENTIAL };

static const struct {
    const char *prefix;
    const char *allowed; /* characters of the name; NULL: any but a brace */
} kinds[] = {
    [REF_FILE] = {"${file:", NULL},
    [REF_ENV] = {"${env:", LETTERS DIGITS "_"},
    [REF_CREDENTIAL] = {"${credential:", LETTERS DIGITS "_.@-"},
};

/* The kind of a well-formed reference and what it names. */
static enum kind ref_split(const char *text, struct hd_span *ret)
{
    for (enum kind k = REF_FILE; k <= REF_CREDENTIAL; k++) {
        if (!str_begins(text, kinds[k].prefix))
            continue;
        const char *at = text + strlen(kinds[k].prefix);
        size_t n = kinds[k].allowed ? strspn(at, kinds[k].allowed) : strcspn(at, "{}");
        if (n == 0 || strcmp(at + n, "}") != 0 || (k == REF_FILE && at[0] != '/') ||
            (k == REF_ENV && strchr(DIGITS, at[0])) || (k == REF_CREDENTIAL && at[0] == '.'))
            return REF_NONE;
        *ret = (struct hd_span){at, n};
        return k;
    }
    return REF_NONE;
}

/* A secret sent as its own reference would be a leak of the layout and a puzzling 401. */
static bool ref_hidden(const char *text)
{
    for (enum kind k = REF_FILE; k <= REF_CREDENTIAL; k++) {
        if (strstr(text, kinds[k].prefix))
            return true;
    }
    return false;
}

bool cred_is_reference(const char *text)
{
    struct hd_span name;
    return text && ref_split(text, &name) != REF_NONE;
}

static enum hd_code errno_code(int e)
{
    return e == ENOENT || e == ENOTDIR ? HD_ABSENT : e == EACCES || e == EPERM ? HD_DENIED : HD_IO;
}

/* Reads at most `size` bytes. O_NONBLOCK: the open of a FIFO must not hang before it is refused. */
static enum hd_code read_file(const char *path, char *out, size_t size, size_t *ret_len,
                              struct hd_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return hd_fail(err, errno_code(errno), "%s", strerror(errno));
    struct stat st;
    size_t len = 0;
    ssize_t got = 0;
    enum hd_code code = HD_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        code = hd_fail(err, HD_INVALID, "not a regular file");
    while (!code && len < size && (got = read(fd, out + len, size - len)) != 0) {
        if (got > 0)
            len += (size_t)got;
        else if (errno != EINTR)
            code = hd_fail(err, HD_IO, "%s", strerror(errno));
    }
    (void)close(fd);
    if (!code)
        *ret_len = len;
    return code;
}

static enum hd_code read_env(const char *name, char *out, size_t size, size_t *ret_len,
                             struct hd_error *err)
{
    const char *value = getenv(name);
    if (!value)
        return hd_fail(err, HD_ABSENT, "no such variable in the environment");
    size_t len = strnlen(value, size);
    memcpy(out, value, len);
    *ret_len = len;
    return HD_OK;
}

static enum hd_code secret_check(char *secret, size_t len, struct hd_error *err)
{
    if (len && secret[len - 1] == '\n')
        len -= len > 1 && secret[len - 2] == '\r' ? 2 : 1;
    if (len > HD_SECRET_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, "larger than %u bytes", HD_SECRET_BYTES_MAX);
    if (len == 0)
        return hd_fail(err, HD_ABSENT, "empty");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)secret[i] < 0x20 || secret[i] == 0x7f)
            return hd_fail(err, HD_INVALID, "a control character inside, at byte %zu", i + 1);
    }
    secret[len] = '\0';
    return HD_OK;
}

static enum hd_code ref_read(struct hd_arena *a, enum kind kind, const char *name, char **ret,
                             struct hd_error *err)
{
    /* a newline of two bytes, and one to see that it is more */
    const size_t size = HD_SECRET_BYTES_MAX + 3;
    char *secret = arena_alloc(a, size + 1);
    size_t len = 0;
    const char *path = name, *folder = getenv("CREDENTIALS_DIRECTORY");
    if (kind == REF_CREDENTIAL && !folder)
        return hd_fail(err, HD_ABSENT, "no $CREDENTIALS_DIRECTORY; the systemd unit needs "
                                       "LoadCredential=");
    if (kind == REF_CREDENTIAL)
        path = arena_print(a, "%s/%s", folder, name);
    enum hd_code code = kind == REF_ENV ? read_env(name, secret, size, &len, err)
                                        : read_file(path, secret, size, &len, err);
    if (!code)
        code = secret_check(secret, len, err);
    if (!code)
        *ret = secret;
    return code;
}

enum hd_code cred_resolve(struct hd_arena *a, const char *text, const char **ret,
                          struct hd_error *err)
{
    struct hd_span name;
    enum kind kind = ref_split(text, &name);
    if (kind == REF_NONE && ref_hidden(text))
        return hd_fail(err, HD_INVALID, "not a well-formed reference: a secret is the whole text "
                                        "${file:/path}, ${env:NAME} or ${credential:name}");
    if (kind == REF_NONE) {
        *ret = text;
        return HD_OK;
    }
    char *secret = NULL;
    if (ref_read(a, kind, arena_text_n(a, name.at, name.len), &secret, err))
        return hd_error_add(err, "%s", text);
    *ret = secret;
    return HD_OK;
}

enum hd_code cred_token_new(char out[64], struct hd_error *err)
{
    static const char alphabet[] = LETTERS DIGITS "-_"; /* base64url, RFC 4648 section 5 */
    unsigned char random[33] = {0}; /* 32 bytes, and a zero to end the last group */
    if (getrandom(random, 32, 0) != 32)
        return hd_fail(err, HD_IO, "no random numbers: %s", strerror(errno));
    char *to = out;
    memcpy(to, "hld_", 4);
    to += 4;
    for (size_t i = 0; i < 43; i++) {
        size_t bit = i * 6, byte = bit / 8;
        unsigned pair = (unsigned)random[byte] << 8 | random[byte + 1];
        *to++ = alphabet[pair >> (10 - bit % 8) & 63];
    }
    *to = '\0';
    OPENSSL_cleanse(random, sizeof random);
    return HD_OK;
}

static void sha256(const void *at, size_t len, unsigned char out[SHA256_BYTES])
{
    if (EVP_Digest(at, len, out, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory, as in base/arena.c: a wrong hash must never be compared */
}

void cred_sha256_hex(struct hd_span bytes, char out[65])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA256_BYTES];
    sha256(bytes.at, bytes.len, digest);
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[64] = '\0';
}

/* Digests are compared, so that neither length nor place of the first difference shows. */
bool cred_equal(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    unsigned char da[SHA256_BYTES], db[SHA256_BYTES];
    sha256(a, strlen(a), da);
    sha256(b, strlen(b), db);
    return CRYPTO_memcmp(da, db, sizeof da) == 0;
}
