/* What people are shown of foreign text: nothing in it acts on a terminal, and every library message goes through it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static void each_kind_is_written_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain ~", "plain ~"},
        {"Gr\xc3\xb6\xc3\x9f" "e \xe6\x97\xa5 \xf0\x9f\x98\x80", "Gr\xc3\xb6\xc3\x9f" "e \xe6\x97\xa5 \xf0\x9f\x98\x80"},
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
        {"\x01\x7f\x08", "\\x01\\x7f\\x08"},
        {"\xc2\x9b" "31m", "\\x9b31m"},                       /* the control of one byte, as UTF-8 */
        {"\x9b" "31m", "\\x9b31m"},                           /* and as it is in other encodings */
        {"caf\xe9", "caf\\xe9"},
        {"\xe2\x80\xae" "txt.exe", "\\u202etxt.exe"},         /* what turns the direction of writing */
        {"a\xe2\x80\x8b" "b\xef\xbb\xbf", "a\\u200bb\\ufeff"}, /* what is not seen */
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xf3\xa0\x81\x81", "\\U000e0041"},
        {"\xc3", "\\xc3"},
        {"back\\slash", "back\\slash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char shown[256], again[256];
        sab_text_shown(cases[i].text, shown, sizeof shown);
        if (strcmp(shown, cases[i].shown) != 0)
            fail_msg("case %zu: expected %s, got %s", i, cases[i].shown, shown);
        assert_string_equal(sab_text_shown(shown, again, sizeof again), shown);
    }
}

static void whole_characters_up_to_the_cap(void **state)
{
    (void)state;
    char shown[8];
    assert_string_equal(sab_text_shown("abcdefghij", shown, 8), "abcdefg");
    assert_string_equal(sab_text_shown("abcdef\xc3\xa9", shown, 8), "abcdef");
    assert_string_equal(sab_text_shown("abcd\x1b", shown, 8), "abcd");
    assert_string_equal(sab_text_shown("abc\x1b", shown, 8), "abc\\x1b");
    assert_string_equal(sab_text_shown("a", shown, 1), "");
}

static void messages_are_shown(void **state)
{
    (void)state;
    struct sab_error err;
    sab_fail(&err, SAB_FORMAT, "the column \"%s\"", "\x1b]0;title\x07\nsab train: all is well");
    assert_string_equal(err.message, "the column \"\\x1b]0;title\\x07\\nsab train: all is well\"");
    char long_text[2000];
    memset(long_text, '\x1b', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    sab_fail(&err, SAB_FORMAT, "%s", long_text);
    assert_int_equal(strlen(err.message), 508); /* 127 times \x1b */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written_out),
        cmocka_unit_test(whole_characters_up_to_the_cap),
        cmocka_unit_test(messages_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
