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

/* The index of an object, or YAGOT_NONE. */
static inline uint32_t
yagot_snapshot_find(yagot_snapshot *snapshot, PyObject *object)
{
    uint32_t index = yagot_idtable_get(&snapshot->table, object);
    if (index != YAGOT_NONE && snapshot->objects[index] != object) {
        return YAGOT_NONE;
    }
    return index;
}

/* The same for what is surely the address of an object, as a traversal shows it: no two objects have one slot. */
static inline uint32_t
yagot_snapshot_index(yagot_snapshot *snapshot, const PyObject *object)
{
    return yagot_idtable_get(&snapshot->table, object);
}

/* To be called on the way through all objects: fetches one that comes soon, and what the next but few has beside it. */
static inline void
yagot_snapshot_prefetch(const yagot_snapshot *snapshot, uint32_t index)
{
    enum { SOON = 16, NEARLY = 6 };
    if (index + SOON < snapshot->count) {
        __builtin_prefetch(snapshot->objects[index + SOON]);
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
