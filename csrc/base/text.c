/* text.c - see text.h. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LEAST = 64 };            /* room from the beginning: most texts are short */

void
yagot_text_fini(yagot_text *text)
{
    PyMem_RawFree(text->data);
    *text = (yagot_text){0};
}

void
yagot_text_empty(yagot_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
}

/* Room for `more` bytes and the NUL. */
static bool
reserve(yagot_text *text, size_t more)
{
    if (text->failed) {
        return false;
    }
    if (text->size + more + 1 > text->room) {
        size_t needed = text->size + more + 1, room = needed < LEAST / 2 ? LEAST : needed * 2;
        char *grown = PyMem_RawRealloc(text->data, room);
        if (grown == NULL) {
            text->failed = true;
            return false;
        }
        text->data = grown;
        text->room = room;
    }
    return true;
}

void
yagot_text_add_bytes(yagot_text *text, const char *bytes, size_t size)
{
    if (reserve(text, size)) {
        memcpy(text->data + text->size, bytes, size);
        text->size += size;
        text->data[text->size] = '\0';
    }
}

void
yagot_text_add(yagot_text *text, const char *string)
{
    yagot_text_add_bytes(text, string, strlen(string));
}

void
yagot_text_addf(yagot_text *text, const char *format, ...)
{
    char buffer[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    if (size > 0) {
        yagot_text_add_bytes(text, buffer, (size_t)size < sizeof buffer ? (size_t)size : sizeof buffer - 1);
    }
}

static void
add_character(yagot_text *text, Py_UCS4 c)
{
    unsigned char bytes[4];
    if (c < 0x20 || c == 0x7F) {
        yagot_text_addf(text, "\\x%02x", (unsigned)c);
    }
    else if ((c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF) {
        yagot_text_addf(text, "\\u%04x", (unsigned)c);
    }
    else if (c < 0x80) {
        bytes[0] = (unsigned char)c;
        yagot_text_add_bytes(text, (char *)bytes, 1);
    }
    else if (c < 0x800) {
        bytes[0] = (unsigned char)(0xC0 | (c >> 6));
        bytes[1] = (unsigned char)(0x80 | (c & 0x3F));
        yagot_text_add_bytes(text, (char *)bytes, 2);
    }
    else if (c < 0x10000) {
        bytes[0] = (unsigned char)(0xE0 | (c >> 12));
        bytes[1] = (unsigned char)(0x80 | ((c >> 6) & 0x3F));
        bytes[2] = (unsigned char)(0x80 | (c & 0x3F));
        yagot_text_add_bytes(text, (char *)bytes, 3);
    }
    else {
        bytes[0] = (unsigned char)(0xF0 | (c >> 18));
        bytes[1] = (unsigned char)(0x80 | ((c >> 12) & 0x3F));
        bytes[2] = (unsigned char)(0x80 | ((c >> 6) & 0x3F));
        bytes[3] = (unsigned char)(0x80 | (c & 0x3F));
        yagot_text_add_bytes(text, (char *)bytes, 4);
    }
}

/* Nothing to escape? Looks at all, so that a compiler can take many characters at once. */
static bool
is_plain(const char *characters, Py_ssize_t length, bool lines)
{
    unsigned char odd = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)characters[i];
        odd |= (unsigned char)((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) | (c == 0x7F));
    }
    return odd == 0;
}

/* Appends the first characters of a str as they are, if none is to be escaped. */
static bool
add_plain(yagot_text *text, PyObject *string, Py_ssize_t length, bool lines)
{
    bool plain = PyUnicode_IS_ASCII(string) && is_plain(PyUnicode_DATA(string), length, lines);
    if (plain) {
        yagot_text_add_bytes(text, PyUnicode_DATA(string), (size_t)length);
    }
    return plain;
}

void
yagot_text_add_str(yagot_text *text, PyObject *string, Py_ssize_t limit)
{
    if (string == NULL || !PyUnicode_Check(string)) {
        return;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(string), shown = length < limit ? length : limit;
    if (!add_plain(text, string, shown, false)) {
        for (Py_ssize_t i = 0; i < shown; i++) {
            add_character(text, PyUnicode_READ_CHAR(string, i));
        }
    }
    if (length > limit) {
        yagot_text_add(text, "\xE2\x80\xA6");
    }
}

void
yagot_text_add_readable(yagot_text *text, PyObject *string)
{
    if (!PyUnicode_Check(string)) {
        return;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (add_plain(text, string, length, true)) {
        return;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(string, i);
        if (c == '\n' || c == '\t') {
            yagot_text_add_bytes(text, c == '\n' ? "\n" : "\t", 1);
        }
        else {
            add_character(text, c);
        }
    }
}

char *
yagot_text_take(yagot_text *text)
{
    char *data = NULL;
    if (reserve(text, 0)) {
        text->data[text->size] = '\0';
        data = text->data;
        text->data = NULL;
    }
    yagot_text_fini(text);
    return data;
}

char *
yagot_put_digits(char *at, long long number, int least)
{
    unsigned long long rest = (unsigned long long)number;
    int count = 1;
    for (unsigned long long n = rest; n >= 10; n /= 10) {
        count++;
    }
    count = count < least ? least : count;
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    return at + count;
}

char *
yagot_put_seconds(char *at, long long milliseconds, int least)
{
    at = yagot_put_digits(at, milliseconds / 1000, least);
    *at++ = '.';
    return yagot_put_digits(at, milliseconds % 1000, 3);
}

char *
yagot_text_copy(const char *string)
{
    yagot_text text = {0};
    yagot_text_add(&text, string);
    return yagot_text_take(&text);
}
