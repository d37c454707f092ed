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

#endif
