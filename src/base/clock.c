/* SPDX-License-Identifier: Apache-2.0
 *
 * See clock.h. CLOCK_BOOTTIME runs on through suspend and never jumps.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct hd_now clock_now(void)
{
    return (struct hd_now){.wall_ms = read_ms(CLOCK_REALTIME), .boot_ms = read_ms(CLOCK_BOOTTIME)};
}

const char *clock_boot_id(void)
{
    static char id[64];
    if (id[0])
        return id;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f) {
        if (!fgets(id, (int)sizeof id, f))
            id[0] = '\0';
        (void)fclose(f);
    }
    id[strcspn(id, "\n")] = '\0';
    if (!id[0])
        memcpy(id, "unknown", sizeof "unknown");
    return id;
}
