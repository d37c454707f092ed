/* rest.h - observe: other threads finish what they are doing.
 *
 * A thread of a pool hands over its result, and lets go of what it has worked with only when it gets the GIL again, or
 * a processor. Whether that is before a test's end is a matter of chance: so whoever looks waits for it.
 *
 * In:  the threads of the process, which run meanwhile: the GIL is released.
 * Out: nothing; those that do not come to rest are remembered, and not waited for again.
 */
#ifndef YAGOT_REST_H
#define YAGOT_REST_H

enum { YAGOT_RESTLESS = 256 };

/* Lives as long as its ledger. */
typedef struct {
    long restless[YAGOT_RESTLESS];      /* the kernel's numbers of threads that were at work for too long; 0: free */
    unsigned next;
} yagot_rest;

/* Waits until all other Python threads wait for something else than the GIL or a processor, or for a tenth of a second.
 * Returns at once where there is no other thread. */
void yagot_rest_wait(yagot_rest *rest);

#endif
