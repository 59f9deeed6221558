/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer: replay MUTANTS FILE-OR-FOLDER... feeds every seed and that many mutants
 * of it, made from one fixed start so that a failure comes again.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEED_BYTES_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state = 88172645463325252u;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (size_t)(random_state % n) : 0;
}

static size_t mutate(uint8_t *at, size_t size)
{
    for (size_t edits = 1 + random_below(4); edits && size; edits--) {
        size_t i = random_below(size), n = random_below(size - i < 64 ? size - i : 64);
        switch (random_below(5)) {
        case 0: /* one bit */
            at[i] = (uint8_t)(at[i] ^ 1u << random_below(8));
            break;
        case 1: /* a byte that means something in a format */
            at[i] = (uint8_t) "\"{}[],:0-e<\\\n"[random_below(13)];
            break;
        case 2: /* the rest is lost */
            size = i;
            break;
        case 3: /* a part is lost */
            memmove(at + i, at + i + n, size - i - n);
            size -= n;
            break;
        default: /* a part is written over another */
            memmove(at + random_below(size - n), at + i, n);
        }
    }
    return size;
}

static int feed_file(const char *path, long mutants)
{
    static uint8_t bytes[SEED_BYTES_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    for (long i = 0; i <= mutants; i++) {
        uint8_t *copy = malloc(n + 1); /* of its own size, so that a read past it is seen */
        if (!copy)
            return 1;
        memcpy(copy, bytes, n);
        (void)LLVMFuzzerTestOneInput(copy, i ? mutate(copy, n) : n);
        free(copy);
    }
    return 0;
}

static int feed(const char *path, long mutants)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return feed_file(path, mutants);
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort), failed = n < 0;
    for (int i = 0; i < n; i++) {
        char name[4096];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.')
            failed |= feed(name, mutants);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    else
        perror(path);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc < 3;
    for (int i = 2; i < argc; i++)
        failed |= feed(argv[i], atol(argv[1]));
    return failed;
}
