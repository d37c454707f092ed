/* blocks.h - find: reading memory that may be gone, and the allocated blocks in it.
 *
 * In:  addresses, of which nothing is known.
 * Out: copies of what is there, and blocks. Nothing fails: what cannot be read is not there.
 */
#ifndef YAGOT_BLOCKS_H
#define YAGOT_BLOCKS_H

#include "core.h"

typedef struct yagot_memory yagot_memory;

typedef struct {
    uintptr_t start;
    size_t size;                /* in bytes */
} yagot_block;

/* Owned by the caller; NULL if memory cannot be read in this way, or is short. */
yagot_memory *yagot_memory_open(void);
void yagot_memory_close(yagot_memory *memory);
/* Is malloc() one whose blocks are found? */
bool yagot_memory_knows_malloc(const yagot_memory *memory);
/* Copies what can be read of a range, from its beginning; how many bytes that were. */
size_t yagot_memory_read(yagot_memory *memory, uintptr_t address, void *copy, size_t size);
/* The block in use that an address points to: any address in a block of Python's allocator; the beginning of one of
 * malloc's, or one or two words behind it. False for everything else. */
bool yagot_memory_block(yagot_memory *memory, uintptr_t address, yagot_block *block);

#endif
