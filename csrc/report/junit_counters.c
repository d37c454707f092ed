/* junit_counters.c - see junit_counters.h. */
#include "report/junit_counters.h"
#include "base/text.h"
#include "report/junit_testcase.h"

#include <string.h>

enum { WIDTH = 8, DECIMALS = 4 };       /* digits of a counter; what seconds have behind them */

void
yagot_counters_add(yagot_counters *c, const char *kind, long long milliseconds, int by)
{
    c->tests += by;
    c->milliseconds += milliseconds;
    if (c->milliseconds > YAGOT_LONGEST) {
        c->milliseconds = YAGOT_LONGEST;
    }
    if (kind != NULL) {
        *(kind[0] == 'f' ? &c->failures : kind[0] == 'e' ? &c->errors : &c->skipped) += by;
    }
}

/* The closing quote, and blanks up to the width that the value has with all its digits. */
static char *
close_value(char *value, char *end, int width)
{
    *end++ = '"';
    while (end < value + width + 1) {
        *end++ = ' ';
    }
    return end;
}

static char *
put_counter(char *at, const char *name, long long number, bool plain)
{
    char *value = stpcpy(at, name);
    return close_value(value, yagot_put_digits(value, number, plain ? 1 : WIDTH), WIDTH);
}

void
yagot_counters_format(char text[YAGOT_COUNTERS_SIZE], const yagot_counters *c, bool skipped, yagot_counters_form form)
{
    bool plain = form == YAGOT_PLAIN;
    char *end = put_counter(text, " tests=\"", c->tests, plain);
    end = put_counter(end, " failures=\"", c->failures, plain);
    end = put_counter(end, " errors=\"", c->errors, plain);
    if (skipped) {
        end = put_counter(end, " skipped=\"", c->skipped, plain);
    }
    char *value = stpcpy(end, " time=\"");
    end = yagot_put_seconds(value, c->milliseconds, plain ? 1 : WIDTH);
    *close_value(value, end, WIDTH + DECIMALS) = '\0';
    if (form == YAGOT_BLANK) {
        memset(text, ' ', strlen(text));
    }
}
