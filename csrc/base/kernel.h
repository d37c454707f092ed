/* kernel.h - what the kernel says of the threads of this process.
 *
 * In:  the kernel's numbers of threads, as gettid() has them.
 * Out: texts in the caller's memory.
 * Sets no exception; but for Python threads, needs no GIL.
 */
#ifndef YAGOT_KERNEL_H
#define YAGOT_KERNEL_H

#include "core.h"

/* The kernel's number of a Python thread; 0 if Python does not know it: before 3.11, or of one that has not run yet. */
static inline long
yagot_number_of_thread(const PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030B0000
    return (long)thread->native_thread_id;
#else
    (void)thread;
    return 0;
#endif
}

/* Visits all threads but the one that asks; -1 if they cannot be listed. */
int yagot_visit_threads(void (*visit)(long number, void *arg), void *arg);
/* Reads a file that the kernel keeps of a thread, such as "stat", as far as there is room; empty if it has none. */
void yagot_read_of_thread(long number, const char *name, char *text, size_t size);

#endif
