/* junit_counters.h - the totals that suites and whole reports have as attributes.
 *
 * In:  the outcome and the time of test cases, one by one.
 * Out: attributes as text of one size, so that they can be written over.
 */
#ifndef YAGOT_JUNIT_COUNTERS_H
#define YAGOT_JUNIT_COUNTERS_H

#include "core.h"

#include <sys/types.h>

enum { YAGOT_COUNTERS_SIZE = 192 };     /* room for all of them as text */

typedef struct {
    long long tests, failures, errors, skipped, milliseconds;
    off_t at;                           /* where they are in the file */
} yagot_counters;

/* How they are written; each takes the same room. Digits of a fixed width stay numbers if a write stops half-way. */
typedef enum { YAGOT_DIGITS, YAGOT_PLAIN, YAGOT_BLANK } yagot_counters_form;

/* Adds a case (by 1), or takes it out again (by -1); kind as in yagot_case. */
void yagot_counters_add(yagot_counters *c, const char *kind, long long milliseconds, int by);
/* Their attributes, with a space before each. */
void yagot_counters_format(char text[YAGOT_COUNTERS_SIZE], const yagot_counters *c, bool skipped,
                           yagot_counters_form form);

#endif
