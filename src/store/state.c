/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's state as text, made from the engine's own lists of fields:
 *
 *     haldane-state 1
 *     guard polls=3 t_ms=15000 score=0x1.9p+6
 *     words 3=0x1p-1
 *     check 0 judged=3 value=nan:7ff8000000000000
 *     words
 *     end
 *
 * Fields of zero bits are left out, and read back as zero: so a field that a later haldane adds
 * needs no new version if zero means "nothing yet". A field we do not know means a newer writer.
 * Doubles keep every bit. Called by guards.c; replay and the tests read the same text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "store/store.h"

#define HEAD "haldane-state 1"

enum type { TYPE_u8, TYPE_u32, TYPE_u64, TYPE_i64, TYPE_f64 };

struct field {
    const char *name;
    enum type type;
    size_t offset;
};

#define CHECK_FIELD(type, name) {#name, TYPE_##type, offsetof(struct hd_check_state, name)},
#define GUARD_FIELD(type, name) {#name, TYPE_##type, offsetof(struct hd_guard_state, name)},
static const struct field check_fields[] = {ENGINE_CHECK_STATE(CHECK_FIELD)};
static const struct field guard_fields[] = {ENGINE_GUARD_STATE(GUARD_FIELD)};
#define WORD(i) {#i, TYPE_f64, (i) * sizeof(double)}
static const struct field word_fields[ENGINE_WORDS] = {
    WORD(0),  WORD(1),  WORD(2),  WORD(3),  WORD(4),  WORD(5),  WORD(6),  WORD(7),
    WORD(8),  WORD(9),  WORD(10), WORD(11), WORD(12), WORD(13), WORD(14), WORD(15),
    WORD(16), WORD(17), WORD(18), WORD(19), WORD(20), WORD(21), WORD(22), WORD(23),
    WORD(24), WORD(25), WORD(26), WORD(27), WORD(28), WORD(29), WORD(30), WORD(31),
    WORD(32), WORD(33), WORD(34), WORD(35), WORD(36), WORD(37), WORD(38), WORD(39),
    WORD(40), WORD(41), WORD(42), WORD(43), WORD(44), WORD(45), WORD(46), WORD(47),
};
_Static_assert(ENGINE_WORDS == 48, "a row for each word");
#define COUNT(list) (sizeof(list) / sizeof *(list))

static const size_t widths[] = {[TYPE_u8] = 1, [TYPE_u32] = 4, [TYPE_u64] = 8, [TYPE_i64] = 8,
                                [TYPE_f64] = 8};

/* The field's bytes as the low ones of a word; this haldane runs on little-endian machines, and
 * the text does not depend on it. */
static uint64_t bits_of(enum type type, const void *at)
{
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    if (type == TYPE_u8)
        return memcpy(&u8, at, sizeof u8), u8;
    if (type == TYPE_u32)
        return memcpy(&u32, at, sizeof u32), u32;
    return memcpy(&u64, at, sizeof u64), u64;
}

static void save_whole(uint64_t v, struct buf *to)
{
    char text[20];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(to, text + at, sizeof text - at);
}

static void save_hex(uint64_t v, int digits, struct buf *to)
{
    static const char digit[] = "0123456789abcdef";
    while (digits--)
        buf_byte(to, digit[v >> (4 * digits) & 15]);
}

/* As printf's %a writes it, in a tenth of the time: a state is saved with every poll. */
static void save_double(double v, uint64_t bits, struct buf *to)
{
    uint64_t fraction = bits << 12 >> 12;
    int exponent = (int)(bits >> 52 & 0x7ff), digits = 13;
    if (isnan(v)) {
        buf_text(to, "nan:");
        save_hex(bits, 16, to);
        return;
    }
    buf_text(to, bits >> 63 ? "-" : "");
    if (isinf(v)) {
        buf_text(to, "inf");
        return;
    }
    buf_text(to, exponent ? "0x1" : "0x0");
    for (; digits && !(fraction & 15); digits--)
        fraction >>= 4;
    buf_text(to, digits ? "." : "");
    save_hex(fraction, digits, to);
    exponent = exponent ? exponent - 1023 : digits ? -1022 : 0;
    buf_text(to, exponent < 0 ? "p-" : "p+");
    save_whole((uint64_t)(exponent < 0 ? -exponent : exponent), to);
}

static void save_value(enum type type, const char *name, const void *at, struct buf *to)
{
    uint64_t bits = bits_of(type, at);
    if (!bits)
        return;
    bool minus = type == TYPE_i64 && bits >> 63;
    buf_byte(to, ' ');
    buf_text(to, name);
    buf_text(to, minus ? "=-" : "=");
    if (type == TYPE_f64) {
        double v;
        memcpy(&v, at, sizeof v);
        save_double(v, bits, to);
    } else {
        save_whole(minus ? -bits : bits, to);
    }
}

static void save_fields(const struct field *field, size_t n, const void *base, struct buf *to)
{
    for (size_t i = 0; i < n; i++)
        save_value(field[i].type, field[i].name, (const char *)base + field[i].offset, to);
}

static void save_words(const double words[ENGINE_WORDS], struct buf *to)
{
    buf_text(to, "\nwords");
    for (size_t i = 0; i < ENGINE_WORDS; i++)
        save_value(TYPE_f64, word_fields[i].name, &words[i], to);
    buf_byte(to, '\n');
}

void store_state_save(const struct hd_guard_state *state, struct buf *to)
{
    buf_text(to, HEAD "\nguard");
    save_fields(guard_fields, COUNT(guard_fields), state, to);
    save_words(state->words, to);
    for (uint32_t i = 0; i < state->n_checks && i < HD_CHECKS_MAX; i++) {
        buf_print(to, "check %u", i);
        save_fields(check_fields, COUNT(check_fields), &state->check[i], to);
        save_words(state->check[i].words, to);
    }
    buf_text(to, "end\n");
}

#define TOKEN_MAX 96 /* a name and a value; ours stay below 60 */

/* What is left of the text. */
struct reader {
    const char *at, *end;
    unsigned line;
};

static enum hd_code bad(const struct reader *in, const char *what, struct hd_error *err)
{
    return hd_fail(err, HD_PARSE, "engine state, line %u: %s", in->line, what);
}

/* The next word of the line; "" at its end, which is eaten. */
static enum hd_code take_word(struct reader *in, char word[TOKEN_MAX], struct hd_error *err)
{
    size_t len = 0;
    while (in->at < in->end && *in->at == ' ')
        in->at++;
    while (in->at < in->end && *in->at != ' ' && *in->at != '\n') {
        if (len == TOKEN_MAX - 1)
            return bad(in, "a word is too long", err);
        word[len++] = *in->at++;
    }
    word[len] = '\0';
    if (in->at == in->end)
        return bad(in, "the text is cut off", err);
    if (len == 0) {
        in->at++;
        in->line++;
    }
    return HD_OK;
}

static enum hd_code expect(struct reader *in, const char *want, struct hd_error *err)
{
    char word[TOKEN_MAX];
    enum hd_code code = take_word(in, word, err);
    return code || str_is(word, want) ? code : bad(in, "not the expected line", err);
}

static bool read_whole(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    *ret = v;
    /* strtoull stops at its maximum; printing it again tells a true one from a cut one */
    char again[24];
    (void)snprintf(again, sizeof again, "%llu", v);
    return v <= max && str_is(again, text);
}

static bool read_signed(const char *text, uint64_t *ret)
{
    int64_t v;
    if (!str_read_i64(text, &v))
        return false;
    *ret = (uint64_t)v;
    return true;
}

static bool read_real(const char *text, uint64_t *ret)
{
    char *end;
    if (str_begins(text, "nan:")) {
        *ret = strtoull(text + 4, &end, 16);
        double v;
        memcpy(&v, ret, sizeof v);
        return !*end && isnan(v);
    }
    double v = strtod(text, &end);
    memcpy(ret, &v, sizeof v);
    return end != text && !*end;
}

static bool load_value(enum type type, const char *text, void *at)
{
    uint64_t bits = 0;
    bool ok = type == TYPE_f64   ? read_real(text, &bits)
              : type == TYPE_i64 ? read_signed(text, &bits)
                                 : read_whole(text, UINT64_MAX >> (64 - 8 * widths[type]), &bits);
    uint8_t u8 = (uint8_t)bits;
    uint32_t u32 = (uint32_t)bits;
    memcpy(at, widths[type] == 1 ? (void *)&u8 : widths[type] == 4 ? (void *)&u32 : (void *)&bits,
           widths[type]);
    return ok;
}

/* The rest of a line: name=value ... */
static enum hd_code load_fields(struct reader *in, const struct field *field, size_t n, void *base,
                                struct hd_error *err)
{
    char word[TOKEN_MAX];
    for (;;) {
        enum hd_code code = take_word(in, word, err);
        if (code || !*word)
            return code;
        char *value = strchr(word, '=');
        if (!value)
            return bad(in, "no value", err);
        *value++ = '\0';
        size_t i = 0;
        while (i < n && !str_is(field[i].name, word))
            i++;
        if (i == n)
            return hd_fail(err, HD_VERSION, "engine state, line %u: unknown field %s", in->line,
                           word);
        if (!load_value(field[i].type, value, (char *)base + field[i].offset))
            return bad(in, "not a value of this field", err);
    }
}

static enum hd_code load_words(struct reader *in, double words[ENGINE_WORDS], struct hd_error *err)
{
    enum hd_code code = expect(in, "words", err);
    return code ? code : load_fields(in, word_fields, ENGINE_WORDS, words, err);
}

static enum hd_code load_check(struct reader *in, struct hd_guard_state *state,
                               struct hd_error *err)
{
    char word[TOKEN_MAX];
    uint64_t number;
    enum hd_code code = take_word(in, word, err);
    if (code)
        return code;
    if (!read_whole(word, HD_CHECKS_MAX - 1, &number) || number != state->n_checks)
        return bad(in, "not the next check", err);
    struct hd_check_state *check = &state->check[state->n_checks++];
    code = load_fields(in, check_fields, COUNT(check_fields), check, err);
    return code ? code : load_words(in, check->words, err);
}

static enum hd_code load_head(struct reader *in, struct hd_error *err)
{
    char word[TOKEN_MAX];
    enum hd_code code = expect(in, "haldane-state", err);
    if (!code)
        code = take_word(in, word, err);
    if (!code && !str_is(word, "1"))
        return hd_fail(err, HD_VERSION, "engine state of version %s; this haldane reads 1", word);
    return code ? code : expect(in, "", err);
}

enum hd_code store_state_load(struct hd_span text, struct hd_guard_state *ret, struct hd_error *err)
{
    struct hd_guard_state state;
    struct reader in = {text.at, text.at + text.len, 1};
    char word[TOKEN_MAX];
    memset(&state, 0, sizeof state);
    enum hd_code code = load_head(&in, err);
    if (!code)
        code = expect(&in, "guard", err);
    if (!code)
        code = load_fields(&in, guard_fields, COUNT(guard_fields), &state, err);
    if (!code)
        code = load_words(&in, state.words, err);
    while (!code) {
        code = take_word(&in, word, err);
        if (!code && str_is(word, "end"))
            break;
        if (!code)
            code = str_is(word, "check") ? load_check(&in, &state, err)
                                         : bad(&in, "unknown line", err);
    }
    if (!code && in.at + 1 != in.end)
        code = bad(&in, "more after the end", err);
    if (!code)
        *ret = state;
    return code;
}
