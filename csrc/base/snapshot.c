/* snapshot.c - see snapshot.h. */
#include "base/snapshot.h"

#include <string.h>

int
yagot_snapshot_init(yagot_snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
    return yagot_idtable_init(&snapshot->table);
}

void
yagot_snapshot_fini(yagot_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->flags[i] & YAGOT_BY_DROPPED) {
            Py_DECREF(snapshot->objects[i]);
        }
    }
    PyMem_RawFree(snapshot->objects);
    PyMem_RawFree(snapshot->refs);
    PyMem_RawFree(snapshot->flags);
    yagot_idtable_fini(&snapshot->table);
    PyObject *lists[3];
    memcpy(lists, snapshot->lists, sizeof lists);
    memset(snapshot, 0, sizeof *snapshot);
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(lists[i]);
    }
}

static int
reserve(yagot_snapshot *snapshot, size_t more)
{
    size_t need = snapshot->count + more;
    if (need <= snapshot->room) {
        return 0;
    }
    if (need >= YAGOT_NONE / 2) {
        return -1;
    }
    size_t room = need + need / 2 + 64;
    /* Each array is put back at once, so that a failure half-way leaves a valid snapshot. */
    void *grown = PyMem_RawRealloc(snapshot->objects, room * sizeof *snapshot->objects);
    if (grown == NULL) {
        return -1;
    }
    snapshot->objects = grown;
    grown = PyMem_RawRealloc(snapshot->refs, room * sizeof *snapshot->refs);
    if (grown == NULL) {
        return -1;
    }
    snapshot->refs = grown;
    grown = PyMem_RawRealloc(snapshot->flags, room);
    if (grown == NULL) {
        return -1;
    }
    snapshot->flags = grown;
    snapshot->room = (uint32_t)room;
    return 0;
}

int
yagot_snapshot_add_list(yagot_snapshot *snapshot, PyObject *list)
{
    size_t place = 0;
    while (snapshot->lists[place] != NULL) {
        place++;
    }
    snapshot->lists[place] = list;
    Py_ssize_t size = PyList_GET_SIZE(list);
    if (reserve(snapshot, (size_t)size) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        yagot_prefetch_item(list, i);
        uint32_t index = snapshot->count, *slot = yagot_idtable_slot(&snapshot->table, object);
        if (slot == NULL) {
            return -1;
        }
        if (*slot != 0) {
            continue;               /* in an earlier list, counted before this one was made */
        }
        *slot = index + 1;
        snapshot->objects[index] = object;
        snapshot->refs[index] = Py_REFCNT(object) - 1;
        snapshot->flags[index] = 0;
        snapshot->count++;
    }
    return 0;
}

uint32_t
yagot_snapshot_add(yagot_snapshot *snapshot, PyObject *object, Py_ssize_t refs, uint8_t flags)
{
    uint32_t index = yagot_snapshot_find(snapshot, object);
    if (index != YAGOT_NONE) {
        snapshot->flags[index] |= flags;
        return index;
    }
    index = snapshot->count;
    if (reserve(snapshot, 1) < 0 || yagot_idtable_put(&snapshot->table, object, index) < 0) {
        return YAGOT_NONE;
    }
    snapshot->objects[index] = object;
    snapshot->refs[index] = refs;
    snapshot->flags[index] = flags;
    snapshot->count++;
    return index;
}
