/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a config file: no crash, no accepted config with an error, and what is accepted is a
 * fixed point: printed, and pinned, it loads to the same policy.
 */
#include "../unit/config/fake.h"
#include "config/config.h"

#include "fuzz.h"

#define TEXT_MAX ((size_t)64 << 20)

static void check_print(struct hd_arena *a, const struct config *c)
{
    BUF_AUTO text = BUF_INIT(TEXT_MAX);
    struct config *again = NULL;
    struct config_mistakes m;
    config_print(c, &text);
    MUST(!config_load_text(a, "printed", buf_span(&text), NULL, &again, &m, NULL));
    MUST(str_is(config_get(again)->hash, config_get(c)->hash));
    config_unref(again);
}

static void check_pin(const struct config *c)
{
    BUF_AUTO pin = BUF_INIT(TEXT_MAX), twice = BUF_INIT(TEXT_MAX);
    struct config *again = NULL;
    config_pin(c, &config_get(c)->services[0], &pin);
    MUST(!config_load_pin(buf_span(&pin), &again, NULL));
    config_pin(again, &config_get(again)->services[0], &twice);
    MUST(str_is(buf_at(&pin), buf_at(&twice)));
    config_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct config *c = NULL;
    struct config_mistakes m;
    const char *text = arena_text_n(a, (const char *)data, size);
    enum hd_code code =
        config_load_text(a, "fuzz", (struct hd_span){text, size}, NULL, &c, &m, NULL);
    MUST(!code == !m.errors && !code == (c != NULL));
    BUF_AUTO said = BUF_INIT(TEXT_MAX);
    config_print_mistakes(&m, &said);
    if (c) {
        check_print(a, c);
        check_pin(c);
        config_unref(c);
    }
    struct config *pin = NULL; /* the same bytes as a stored pin */
    if (!config_load_pin((struct hd_span){text, size}, &pin, NULL))
        config_unref(pin);
    return 0;
}
