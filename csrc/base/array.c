/* array.c - see array.h. */
#include "base/array.h"

enum { FIRST_ROOM = 16 };

void *
yagot_array_grow(void *items, size_t count, size_t *room, size_t item_size)
{
    if (count < *room) {
        return items;
    }
    size_t larger = *room + *room / 2 + FIRST_ROOM;
    void *grown = larger <= SIZE_MAX / 2 / item_size ? PyMem_RawRealloc(items, larger * item_size) : NULL;
    if (grown != NULL) {
        *room = larger;
    }
    return grown;
}

int
yagot_objects_add(yagot_objects *objects, PyObject *object)
{
    PyObject **grown = yagot_array_grow(objects->items, objects->count, &objects->room, sizeof *grown);
    if (grown == NULL) {
        return -1;
    }
    objects->items = grown;
    objects->items[objects->count++] = object;
    return 0;
}

void
yagot_objects_fini(yagot_objects *objects)
{
    PyMem_RawFree(objects->items);
    *objects = (yagot_objects){0};
}
