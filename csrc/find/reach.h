/* reach.h - find: references in memory that objects, libraries and threads lead to, to any depth.
 *
 * In:  the holders, after a traversal of everything; they stay the caller's.
 * Out: the wanted objects' counts, less what was found. Where memory was short, the reach is marked as failed.
 */
#ifndef YAGOT_REACH_H
#define YAGOT_REACH_H

#include "find/blocks.h"
#include "find/holders.h"
#include "observe/asleep.h"

typedef struct {
    uint32_t index;             /* of a wanted object */
    Py_ssize_t count;
} yagot_hit;

typedef struct {
    yagot_holders *h;
    yagot_memory *memory;       /* owned */
    yagot_idtable visited;      /* blocks */
    yagot_block *pending;       /* owned array: blocks to be searched */
    size_t depth, room;
    yagot_hit *hits;            /* owned array: what the holder under way leads to */
    size_t hit_count, hit_room;
    size_t frames;              /* stacks of frames that were met, but for those of threads */
    const yagot_asleep *asleep; /* borrowed; for the stacks, as is the next */
    uint32_t since;             /* all that is wanted was made since the window with this label began; 0: not known */
    size_t budget;              /* bytes that may still be searched */
    bool failed;                /* memory was short */
} yagot_reach;

/* After yagot_holders_subtract: none of the objects that were walked there is searched here. 1 where memory cannot be
 * searched. Fini it in any case. */
int yagot_reach_init(yagot_reach *reach, yagot_holders *holders);
/* To be called before a search that follows words: it is not to be led to what the walked objects show anyway, nor to
 * our own lists, the snapshot's of births among them. -1 when memory is short. */
int yagot_reach_pass_over_shown(yagot_reach *reach, const yagot_snapshot *births);
void yagot_reach_fini(yagot_reach *reach);
/* No search is to be led to the block at an address. -1 when memory is short. */
int yagot_reach_pass_over(yagot_reach *reach, const void *address);
/* Subtracts the words of a range from the wanted objects' refs; with follow, also those in blocks that it leads to. */
void yagot_reach_range(yagot_reach *reach, const void *memory, size_t size, bool follow);
/* The same for a range that may not be there, as another thread's stack; how many bytes there were. */
size_t yagot_reach_unsafe(yagot_reach *reach, uintptr_t memory, size_t size, bool follow);
/* The same for the larger blocks of memory that words lead to. */
void yagot_reach_buffers(yagot_reach *reach, const uintptr_t *words, size_t count);
/* What an object leads to beyond its body, but for what its traverse function shows. */
void yagot_reach_object(yagot_reach *reach, PyObject *object);

/* c_variables.c: the data of libraries and of the interpreter, and this thread's variables. */
void yagot_reach_statics(yagot_reach *reach);
/* What the interpreter's data leads to, as arrays of callbacks. After yagot_reach_pass_over_shown(). */
void yagot_reach_beyond_statics(yagot_reach *reach);
/* stacks.c: the stacks of all other threads, but for those that are asleep since. */
void yagot_reach_stacks(yagot_reach *reach);

#endif
