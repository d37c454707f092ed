/* junit_time.h - times as writers of all languages put them: 0.160, 0,160, 14,029.255, PT1M3.5S, 00:00:03.14.
 *
 * In:  text, and what commas have been in the file so far.
 * Out: milliseconds, or that they are unclear. Nothing fails.
 */
#ifndef YAGOT_JUNIT_TIME_H
#define YAGOT_JUNIT_TIME_H

#include "core.h"

/* What a comma has been in a file so far; both together: nothing can be concluded. */
enum { YAGOT_COMMA_DECIMAL = 1, YAGOT_COMMA_GROUPS = 2 };

typedef enum {
    YAGOT_TIME_PLAIN,       /* a decimal number as XML has it */
    YAGOT_TIME_OTHER,       /* it means `plain` */
    YAGOT_TIME_NONE,        /* empty, or not a number by intent: NaN */
    YAGOT_TIME_UNCLEAR,     /* it may be one time or another, or no time */
} yagot_time_kind;

enum { YAGOT_LONGEST_TIME = 64 };

typedef struct {
    yagot_time_kind kind;
    int64_t milliseconds;               /* 0 unless the kind is one of the first two; never negative */
    char plain[YAGOT_LONGEST_TIME];     /* of YAGOT_TIME_OTHER: seconds, with a decimal point */
} yagot_time;

/* Reads a time. `commas` says what commas were in this file, and learns from this time. */
yagot_time yagot_time_read(const char *text, size_t size, unsigned *commas);

#endif
