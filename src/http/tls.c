/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls.h. Files are read and parsed where somebody waits for the answer (at the start, at a reload);
 * a handshake only looks at memory. Called by server.c and, through a callback, by GnuTLS.
 */
#include "http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <haldane/limits.h>

#define CHAIN_MAX 16                  /* certificates of one file; real chains have 2 to 4 */
#define RETIRE_MS (2 * HD_REQUEST_MS) /* a handshake that takes half of that is cut off */

struct tls {
    struct tls *next; /* of those that were shown before */
    int64_t retired_ms, ends_ms;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n;
    gnutls_privkey_t key;
};

static _Thread_local struct tls *shown, *retired;

struct tls *tls_free(struct tls *t)
{
    if (!t)
        return NULL;
    for (unsigned i = 0; i < t->n; i++)
        gnutls_pcert_deinit(&t->chain[i]);
    if (t->key)
        gnutls_privkey_deinit(t->key);
    free(t);
    return NULL;
}

static enum hd_code read_pem(const char *path, gnutls_datum_t *ret, struct hd_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return hd_fail(err, HD_IO, "%s: %s", path, strerrordesc_np(errno));
    unsigned char *text = calloc(1, HD_SECRET_BYTES_MAX + 1);
    ssize_t n = text ? read(fd, text, HD_SECRET_BYTES_MAX + 1) : -1;
    (void)close(fd);
    if (n <= 0 || n > (ssize_t)HD_SECRET_BYTES_MAX) {
        free(text);
        return hd_fail(err, HD_IO, "%s: empty, unreadable or larger than %u bytes", path, HD_SECRET_BYTES_MAX);
    }
    *ret = (gnutls_datum_t){.data = text, .size = (unsigned)n};
    return HD_OK;
}

/* When the first of the chain, our own, ends. */
static int64_t end_of(const gnutls_pcert_st *own)
{
    gnutls_x509_crt_t crt = NULL;
    time_t end = -1;
    if (gnutls_pcert_export_x509((gnutls_pcert_st *)own, &crt) == 0)
        end = gnutls_x509_crt_get_expiration_time(crt);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    return (int64_t)end * 1000;
}

static bool is_pair(struct tls *t)
{
    unsigned char a[64], b[64];
    size_t n = sizeof a, m = sizeof b;
    gnutls_pubkey_t public = NULL;
    bool same = gnutls_pubkey_init(&public) == 0 && gnutls_pubkey_import_privkey(public, t->key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, a, &n) == 0 &&
                gnutls_pubkey_get_key_id(t->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &m) == 0 && n == m &&
                memcmp(a, b, n) == 0;
    if (public)
        gnutls_pubkey_deinit(public);
    return same;
}

static enum hd_code parse(struct tls *t, const char *certificate, const gnutls_datum_t *crt, const char *key,
                          const gnutls_datum_t *pem, struct hd_error *err)
{
    unsigned n = CHAIN_MAX;
    int e = gnutls_pcert_list_import_x509_raw(t->chain, &n, crt, GNUTLS_X509_FMT_PEM, 0);
    if (e < 0)
        return hd_fail(err, HD_INVALID, "%s: no certificate in PEM: %s", certificate, gnutls_strerror(e));
    t->n = n;
    e = gnutls_privkey_init(&t->key);
    if (e >= 0)
        e = gnutls_privkey_import_x509_raw(t->key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (e < 0)
        return hd_fail(err, HD_INVALID, "%s: no key in PEM: %s", key, gnutls_strerror(e));
    if (!n || !is_pair(t))
        return hd_fail(err, HD_INVALID, "%s is not the key of %s", key, certificate);
    t->ends_ms = end_of(&t->chain[0]);
    return HD_OK;
}

enum hd_code tls_load(const char *certificate, const char *key, struct tls **ret, struct hd_error *err)
{
    gnutls_datum_t crt = {0}, pem = {0};
    struct tls *t = calloc(1, sizeof *t);
    enum hd_code code = t ? HD_OK : hd_fail(err, HD_NOMEM, "no memory for a certificate");
    if (!code)
        code = read_pem(certificate, &crt, err);
    if (!code)
        code = read_pem(key, &pem, err);
    if (!code)
        code = parse(t, certificate, &crt, key, &pem, err);
    free(crt.data);
    if (pem.data)
        gnutls_memset(pem.data, 0, pem.size);
    free(pem.data);
    if (code)
        tls_free(t);
    else
        *ret = t;
    return code;
}

int64_t tls_ends_ms(const struct tls *t)
{
    return t->ends_ms;
}

void tls_use(struct tls *t, int64_t boot_ms)
{
    if (shown) {
        shown->retired_ms = boot_ms;
        shown->next = retired;
        retired = shown;
    }
    shown = t;
    for (struct tls **at = &retired; *at;) {
        struct tls *old = *at;
        if (t && boot_ms - old->retired_ms < RETIRE_MS) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        tls_free(old);
    }
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
                 const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **ret_chain,
                 unsigned *ret_n, gnutls_privkey_t *ret_key)
{
    (void)session;
    (void)names;
    (void)n_names;
    (void)algorithms;
    (void)n_algorithms;
    if (!shown)
        return -1;
    *ret_chain = shown->chain;
    *ret_n = shown->n;
    *ret_key = shown->key;
    return 0;
}
