/* test_text.c - growable texts and arrays. */
#include "check.h"

#include "base/array.h"
#include "base/text.h"

#include <string.h>

TEST(an_empty_text_is_an_empty_string)
{
    yagot_text text = {0};
    CHECK(strcmp(yagot_text_get(&text), "") == 0);
    char *taken = yagot_text_take(&text);
    CHECK(taken != NULL && *taken == '\0');
    PyMem_RawFree(taken);
}

TEST(grows_and_can_be_taken)
{
    yagot_text text = {0};
    for (int i = 0; i < 10000; i++) {
        yagot_text_addf(&text, "%04d", i);
    }
    CHECK(!text.failed && text.size == 40000);
    char *taken = yagot_text_take(&text);
    CHECK(taken != NULL && strlen(taken) == 40000 && memcmp(taken + 39996, "9999", 4) == 0);
    CHECK(text.data == NULL && text.size == 0);
    PyMem_RawFree(taken);
}

TEST(emptied_it_is_used_again)
{
    yagot_text text = {0};
    yagot_text_add(&text, "before");
    yagot_text_empty(&text);
    yagot_text_add_bytes(&text, "behind", 3);
    CHECK(strcmp(yagot_text_get(&text), "beh") == 0);
    yagot_text_fini(&text);
}

TEST(a_str_is_cut_and_escaped)
{
    yagot_text text = {0};
    PyObject *string = PyUnicode_DecodeUnicodeEscape("ab\\x1b\\udc80efgh", 16, NULL);
    CHECK(string != NULL);
    yagot_text_add_str(&text, string, 4);
    Py_DECREF(string);
    CHECK(strcmp(yagot_text_get(&text), "ab\\x1b\\udc80\xE2\x80\xA6") == 0);
    yagot_text_fini(&text);
}

TEST(digits_and_seconds)
{
    char buffer[32];
    *yagot_put_digits(buffer, 42, 4) = '\0';
    CHECK(strcmp(buffer, "0042") == 0);
    *yagot_put_seconds(buffer, 61005, 1) = '\0';
    CHECK(strcmp(buffer, "61.005") == 0);
}

TEST(an_array_grows_when_it_is_full)
{
    uint64_t *items = NULL;
    size_t room = 0;
    for (size_t i = 0; i < 5000; i++) {
        uint64_t *grown = yagot_array_grow(items, i, &room, sizeof *grown);
        CHECK(grown != NULL && room > i);
        CHECK(i == 0 || grown[i - 1] == i - 1);
        items = grown;
        items[i] = i;
    }
    CHECK(yagot_array_grow(items, 3, &room, sizeof *items) == items);       /* there is room */
    PyMem_RawFree(items);
}

TEST(an_array_that_cannot_grow_stays)
{
    char item = 'x';
    size_t room = SIZE_MAX / 4;
    CHECK(yagot_array_grow(&item, SIZE_MAX / 4, &room, 16) == NULL);
    CHECK(room == SIZE_MAX / 4 && item == 'x');
}

static PyMethodDef methods[] = {
    ENTRY(an_empty_text_is_an_empty_string), ENTRY(grows_and_can_be_taken), ENTRY(emptied_it_is_used_again),
    ENTRY(a_str_is_cut_and_escaped), ENTRY(digits_and_seconds), ENTRY(an_array_grows_when_it_is_full),
    ENTRY(an_array_that_cannot_grow_stays), {0},
};
MODULE(test_text)
