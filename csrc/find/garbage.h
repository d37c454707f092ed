/* garbage.h - find: which objects of a snapshot could only the collector release?
 *
 * In:  a snapshot with the reference counts, and the dropped objects.
 * Out: the flags of each object. The snapshot stays the caller's; no Python code runs.
 * Functions return -1 without an exception when memory is short.
 */
#ifndef YAGOT_GARBAGE_H
#define YAGOT_GARBAGE_H

#include "base/snapshot.h"

/* An object that is to be treated as released already, e.g. the test instance that its runner holds. */
typedef struct {
    PyObject *object;       /* borrowed */
    Py_ssize_t outside;     /* references at the window's start from outside of what only it holds */
} yagot_dropped;

typedef struct {
    uint32_t garbage;       /* objects that only the collector can release */
    uint32_t alive;         /* births that something outside holds */
} yagot_found;

/* Measures `outside` of a dropped object, at the window's start. */
int yagot_measure_dropped(yagot_dropped *dropped);
/* Adds the dropped objects, and what only they hold, to a snapshot. */
int yagot_add_dropped(yagot_snapshot *snapshot, const yagot_dropped *dropped, size_t count);
/* Sets the flags of every object of the snapshot. Modifies nothing else, and runs no Python code. */
int yagot_find_garbage(yagot_snapshot *snapshot, yagot_found *found);

#endif
