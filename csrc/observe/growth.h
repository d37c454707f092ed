/* growth.h - observe: what --repeat compares. Functions of the module, listed in process.c.
 *
 * In:  the process: its allocator while the hook is set, and all objects.
 * Out: what is left of each run, as Python objects; NULL with an exception set when they fail.
 * There is one table of blocks in a process, and it belongs to the interpreter that has set the hook.
 */
#ifndef YAGOT_GROWTH_H
#define YAGOT_GROWTH_H

#include "base/snapshot.h"

extern PyMethodDef yagot_growth_methods[];

/* references.c: reference counts of all objects, and which of their references can be seen. */
PyObject *yagot_note_references(PyObject *module, PyObject *ignored);
PyObject *yagot_risen_references(PyObject *module, PyObject *args);
PyObject *yagot_unseen_references(PyObject *module, PyObject *objects);

/* allocations.c: the hook on Python's allocators. */
PyObject *yagot_watch_allocations(PyObject *module, PyObject *ignored);
PyObject *yagot_next_run(PyObject *module, PyObject *stacks);
PyObject *yagot_unwatch_allocations(PyObject *module, PyObject *ignored);
/* blocks.c: what the blocks are that are left of each run. */
PyObject *yagot_left_blocks(PyObject *module, PyObject *types);
PyObject *yagot_released_objects(PyObject *module, PyObject *type);
PyObject *yagot_has_in_body(PyObject *module, PyObject *args);
PyObject *yagot_words_in_blocks(PyObject *module, PyObject *object);

/* A place in the code where blocks were allocated. */
typedef struct {
    PyObject *code;             /* owned; NULL: none was running */
    int lasti;
} yagot_site;

/* How many older blocks were freed that had a word, perhaps a type's address, where an object has its type. */
typedef struct {
    uintptr_t type;             /* 0: free */
    uint32_t count;
} yagot_released;

enum { YAGOT_RELEASED_ROOM = 1024, YAGOT_FIRST_LEFT = 1 /* the run in which the hook was set does not count */ };

typedef struct {
    uintptr_t address;          /* 0: free */
    size_t size;
    uintptr_t caller;           /* the instruction in the extension module that called; 0: unknown */
    uint32_t site, run;
    bool of_objects;            /* allocated in the domain of objects */
} yagot_block;

/* The live blocks that were allocated while the hook was set. */
typedef struct {
    yagot_block *blocks;        /* owned; open addressing, a power of two */
    size_t room, used;
    yagot_site *sites;          /* owned; the same, in the order of their making */
    uint32_t *site_index;       /* owned; open addressing: index + 1 */
    size_t sites_room, site_count;
    yagot_released released[YAGOT_RELEASED_ROOM];
    uint32_t run;
    bool recording, paused, stacks, failed;
} yagot_allocations;

/* callers.c: which extension module calls. Finds the interpreter's own code and ours, to leave it out. */
void yagot_find_modules(void);
/* The address of an instruction in the extension module that has called the allocator; 0 if the interpreter has. */
uintptr_t yagot_calling_module(void);
/* (file, exported symbol or None, offset in the file's image) of such an address; NULL with an exception set. */
PyObject *yagot_caller_name(uintptr_t address);

/* The one table of this process; NULL unless the interpreter that asks is the one that is watched. */
const yagot_allocations *yagot_allocations_get(void);
/* While it is paused nothing new is recorded; what is freed is forgotten all the same. */
void yagot_pause_allocations(bool pause);

#endif
