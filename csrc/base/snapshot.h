/* snapshot.h - the objects under examination, each with an index, a count and flags.
 *
 * In:  lists of objects, which the snapshot takes over, and single objects, which it borrows.
 * Out: indices and arrays; the stages write counts and flags.
 * Functions return -1 or YAGOT_NONE without an exception when memory is short.
 */
#ifndef YAGOT_SNAPSHOT_H
#define YAGOT_SNAPSHOT_H

#include "core.h"
#include "base/idtable.h"

enum {
    YAGOT_DROPPED = 1,      /* named by the adapter: treated as released already (the test instance) */
    YAGOT_BY_DROPPED = 2,   /* older than the window, and held by dropped objects only */
    YAGOT_REACHABLE = 4,    /* something outside the snapshot leads here */
    YAGOT_RELEASED = 8,     /* goes with the dropped objects, by reference counting */
    YAGOT_GARBAGE = 16,     /* only the collector can release it */
    YAGOT_LATER = 32,       /* garbage once the dropped objects are gone; if reachable: the dict of what is garbage */
    YAGOT_SUSPECT = 64,     /* has references that nobody holds */
    YAGOT_INDEPENDENT = 128,        /* alive without the suspects */
};

/* Reference counts above this one mean nothing. */
enum { YAGOT_IMMORTAL = 1 << 28 };

typedef struct {
    PyObject *lists[3];     /* owned: they keep the objects alive while we look */
    PyObject **objects;     /* owned array; of its references only those to YAGOT_BY_DROPPED objects are owned */
    Py_ssize_t *refs;       /* references not yet found */
    uint8_t *flags;
    uint32_t count, room;
    yagot_idtable table;
} yagot_snapshot;

/* Prepares an empty snapshot. */
int yagot_snapshot_init(yagot_snapshot *snapshot);
/* Drops it; dropping the lists may release objects, so Python code may run. */
void yagot_snapshot_fini(yagot_snapshot *snapshot);
/* Takes over a list of objects (steals it), each with all references but the list's own. */
int yagot_snapshot_add_list(yagot_snapshot *snapshot, PyObject *list);
/* Adds one object (borrowed) unless it is there; its index, or YAGOT_NONE when memory is short. */
uint32_t yagot_snapshot_add(yagot_snapshot *snapshot, PyObject *object, Py_ssize_t refs, uint8_t flags);

/* The index of an object, or YAGOT_NONE. No two objects have one slot: for what may be no object, compare. */
static inline uint32_t
yagot_snapshot_find(yagot_snapshot *snapshot, const PyObject *object)
{
    return yagot_idtable_get(&snapshot->table, object);
}

enum { YAGOT_SOON = 16 };       /* items ahead: memory takes that long */

/* To be called on the way through a list: fetches the object that comes soon. */
static inline void
yagot_prefetch_item(PyObject *list, Py_ssize_t index)
{
    if (index + YAGOT_SOON < PyList_GET_SIZE(list)) {
        __builtin_prefetch(PyList_GET_ITEM(list, index + YAGOT_SOON));
    }
}

/* The same on the way through a snapshot, with what one that comes sooner has beside it. */
static inline void
yagot_snapshot_prefetch(const yagot_snapshot *snapshot, uint32_t index)
{
    enum { NEARLY = 6 };
    if (index + YAGOT_SOON < snapshot->count) {
        __builtin_prefetch(snapshot->objects[index + YAGOT_SOON]);
        PyObject *object = snapshot->objects[index + NEARLY];
        if (PyDict_CheckExact(object)) {
            __builtin_prefetch(((PyDictObject *)object)->ma_keys);
        }
        else if (PyList_CheckExact(object)) {
            __builtin_prefetch(((PyListObject *)object)->ob_item);
        }
    }
}

#endif
