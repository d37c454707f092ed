/* array.h - a growable array: an owned pointer, a count and a room, which the caller keeps.
 *
 * In:  the array and its count; NULL and a room of 0 for an empty one.
 * Out: an array with room for one more item. The caller frees it with PyMem_RawFree.
 */
#ifndef YAGOT_ARRAY_H
#define YAGOT_ARRAY_H

#include "core.h"

/* Returns the array itself while it has room, else a larger one in its place. NULL when memory is short: then the old
 * one is still the caller's. */
void *yagot_array_grow(void *items, size_t count, size_t *room, size_t item_size);

/* A growable array of borrowed objects; the array itself is owned. */
typedef struct {
    PyObject **items;
    size_t count, room;
} yagot_objects;

/* -1 when memory is short: then the array is as it was. */
int yagot_objects_add(yagot_objects *objects, PyObject *object);
void yagot_objects_fini(yagot_objects *objects);

#endif
