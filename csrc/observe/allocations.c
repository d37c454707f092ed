/* allocations.c - observe: the blocks that Python's allocators have given out and not got back.
 *
 * A hook on the domains "mem" and "object", set for a few runs of a test only. It chains to what was there before, as
 * tracemalloc and memray do, and makes no Python objects. Both domains are used with the GIL held; what other
 * interpreters do, some of which have a GIL of their own, is passed through and not recorded. A hook that was set after
 * ours holds our functions: then they stay, and only call the next ones. Memory comes from the C library itself: ours
 * must not be counted.
 */
#include "observe/growth.h"

#include <pthread.h>
#include <stdlib.h>

enum { FIRST_ROOM = 1 << 12, NO_SITE = 0 };

static yagot_allocations table;
static PyInterpreterState *watched;     /* the interpreter whose blocks are recorded */
static bool knows_of_forks;

typedef struct {
    PyMemAllocatorEx next;      /* whom to call */
    bool of_objects;
    bool called;                /* since it was last asked */
} domain;

static domain domains[] = {{.of_objects = false}, {.of_objects = true}};
static const PyMemAllocatorDomain domain_ids[] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

/* -- the line that is running --------------------------------------------------------------------- */

#if PY_VERSION_HEX < 0x030D0000
#  define PyThreadState_GetUnchecked _PyThreadState_UncheckedGet
#endif

#if PY_VERSION_HEX >= 0x030C0000
/* The code that is running, a new reference, and the instruction in it. */
static PyObject *
running_code(PyThreadState *thread, int *lasti)
{
#  if PY_VERSION_HEX >= 0x030D0000
    struct _PyInterpreterFrame *frame = thread->current_frame;
#  else
    struct _PyInterpreterFrame *frame = thread->cframe->current_frame;
#  endif
    PyObject *code = frame != NULL ? PyUnstable_InterpreterFrame_GetCode(frame) : NULL;
    *lasti = code != NULL && PyCode_Check(code) ? PyUnstable_InterpreterFrame_GetLasti(frame) : 0;
    return code;
}
#elif PY_VERSION_HEX >= 0x030B0000
/* 3.11 has no functions for that. This is how its frames begin in all its releases. */
typedef struct {
    PyObject *function, *globals, *builtins, *locals;
    PyCodeObject *code;
    PyFrameObject *object;
    void *previous;
    _Py_CODEUNIT *instruction;
} frame_of_3_11;

static PyObject *
running_code(PyThreadState *thread, int *lasti)
{
    const frame_of_3_11 *frame = (const void *)thread->cframe->current_frame;
    if (frame == NULL) {
        return NULL;
    }
    PyCodeObject *code = frame->code;
    *lasti = (int)((const char *)frame->instruction - (const char *)code->co_code_adaptive);
    return Py_NewRef(code);
}
#else
static PyObject *
running_code(PyThreadState *thread, int *lasti)
{
    PyFrameObject *frame = thread->frame;
    *lasti = frame != NULL ? frame->f_lasti * 2 : 0;
    return frame != NULL ? (PyObject *)PyFrame_GetCode(frame) : NULL;
}
#endif

/* -- sites ---------------------------------------------------------------------------------------- */

static size_t
hash(uintptr_t value)
{
    return (size_t)((value >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20);
}

static bool
grow_sites(yagot_allocations *t)
{
    size_t room = t->sites_room * 2 + 256;
    yagot_site *sites = realloc(t->sites, room * sizeof *sites);
    if (sites == NULL) {
        return false;
    }
    t->sites = sites;
    uint32_t *index = calloc(room * 2, sizeof *index);
    if (index == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->site_count; i++) {
        size_t at = hash((uintptr_t)sites[i].code + (uintptr_t)sites[i].lasti * 16) % (room * 2);
        while (index[at] != 0) {
            at = (at + 1) % (room * 2);
        }
        index[at] = (uint32_t)i + 1;
    }
    free(t->site_index);
    t->site_index = index;
    t->sites_room = room;
    return true;
}

/* The number of a place in the code, from 1 on; takes over the reference. */
static uint32_t
site_of(yagot_allocations *t, PyObject *code, int lasti)
{
    if (t->site_count == t->sites_room && !grow_sites(t)) {
        Py_XDECREF(code);
        t->failed = true;
        return NO_SITE;
    }
    size_t room = t->sites_room * 2, at = hash((uintptr_t)code + (uintptr_t)lasti * 16) % room;
    for (; t->site_index[at] != 0; at = (at + 1) % room) {
        const yagot_site *site = &t->sites[t->site_index[at] - 1];
        if (site->code == code && site->lasti == lasti) {
            Py_XDECREF(code);       /* never the last one: the site has its own */
            return t->site_index[at];
        }
    }
    t->sites[t->site_count++] = (yagot_site){code, lasti};
    return t->site_index[at] = (uint32_t)t->site_count;
}

/* -- blocks --------------------------------------------------------------------------------------- */

static bool
grow_blocks(yagot_allocations *t)
{
    size_t room = t->room != 0 ? t->room * 2 : FIRST_ROOM;
    yagot_block *blocks = calloc(room, sizeof *blocks);
    if (blocks == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->room; i++) {
        if (t->blocks[i].address != 0) {
            size_t at = hash(t->blocks[i].address) & (room - 1);
            while (blocks[at].address != 0) {
                at = (at + 1) & (room - 1);
            }
            blocks[at] = t->blocks[i];
        }
    }
    free(t->blocks);
    t->blocks = blocks;
    t->room = room;
    return true;
}

static void
note_block(yagot_allocations *t, PyThreadState *thread, const void *address, size_t size, bool of_objects)
{
    if (t->used * 3 >= t->room * 2 && !grow_blocks(t)) {
        t->failed = true;
        return;
    }
    int lasti = 0;
    PyObject *code = running_code(thread, &lasti);
    size_t at = hash((uintptr_t)address) & (t->room - 1);
    while (t->blocks[at].address != 0 && t->blocks[at].address != (uintptr_t)address) {
        at = (at + 1) & (t->room - 1);
    }
    t->used += t->blocks[at].address == 0;
    t->blocks[at] = (yagot_block){
        .address = (uintptr_t)address, .size = size, .site = site_of(t, code, lasti), .run = t->run,
        .of_objects = of_objects, .caller = t->stacks ? yagot_calling_module() : 0,
    };
}

/* Moves those behind a removed block closer, so that no gap cuts them off. */
static void
close_gap(yagot_allocations *t, size_t gap)
{
    for (size_t at = (gap + 1) & (t->room - 1); t->blocks[at].address != 0; at = (at + 1) & (t->room - 1)) {
        size_t home = hash(t->blocks[at].address) & (t->room - 1);
        if (((at - home) & (t->room - 1)) >= ((at - gap) & (t->room - 1))) {
            t->blocks[gap] = t->blocks[at];
            gap = at;
        }
    }
    t->blocks[gap] = (yagot_block){0};
}

/* When the table is full, what is not in it yet is not counted: then too much is believed to be left, and that is only
 * named if the blocks grow in number, too. */
static void
note_released(yagot_allocations *t, const void *block)
{
    uintptr_t type = ((const uintptr_t *)block)[1];         /* no block is smaller than two words */
    size_t at = hash(type) % YAGOT_RELEASED_ROOM;
    for (size_t tries = 0; tries < YAGOT_RELEASED_ROOM / 4; tries++, at = (at + 1) % YAGOT_RELEASED_ROOM) {
        if (t->released[at].type == type || t->released[at].type == 0) {
            t->released[at].type = type;
            t->released[at].count++;
            return;
        }
    }
}

/* Returns whether the block was in the table. */
static bool
forget_block(yagot_allocations *t, const void *address)
{
    size_t at = hash((uintptr_t)address) & (t->room - 1);
    while (t->blocks[at].address != 0) {
        if (t->blocks[at].address == (uintptr_t)address) {
            close_gap(t, at);
            t->used--;
            return true;
        }
        at = (at + 1) & (t->room - 1);
    }
    return false;
}

static void
forget_all(yagot_allocations *t)
{
    yagot_site *sites = t->sites;
    size_t count = t->site_count;
    free(t->blocks);
    free(t->site_index);
    *t = (yagot_allocations){0};
    for (size_t i = 0; i < count; i++) {
        Py_XDECREF(sites[i].code);
    }
    free(sites);
}

/* -- the hook ------------------------------------------------------------------------------------- */

/* The thread that runs, if what it does is to be recorded; else NULL. */
static PyThreadState *
recorded_thread(void)
{
    if (!table.recording) {
        return NULL;
    }
    PyThreadState *thread = PyThreadState_GetUnchecked();
    return thread != NULL && PyThreadState_GetInterpreter(thread) == watched ? thread : NULL;
}

static void *
hook_malloc(void *context, size_t size)
{
    domain *d = context;
    d->called = true;
    void *block = d->next.malloc(d->next.ctx, size);
    PyThreadState *thread = block != NULL && !table.paused ? recorded_thread() : NULL;
    if (thread != NULL) {
        note_block(&table, thread, block, size, d->of_objects);
    }
    return block;
}

static void *
hook_calloc(void *context, size_t count, size_t size)
{
    domain *d = context;
    void *block = d->next.calloc(d->next.ctx, count, size);
    PyThreadState *thread = block != NULL && !table.paused ? recorded_thread() : NULL;
    if (thread != NULL) {
        note_block(&table, thread, block, count * size, d->of_objects);
    }
    return block;
}

static void *
hook_realloc(void *context, void *old, size_t size)
{
    domain *d = context;
    void *block = d->next.realloc(d->next.ctx, old, size);
    PyThreadState *thread = block != NULL ? recorded_thread() : NULL;
    if (thread != NULL && old != NULL) {
        (void)forget_block(&table, old);
    }
    if (thread != NULL && !table.paused) {
        note_block(&table, thread, block, size, d->of_objects);
    }
    return block;
}

static void
hook_free(void *context, void *block)
{
    domain *d = context;
    if (block != NULL && recorded_thread() != NULL && !forget_block(&table, block) && d->of_objects
        && table.run > YAGOT_FIRST_LEFT) {
        note_released(&table, block);
    }
    d->next.free(d->next.ctx, block);
}

/* -- setting and taking away ---------------------------------------------------------------------- */

static bool
is_set(size_t i)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domain_ids[i], &now);
    return now.ctx == &domains[i] && now.malloc == hook_malloc;
}

/* Does what is allocated come by us? Somebody may have hooked after us, and call us. */
static bool
is_called(size_t i)
{
    domains[i].called = false;
    void *block = domains[i].of_objects ? PyObject_Malloc(1) : PyMem_Malloc(1);
    (domains[i].of_objects ? PyObject_Free : PyMem_Free)(block);
    return domains[i].called;
}

static void
set_hook(size_t i)
{
    if (!is_called(i)) {
        PyMem_GetAllocator(domain_ids[i], &domains[i].next);
        PyMemAllocatorEx hook = {&domains[i], hook_malloc, hook_calloc, hook_realloc, hook_free};
        PyMem_SetAllocator(domain_ids[i], &hook);
    }
}

/* Blocks that another interpreter frees are not seen. */
static bool
is_alone(void)
{
    PyInterpreterState *first = PyInterpreterState_Head();
    return PyInterpreterState_Next(first) == NULL && first == PyInterpreterState_Get();
}

/* A child that was forked records nothing: its table is a copy that nobody will ask for. */
static void
in_child(void)
{
    table.recording = false;
}

PyObject *
yagot_watch_allocations(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (YAGOT_FREE_THREADED || table.recording || !is_alone()) {
        Py_RETURN_FALSE;
    }
    forget_all(&table);
    if (!grow_blocks(&table)) {
        return PyErr_NoMemory();
    }
    yagot_find_modules();
    knows_of_forks = knows_of_forks || pthread_atfork(NULL, NULL, in_child) == 0;
    watched = PyInterpreterState_Get();
    table.recording = knows_of_forks;
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        set_hook(i);
    }
    return PyBool_FromLong(table.recording);
}

PyObject *
yagot_next_run(PyObject *Py_UNUSED(module), PyObject *stacks)
{
    table.run++;
    table.stacks = stacks == Py_True;
    Py_RETURN_NONE;
}

/* While there are several interpreters the hook stays: another may be calling it at this moment. */
PyObject *
yagot_unwatch_allocations(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    table.recording = false;
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        if (is_set(i) && is_alone()) {
            PyMem_SetAllocator(domain_ids[i], &domains[i].next);
        }
    }
    forget_all(&table);
    Py_RETURN_NONE;
}

void
yagot_pause_allocations(bool pause)
{
    table.paused = pause;
}

const yagot_allocations *
yagot_allocations_get(void)
{
    return table.recording && is_alone() && watched == PyInterpreterState_Get() ? &table : NULL;
}
