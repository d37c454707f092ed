/* blocks.c - observe: what the blocks are that were allocated in each of some runs and are still there.
 *
 * A block is taken for an object if a known type's address is where an object has it, its reference count is a
 * plausible one (of an immortal object, a very large one) and the block is large enough for the type. Who asks looks
 * twice, with a run in between.
 */
#include "observe/gc_control.h"
#include "observe/growth.h"

#include <stdlib.h>
#include <string.h>

#if defined(Py_TRACE_REFS)
#  define CAN_MATCH 0
#else
#  define CAN_MATCH 1
#endif

static const size_t head = 2 * sizeof(uintptr_t);       /* the collector's, in front of an object */

/* A short str is smaller than its type says. */
static size_t
least_size(PyTypeObject *type)
{
    return type == &PyUnicode_Type ? sizeof(PyASCIIObject) : (size_t)type->tp_basicsize;
}

/* The object that begins so far behind a block's beginning; NULL if there is none. */
static PyObject *
object_at(yagot_idtable *types, const yagot_block *block, size_t offset, bool collected)
{
    PyObject *object = (PyObject *)(block->address + offset);
    if (block->size < offset + sizeof *object) {
        return NULL;
    }
    PyTypeObject *type = Py_TYPE(object);
    Py_ssize_t references = Py_REFCNT(object);
    bool known = yagot_idtable_get(types, type) != YAGOT_NONE;      /* only then is it a type at all */
    bool fits = known && PyType_IS_GC(type) == collected && block->size >= offset + least_size(type);
    return fits && references > 0 ? object : NULL;
}

/* In front of an object are the collector's head, if it is the collector's, and from 3.11 on, for some types, two words
 * more. */
static PyObject *
object_of(yagot_idtable *types, const yagot_block *block)
{
    if (!CAN_MATCH || !block->of_objects) {
        return NULL;
    }
    PyObject *object = object_at(types, block, 0, false);
    if (object == NULL) {
        object = object_at(types, block, head, true);
    }
    return object != NULL ? object : object_at(types, block, head + 2 * sizeof(PyObject *), true);
}

/* -- groups: blocks of the same kind from the same place ------------------------------------------ */

typedef struct {
    const yagot_block *block;   /* in the table, which does not change while it is read */
    PyTypeObject *type;         /* NULL: no object */
    PyObject *object;           /* borrowed */
} item;

static int
compare_numbers(uintptr_t a, uintptr_t b)
{
    return (a > b) - (a < b);
}

/* By type, of buffers by size, then by place; the latest run first. */
static int
compare_groups(const item *a, const item *b)
{
    int order = compare_numbers((uintptr_t)a->type, (uintptr_t)b->type);
    if (order == 0 && a->type == NULL) {
        order = compare_numbers(a->block->size, b->block->size);
    }
    return order != 0 ? order : compare_numbers(a->block->site, b->block->site);
}

static int
compare_items(const void *first, const void *second)
{
    const item *a = first, *b = second;
    int order = compare_groups(a, b);
    return order != 0 ? order : compare_numbers(b->block->run, a->block->run);
}

/* How many blocks of a group each run has left at least; the group has to be sorted. */
static uint32_t
least_of_runs(const item *items, size_t count, uint32_t runs)
{
    uint32_t least = UINT32_MAX, run = runs;
    for (size_t i = 0; run >= YAGOT_FIRST_LEFT + 1; run--) {
        uint32_t number = 0;
        while (i < count && items[i].block->run == run) {
            number++;
            i++;
        }
        least = number < least ? number : least;
    }
    return least;
}

static size_t
list_items(item *items, const yagot_allocations *t, yagot_idtable *types)
{
    size_t count = 0;
    for (size_t i = 0; i < t->room; i++) {
        const yagot_block *block = &t->blocks[i];
        if (block->address != 0 && block->run > YAGOT_FIRST_LEFT && block->run < t->run) {
            PyObject *object = object_of(types, block);
            items[count++] = (item){block, object != NULL ? Py_TYPE(object) : NULL, object};
        }
    }
    return count;
}

/* -- the answer ----------------------------------------------------------------------------------- */

/* (file, line) of a place; None if none is known. */
static PyObject *
place_of(const yagot_allocations *t, uint32_t site)
{
    PyObject *code = site != 0 ? t->sites[site - 1].code : NULL;
    if (code == NULL || !PyCode_Check(code)) {
        Py_RETURN_NONE;
    }
    int line = PyCode_Addr2Line((PyCodeObject *)code, t->sites[site - 1].lasti);
    return Py_BuildValue("(Oi)", ((PyCodeObject *)code)->co_filename, line);
}

/* The newest of them is the sample: its call is known, if any is. */
static PyObject *
export_group(const yagot_allocations *t, const item *sample, uint32_t least)
{
    PyObject *object = sample->object != NULL ? sample->object : Py_None;
    PyObject *place = place_of(t, sample->block->site);
    PyObject *caller = place != NULL ? yagot_caller_name(sample->block->caller) : NULL;
    if (caller == NULL) {
        Py_XDECREF(place);
        return NULL;
    }
    bool tracked = sample->object != NULL && yagot_is_tracked(sample->object);
    Py_ssize_t size = (Py_ssize_t)sample->block->size;
    return Py_BuildValue("(OnInNN)", object, (Py_ssize_t)tracked, least, size, place, caller);
}

static int
export_groups(PyObject *list, const yagot_allocations *t, const item *items, size_t count)
{
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && compare_groups(&items[start], &items[end]) == 0; end++) {
        }
        uint32_t least = least_of_runs(items + start, end - start, t->run - 1);
        if (least == 0) {
            continue;
        }
        PyObject *group = export_group(t, &items[start], least);
        if (group == NULL || PyList_Append(list, group) < 0) {
            Py_XDECREF(group);
            return -1;
        }
        Py_DECREF(group);
    }
    return 0;
}

static int
fill_types(yagot_idtable *table, PyObject *types)
{
    if (yagot_idtable_init(table) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types); i++) {
        if (yagot_idtable_put(table, PyList_GET_ITEM(types, i), 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Nothing that is recorded is freed meanwhile: the collector does not run, and what we make is not recorded. */
static int
export_all(PyObject *list, const yagot_allocations *t, yagot_idtable *types)
{
    item *items = malloc((t->used + 1) * sizeof *items);
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    bool enabled = yagot_gc_pause();
    yagot_pause_allocations(true);
    size_t count = list_items(items, t, types);
    qsort(items, count, sizeof *items, compare_items);
    int result = export_groups(list, t, items, count);
    yagot_pause_allocations(false);
    yagot_gc_resume(enabled);
    free(items);
    return result;
}

PyObject *
yagot_left_blocks(PyObject *Py_UNUSED(module), PyObject *types)
{
    if (!PyList_CheckExact(types)) {
        return PyErr_Format(PyExc_TypeError, "a list of types expected");
    }
    const yagot_allocations *t = yagot_allocations_get();
    PyObject *list = PyList_New(0);
    if (list == NULL || t == NULL || t->failed || t->run <= YAGOT_FIRST_LEFT + 1) {
        return list;
    }
    yagot_idtable known = {0};
    if (fill_types(&known, types) < 0) {
        PyErr_NoMemory();
        Py_CLEAR(list);
    }
    else if (export_all(list, t, &known) < 0) {
        Py_CLEAR(list);
    }
    yagot_idtable_fini(&known);
    return list;
}

/* Of objects that take the place of older ones, as in a cache, as many are released as are left. */
PyObject *
yagot_released_objects(PyObject *Py_UNUSED(module), PyObject *type)
{
    const yagot_allocations *t = yagot_allocations_get();
    uint32_t count = 0;
    for (size_t i = 0; t != NULL && i < YAGOT_RELEASED_ROOM; i++) {
        count += t->released[i].type == (uintptr_t)type ? t->released[i].count : 0;
    }
    return PyLong_FromUnsignedLong(count);
}

/* Does the body of an object, so many bytes of it, have the address of another one in it? */
PyObject *
yagot_has_in_body(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *other;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "OnO:has_in_body", &object, &size, &other)) {
        return NULL;
    }
    const PyObject *const *memory = (const PyObject *const *)object;
    bool found = false;
    for (Py_ssize_t word = 0; word < size / (Py_ssize_t)sizeof *memory && !found; word++) {
        found = memory[word] == other;
    }
    return PyBool_FromLong(found);
}

/* How many words of the blocks that each run has left are an object's address: who holds it may lie in them. */
PyObject *
yagot_words_in_blocks(PyObject *Py_UNUSED(module), PyObject *object)
{
    const yagot_allocations *t = yagot_allocations_get();
    Py_ssize_t words = 0;
    for (size_t i = 0; t != NULL && i < t->room; i++) {
        const yagot_block *block = &t->blocks[i];
        const PyObject *const *memory = (const PyObject *const *)block->address;
        bool counts = block->address != 0 && block->run > YAGOT_FIRST_LEFT && block->run < t->run;
        for (size_t word = 0; counts && word < block->size / sizeof *memory; word++) {
            words += memory[word] == object;
        }
    }
    return PyLong_FromSsize_t(words);
}
