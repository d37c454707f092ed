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
