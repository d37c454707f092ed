/* asleep.h - observe: which threads have not run since a window began.
 *
 * A thread that has not run since holds nothing that was made in the window: what looks like it, on its stack, is of
 * what was at the same address before.
 *
 * In:  the Python threads of the process, and the labels of windows, each later than the one before.
 * Out: whether the kernel has counted time for a thread since. Before CPython 3.11 nobody knows the kernel's number of
 *      a thread: each may have run then.
 * Sets no exception; needs the GIL.
 */
#ifndef YAGOT_ASLEEP_H
#define YAGOT_ASLEEP_H

#include "core.h"

typedef struct yagot_sleeper yagot_sleeper;

/* Lives as long as its ledger. */
typedef struct {
    yagot_sleeper *threads;     /* owned array */
    size_t count;
} yagot_asleep;

/* A window begins; its label is not 0. What there is no memory for may have run. */
void yagot_asleep_note(yagot_asleep *asleep, uint32_t label);
/* Has the thread with a number of the kernel's not run since the beginning of that window? With 0 nobody knows. */
bool yagot_is_asleep(const yagot_asleep *asleep, long number, uint32_t label);
void yagot_asleep_fini(yagot_asleep *asleep);

#endif
