/* junit_output.h - writing what the spool holds, as one report or in parts.
 *
 * In:  a spool and a descriptor; both stay the caller's.
 * Out: a JUnit report in the file. -1 with an exception set.
 */
#ifndef YAGOT_JUNIT_OUTPUT_H
#define YAGOT_JUNIT_OUTPUT_H

#include "report/junit_spool.h"

/* A place in the order of writing: a suite, one of its runs, and how much of that is behind us. A suite that was not
 * begun has `begun` false. */
typedef struct {
    uint32_t suite, run, done;      /* suite: YAGOT_NONE at the end */
    bool begun;
} yagot_cursor;

/* Writes from `next` on, with at most so many test cases and about so many bytes (0: no limit), and moves it behind
 * that. `name`: the report's if no file gives it one. -1 with an exception set. */
int yagot_write_report(yagot_spool *spool, yagot_cursor *next, int file, const char *name, long long cases,
                       long long bytes);

#endif
