/* process.c - observe: what a process has, for those who ask whether it grows. */
#include "observe/growth.h"

#include "base/describe.h"
#include "base/idtable.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adds one to a dict's number. */
static int
count_one(PyObject *counts, PyObject *key)
{
    PyObject *old = PyDict_GetItemWithError(counts, key);
    if (old == NULL && PyErr_Occurred()) {
        return -1;
    }
    PyObject *new = PyLong_FromSsize_t(old != NULL ? PyLong_AsSsize_t(old) + 1 : 1);
    int result = new != NULL ? PyDict_SetItem(counts, key, new) : -1;
    Py_XDECREF(new);
    return result;
}

PyObject *
yagot_type_name(PyTypeObject *type)
{
    yagot_text text = {0};
    yagot_add_type_name(&text, type);
    PyObject *name = text.failed ? PyErr_NoMemory() : PyUnicode_FromString(yagot_text_get(&text));
    yagot_text_fini(&text);
    return name;
}

static int
count_by_name(PyObject *by_name, PyTypeObject *type, PyObject *count)
{
    PyObject *name = yagot_type_name(type);
    PyObject *old = name != NULL ? PyDict_GetItemWithError(by_name, name) : NULL;
    PyObject *sum = name == NULL || PyErr_Occurred() ? NULL : old != NULL ? PyNumber_Add(old, count) : Py_NewRef(count);
    int result = sum != NULL ? PyDict_SetItem(by_name, name, sum) : -1;
    Py_XDECREF(name);
    Py_XDECREF(sum);
    return result;
}

static PyObject *
count_types(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    yagot_state *state = PyModule_GetState(module);
    PyObject *list = PyObject_CallNoArgs(state->gc_get_objects);
    PyObject *by_type = PyDict_New(), *by_name = PyDict_New(), *type, *count;
    int result = list != NULL && by_type != NULL && by_name != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = count_one(by_type, (PyObject *)Py_TYPE(PyList_GET_ITEM(list, i)));
    }
    Py_ssize_t position = 0;
    while (result == 0 && PyDict_Next(by_type, &position, &type, &count)) {
        result = count_by_name(by_name, (PyTypeObject *)type, count);
    }
    Py_XDECREF(list);
    Py_XDECREF(by_type);
    if (result < 0) {
        Py_CLEAR(by_name);
    }
    return by_name;
}

/* -- the C heap ----------------------------------------------------------------------------------- */

#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))

enum { CACHED_SIZES = 64, TAKEN_EACH = 32 };

/* What glibc has handed out, less our own tables: these grow with each page of memory where a test has put an object
 * that has been labelled. -1: another malloc has replaced glibc's, as under ASan or jemalloc, and nobody knows. */
static Py_ssize_t
bytes_in_use(const struct mallinfo2 *info)
{
    size_t all = info->uordblks + info->hblkhd, ours = yagot_idtables_bytes();
    return all > ours ? (Py_ssize_t)(all - ours) : -1;
}

/* glibc keeps some freed chunks of each size up to a kilobyte for each thread, 7 or 16, and counts them as in use. So
 * that it is always the same number, we fill these up before we ask. */
static PyObject *
heap_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    void *taken[CACHED_SIZES * TAKEN_EACH];
    for (size_t i = 0; i < CACHED_SIZES * TAKEN_EACH; i++) {
        taken[i] = malloc(24 + 16 * (i / TAKEN_EACH));
    }
    for (size_t i = 0; i < CACHED_SIZES * TAKEN_EACH; i++) {
        free(taken[i]);
    }
    struct mallinfo2 info = mallinfo2();
    Py_ssize_t bytes = bytes_in_use(&info);
    return bytes >= 0 ? PyLong_FromSsize_t(bytes) : Py_NewRef(Py_None);
}

/* The process's mappings, but for those that malloc has made: shared and private ones, used or not. 0 where these are
 * unknown. */
static PyObject *
mapped_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%lld", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    struct mallinfo2 info = mallinfo2();
    long long bytes = pages * sysconf(_SC_PAGESIZE) - (long long)(info.arena + info.hblkhd);
    return PyLong_FromLongLong(pages != 0 && bytes_in_use(&info) >= 0 ? bytes : 0);
}

#else

static PyObject *
heap_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_NONE;
}

static PyObject *
mapped_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(0);
}

#endif

/* The interpreter's cache of attributes holds their names, some thousand, until others take their places. */
static PyObject *
clear_type_cache(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    (void)PyType_ClearCache();
    Py_RETURN_NONE;
}

/* The first is what the thread has run, the second how long it could have run and had no processor. */
static PyObject *
waited(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    unsigned long long ran = 0, nanoseconds = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (file == NULL || fscanf(file, "%llu %llu", &ran, &nanoseconds) != 2) {
        nanoseconds = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return PyFloat_FromDouble((double)nanoseconds / 1e9);
}

/* -- objects, in words ---------------------------------------------------------------------------- */

static PyObject *
text_of(PyObject *object, void (*add)(yagot_text *, PyObject *))
{
    yagot_text text = {0};
    add(&text, object);
    const char *string = yagot_text_get(&text);
    PyObject *result = text.failed ? PyErr_NoMemory()
                                   : PyUnicode_DecodeUTF8(string, (Py_ssize_t)strlen(string), "replace");
    yagot_text_fini(&text);
    return result;
}

static PyObject *
describe(PyObject *Py_UNUSED(module), PyObject *object)
{
    PyObject *what = text_of(object, yagot_add_object);
    PyObject *contents = what != NULL ? text_of(object, yagot_add_contents) : NULL;
    PyObject *defined = contents != NULL ? text_of(object, yagot_add_definition) : NULL;
    if (defined == NULL) {
        Py_XDECREF(what);
        Py_XDECREF(contents);
        return NULL;
    }
    return Py_BuildValue("(NNN)", what, contents, defined);
}

PyDoc_STRVAR(count_types_doc,
"count_types($module, /)\n--\n\nHow many tracked objects there are of each type: a dict by the types' names.");
PyDoc_STRVAR(heap_bytes_doc,
"heap_bytes($module, /)\n--\n\nBytes in use on the C heap (glibc's mallinfo2); None where that is unknown.");
PyDoc_STRVAR(mapped_bytes_doc,
"mapped_bytes($module, /)\n--\n\nBytes of the process's mappings that malloc has not made; 0 where that is unknown.");
PyDoc_STRVAR(clear_type_cache_doc,
"clear_type_cache($module, /)\n--\n\nEmpties the interpreter's cache of attributes, which holds their names.");
PyDoc_STRVAR(waited_doc,
"waited($module, /)\n--\n\nSeconds for which this thread has waited for a processor; 0.0 where that is unknown.");
PyDoc_STRVAR(describe_doc,
"describe($module, object, /)\n--\n\n"
"What an object is, what is in it, and where it was defined: three texts, made without running code of its own.");
PyDoc_STRVAR(note_references_doc,
"note_references($module, /)\n--\n\nThe reference counts of all objects, for risen_references().");
PyDoc_STRVAR(risen_references_doc,
"risen_references($module, before, runs, /)\n--\n\n"
"The objects whose reference counts have risen by a multiple of the number of runs since then.");
PyDoc_STRVAR(unseen_references_doc,
"unseen_references($module, objects, /)\n--\n\n"
"For each object of a list, how many more references it has than all objects that the collector knows hold.");
PyDoc_STRVAR(watch_allocations_doc,
"watch_allocations($module, /)\n--\n\n"
"Records the blocks that Python's allocators give out from now on; False if that cannot be done here.");
PyDoc_STRVAR(next_run_doc,
"next_run($module, stacks, /)\n--\n\n"
"A run of the test begins. stacks: note which extension module allocates, which takes time.");
PyDoc_STRVAR(unwatch_allocations_doc, "unwatch_allocations($module, /)\n--\n\nRecords no more, and forgets all.");
PyDoc_STRVAR(left_blocks_doc,
"left_blocks($module, types, /)\n--\n\n"
"What each run but the first and the current one has left, equal things from one place together: a list of\n"
"(object or None, tracked, number, size, (file, line) or None, (library, symbol or None, offset) or None).\n"
"types are all that there are: only a block with one of them is an object.");
PyDoc_STRVAR(words_in_blocks_doc,
"words_in_blocks($module, object, /)\n--\n\nHow many words of those blocks are the object's address.");

PyDoc_STRVAR(released_objects_doc,
"released_objects($module, type, /)\n--\n\n"
"How many older objects of a type that has no part in collections were released since the first run.");
PyDoc_STRVAR(has_in_body_doc,
"has_in_body($module, object, size, other, /)\n--\n\n"
"Is the other object's address in the first bytes of an object that the collector does not track? size is that of\n"
"its block.");

PyMethodDef yagot_growth_methods[] = {
    {"count_types", count_types, METH_NOARGS, count_types_doc},
    {"heap_bytes", heap_bytes, METH_NOARGS, heap_bytes_doc},
    {"mapped_bytes", mapped_bytes, METH_NOARGS, mapped_bytes_doc},
    {"clear_type_cache", clear_type_cache, METH_NOARGS, clear_type_cache_doc},
    {"waited", waited, METH_NOARGS, waited_doc},
    {"describe", describe, METH_O, describe_doc},
    {"note_references", yagot_note_references, METH_NOARGS, note_references_doc},
    {"risen_references", yagot_risen_references, METH_VARARGS, risen_references_doc},
    {"unseen_references", yagot_unseen_references, METH_O, unseen_references_doc},
    {"watch_allocations", yagot_watch_allocations, METH_NOARGS, watch_allocations_doc},
    {"next_run", yagot_next_run, METH_O, next_run_doc},
    {"unwatch_allocations", yagot_unwatch_allocations, METH_NOARGS, unwatch_allocations_doc},
    {"left_blocks", yagot_left_blocks, METH_O, left_blocks_doc},
    {"released_objects", yagot_released_objects, METH_O, released_objects_doc},
    {"has_in_body", yagot_has_in_body, METH_VARARGS, has_in_body_doc},
    {"words_in_blocks", yagot_words_in_blocks, METH_O, words_in_blocks_doc},
    {NULL, NULL, 0, NULL},
};
