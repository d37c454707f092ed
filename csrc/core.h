/* core.h - what every part of the core shares: the module's state and safe traversal.
 *
 * The folders are the story, in order; none includes a header of a later one (./dev lint checks that):
 *
 *     base/       tables, texts, names of objects, files
 *     observe/    the collector's settings; objects that it does not track; the process
 *     find/       trial deletion, and references that nobody holds
 *     explain/    graphs, cycles, names, advice, sizes: one finding per cause
 *     ledger/     the Python type that runs these: windows, collections inside them, boundaries
 *     report/     JUnit XML: written, read, merged
 *
 * Functions return 0, or -1 when memory is short (no exception set) unless they say otherwise.
 */
#ifndef YAGOT_CORE_H
#define YAGOT_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(Py_GIL_DISABLED)
#  define YAGOT_FREE_THREADED 1
#else
#  define YAGOT_FREE_THREADED 0
#endif

/* From 3.14 on, running and suspended frames hold borrowed references that only the collector's own visitor can tell
 * apart. */
#if PY_VERSION_HEX >= 0x030E0000
#  define YAGOT_BORROWING_FRAMES 1
#else
#  define YAGOT_BORROWING_FRAMES 0
#endif

#define YAGOT_NONE UINT32_MAX

/* State of the module; a heap type and everything it needs from the gc module. All owned. */
typedef struct {
    PyTypeObject *ledger_type;
    PyTypeObject *junit_type;
    PyTypeObject *merger_type;
    PyTypeObject *watch_type;
    PyObject *gc_collect, *gc_get_objects, *gc_get_stats, *gc_get_count, *gc_get_freeze_count;
    PyObject *allocated_blocks;     /* sys.getallocatedblocks */
    PyObject *gc_freeze, *gc_unfreeze, *gc_get_threshold, *gc_set_threshold, *gc_get_debug, *gc_set_debug;
    PyObject *gc_callbacks, *gc_garbage;
    PyObject *python_class;         /* any class made by a class statement */
    bool generations;       /* get_objects(generation) and collect(1) mean what they say */
} yagot_state;

extern struct PyModuleDef yagot_module;
int yagot_ledger_ready(PyObject *module, yagot_state *state);
/* process.c */
PyObject *yagot_type_name(PyTypeObject *type);       /* a str; NULL with an exception set */

int yagot_junit_ready(PyObject *module, yagot_state *state);
int yagot_merger_ready(PyObject *module, yagot_state *state);

/* May an object's traverse function be called? Not a static type's: it aborts. An object that is tracked, but says that
 * it is not the collector's for now (a suspended greenlet), shows what it can. */
static inline bool
yagot_can_traverse(PyObject *object)
{
    return PyType_IS_GC(Py_TYPE(object)) && (!PyType_Check(object) || PyObject_IS_GC(object));
}

/* One level of indirection for every traversal: a type may have no traverse function. */
static inline void
yagot_traverse(PyObject *object, visitproc visit, void *arg)
{
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (traverse != NULL && yagot_can_traverse(object)) {
        (void)traverse(object, visit, arg);
    }
}

/* PyObject_GetAttrString with the one string of that name: a new one each time would fill the cache of types. */
static inline PyObject *
yagot_get_attribute(PyObject *object, const char *name)
{
    PyObject *key = PyUnicode_InternFromString(name);
    PyObject *value = key != NULL ? PyObject_GetAttr(object, key) : NULL;
    Py_XDECREF(key);
    return value;
}

static inline bool
yagot_is_tracked(PyObject *object)
{
    return PyObject_IS_GC(object) && PyObject_GC_IsTracked(object);
}

#endif
