/* text.h - a growable UTF-8 text.
 *
 * In:  strings and str objects, which stay the caller's.
 * Out: bytes that the text owns until they are taken.
 * Appending never fails loudly: a text that ran out of memory is marked, and gives NULL when it is taken.
 */
#ifndef YAGOT_TEXT_H
#define YAGOT_TEXT_H

#include "core.h"

typedef struct {
    char *data;             /* owned; NUL-terminated, NULL while empty */
    size_t size, room;
    bool failed;
} yagot_text;

enum { YAGOT_NAME_LIMIT = 120, YAGOT_VALUE_LIMIT = 60 };

void yagot_text_fini(yagot_text *text);
/* Forgets the text but keeps its memory. */
void yagot_text_empty(yagot_text *text);
void yagot_text_add(yagot_text *text, const char *string);
void yagot_text_add_bytes(yagot_text *text, const char *bytes, size_t size);
void yagot_text_addf(yagot_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends at most `limit` characters of a str (else nothing), then an ellipsis; surrogates and control
 * characters visibly escaped. */
void yagot_text_add_str(yagot_text *text, PyObject *string, Py_ssize_t limit);
/* Appends a whole str for people to read: lines and tabs stay, what neither XML nor a terminal shows is
 * visibly escaped. */
void yagot_text_add_readable(yagot_text *text, PyObject *string);
/* The text as an owned string ("" if empty), NULL when memory ran out; the text is empty afterwards. */
char *yagot_text_take(yagot_text *text);
/* An owned copy of a string, NULL when memory ran out. */
char *yagot_text_copy(const char *string);

/* Puts the decimal digits of a number that is not negative, at least so many; returns what is behind them. */
char *yagot_put_digits(char *at, long long number, int least);
/* Puts seconds with three decimals; no locale has a say. */
char *yagot_put_seconds(char *at, long long milliseconds, int least);

static inline const char *
yagot_text_get(const yagot_text *text)
{
    return text->data != NULL ? text->data : "";
}

#endif
