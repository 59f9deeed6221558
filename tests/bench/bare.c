/* SPDX-License-Identifier: Apache-2.0
 *
 * The bare loop: sends the POST bodies of a file, 64 in flight on one libcurl multi handle, and
 * parses every reply with cJSON. Nothing else: no caps, no checks, no evidence. What haldane's
 * whole path is compared with.
 *
 *     bare URL FILE REQUESTS   prints "replies=N seconds=S cpu=S bytes=N"
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define IN_FLIGHT 64

struct slot {
    CURL *easy;
    char *at;
    size_t len, room;
};

static size_t take(char *at, size_t size, size_t n, void *user)
{
    struct slot *s = user;
    size *= n;
    if (s->len + size >= s->room) {
        s->room = 2 * (s->len + size);
        s->at = realloc(s->at, s->room);
    }
    memcpy(s->at + s->len, at, size);
    s->len += size;
    return size;
}

static char **read_lines(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    char **line = NULL, *one = NULL;
    size_t n = 0, room = 0;
    ssize_t len;
    while (f && (len = getline(&one, &room, f)) > 0) {
        one[len - 1] = '\0';
        line = realloc(line, (n + 1) * sizeof *line);
        line[n++] = strdup(one);
    }
    if (f)
        (void)fclose(f);
    *ret_n = n;
    return line;
}

static double seconds(const struct timeval *t) { return (double)t->tv_sec + (double)t->tv_usec / 1e6; }

static double wall(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    size_t n, want = strtoul(argv[3], NULL, 10), sent = 0, got = 0, bytes = 0;
    char **body = read_lines(argv[2], &n);
    if (!n)
        return 1;
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT);
    struct slot slot[IN_FLIGHT] = {0};
    double began = wall();
    for (size_t i = 0; i < IN_FLIGHT && sent < want; i++) {
        CURL *e = slot[i].easy = curl_easy_init();
        (void)curl_easy_setopt(e, CURLOPT_URL, argv[1]);
        (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
        (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, &slot[i]);
        (void)curl_easy_setopt(e, CURLOPT_PRIVATE, &slot[i]);
        (void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, body[sent++ % n]);
        (void)curl_multi_add_handle(multi, e);
    }
    while (got < want) {
        int running, left;
        (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
        (void)curl_multi_perform(multi, &running);
        for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));) {
            struct slot *s = NULL;
            (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
            cJSON *tree = m->data.result == CURLE_OK ? cJSON_ParseWithLength(s->at, s->len) : NULL;
            if (!tree)
                return 1;
            cJSON_Delete(tree);
            got++;
            bytes += s->len;
            s->len = 0;
            (void)curl_multi_remove_handle(multi, s->easy);
            if (sent < want) {
                (void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body[sent++ % n]);
                (void)curl_multi_add_handle(multi, s->easy);
            }
        }
    }
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    (void)printf("replies=%zu seconds=%.4f cpu=%.4f bytes=%zu\n", got, wall() - began,
                 seconds(&u.ru_utime) + seconds(&u.ru_stime), bytes);
    return 0;
}
