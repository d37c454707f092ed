/* module.c - the extension module yagot._core: its state and its types. */
#include "base/describe.h"
#include "base/untrack.h"
#include "explain/explain.h"
#include "explain/paths.h"
#include "observe/growth.h"
#include "observe/watch.h"

#include <libxml/xmlversion.h>

PyMODINIT_FUNC PyInit__core(void);

static int
get_attribute(PyObject *module, const char *name, PyObject **value)
{
    *value = yagot_get_attribute(module, name);
    return *value != NULL ? 0 : -1;
}

#ifndef YAGOT_ASSUME_NO_GENERATIONS
#  define YAGOT_ASSUME_NO_GENERATIONS 0     /* for tests of the other way */
#endif

/* Does the collector sort objects by age, so that generation 0 and 1 hold what is new? Not on free-threaded
 * builds, nor in 3.14.0 to 3.14.4, whose collector is incremental. */
static bool
has_generations(void)
{
#if PY_VERSION_HEX >= 0x030B0000
    unsigned long version = Py_Version >> 8;        /* 0x030E04 for 3.14.4; the one that runs */
#else
    unsigned long version = PY_VERSION_HEX >> 8;
#endif
    return !YAGOT_FREE_THREADED && !YAGOT_ASSUME_NO_GENERATIONS && !(version >= 0x030E00 && version <= 0x030E04);
}

static int
module_exec(PyObject *module)
{
    yagot_state *s = PyModule_GetState(module);
    PyObject *gc = PyImport_ImportModule("gc");
    if (gc == NULL) {
        return -1;
    }
    int result = -1;
    s->generations = has_generations();
    if (get_attribute(gc, "collect", &s->gc_collect) == 0
        && get_attribute(gc, "get_objects", &s->gc_get_objects) == 0
        && get_attribute(gc, "get_stats", &s->gc_get_stats) == 0
        && get_attribute(gc, "get_count", &s->gc_get_count) == 0
        && get_attribute(gc, "get_freeze_count", &s->gc_get_freeze_count) == 0
        && get_attribute(gc, "freeze", &s->gc_freeze) == 0
        && get_attribute(gc, "unfreeze", &s->gc_unfreeze) == 0
        && get_attribute(gc, "get_threshold", &s->gc_get_threshold) == 0
        && get_attribute(gc, "set_threshold", &s->gc_set_threshold) == 0
        && get_attribute(gc, "get_debug", &s->gc_get_debug) == 0
        && get_attribute(gc, "set_debug", &s->gc_set_debug) == 0
        && get_attribute(gc, "callbacks", &s->gc_callbacks) == 0
        && get_attribute(gc, "garbage", &s->gc_garbage) == 0
        && (s->allocated_blocks = Py_XNewRef(PySys_GetObject("getallocatedblocks"))) != NULL
        && (s->python_class = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "plain")) != NULL
        && yagot_ledger_ready(module, s) == 0
        && yagot_watch_ready(module, s) == 0
        && yagot_junit_ready(module, s) == 0
        && yagot_merger_ready(module, s) == 0
        && PyModule_AddFunctions(module, yagot_growth_methods) == 0
        && PyModule_AddStringConstant(module, "__version__", YAGOT_VERSION) == 0
        && PyModule_AddStringConstant(module, "LIBXML2_VERSION", LIBXML_DOTTED_VERSION) == 0
        && PyModule_AddObjectRef(module, "GENERATIONS", s->generations ? Py_True : Py_False) == 0) {
        result = 0;
    }
    Py_DECREF(gc);
    return result;
}

/* Calls `action` with the address of each reference that the state owns. */
static int
for_each_reference(yagot_state *s, int (*action)(PyObject **, void *, visitproc), void *arg, visitproc visit)
{
    PyObject **references[] = {
        &s->gc_collect, &s->gc_get_objects, &s->gc_get_stats, &s->gc_get_count, &s->gc_get_freeze_count,
        &s->gc_freeze, &s->gc_unfreeze, &s->gc_get_threshold, &s->gc_set_threshold, &s->gc_get_debug,
        &s->gc_set_debug, &s->gc_callbacks, &s->gc_garbage, &s->allocated_blocks, &s->python_class,
        (PyObject **)&s->ledger_type, (PyObject **)&s->junit_type, (PyObject **)&s->merger_type,
        (PyObject **)&s->watch_type,
    };
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        int result = action(references[i], arg, visit);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int
visit_reference(PyObject **reference, void *arg, visitproc visit)
{
    Py_VISIT(*reference);
    return 0;
}

static int
clear_reference(PyObject **reference, void *Py_UNUSED(arg), visitproc Py_UNUSED(visit))
{
    Py_CLEAR(*reference);
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    yagot_state *s = PyModule_GetState(module);
    return s != NULL ? for_each_reference(s, visit_reference, arg, visit) : 0;
}

static int
module_clear(PyObject *module)
{
    yagot_state *s = PyModule_GetState(module);
    return s != NULL ? for_each_reference(s, clear_reference, NULL, NULL) : 0;
}

static void
module_free(void *module)
{
    (void)module_clear(module);
}

PyDoc_STRVAR(explain_doc,
"explain($module, objects, /)\n--\n\n"
"Explains a list of objects as if they were garbage: a list of dicts, one per cause, as Ledger.end() has.");

static PyObject *
core_explain(PyObject *Py_UNUSED(module), PyObject *objects)
{
    yagot_snapshot snapshot;
    yagot_findings findings;
    const yagot_attribution by_none = {0};
    yagot_predictions predictions = {0};
    PyObject *list = PySequence_List(objects), *result = NULL;
    if (list == NULL) {
        return NULL;
    }
    if (yagot_snapshot_init(&snapshot) < 0) {
        Py_DECREF(list);
        return PyErr_NoMemory();
    }
    int done = yagot_snapshot_add_list(&snapshot, list);
    for (uint32_t i = 0; i < snapshot.count; i++) {
        snapshot.flags[i] |= YAGOT_GARBAGE;
    }
    if (yagot_findings_init(&findings) < 0) {
        done = -1;
    }
    if (done == 0 && yagot_explain(&snapshot, &findings, &by_none, NULL, &predictions) == 0) {
        result = yagot_findings_export(&findings);
    }
    else {
        PyErr_NoMemory();
    }
    PyMem_RawFree(predictions.items);
    yagot_findings_fini(&findings);
    yagot_snapshot_fini(&snapshot);
    return result;
}

PyDoc_STRVAR(path_doc,
"path_to($module, object, around=[], /)\n--\n\n"
"A shortest path to an object from a module, as source would write it, and the objects on it from the module on;\n"
"'' and an empty list if there is none. It does not lead through the objects in the list *around*.");

static PyObject *
core_path_to(PyObject *module, PyObject *args)
{
    PyObject *object, *around = NULL;       /* borrowed */
    if (!PyArg_ParseTuple(args, "O|O!:path_to", &object, &PyList_Type, &around)) {
        return NULL;
    }
    yagot_state *state = PyModule_GetState(module);
    PyObject *holders = PyList_New(0);
    PyObject *tracked = holders != NULL ? PyObject_CallNoArgs(state->gc_get_objects) : NULL;
    if (tracked == NULL) {
        Py_XDECREF(holders);
        return NULL;
    }
    PyObject_GC_UnTrack(tracked);
    char *path = yagot_path_to(object, tracked, around, holders);
    PyObject *text = path != NULL ? PyUnicode_DecodeUTF8(path, (Py_ssize_t)strlen(path), "replace") : PyErr_NoMemory();
    PyMem_RawFree(path);
    if (text == NULL) {
        Py_DECREF(holders);
        return NULL;
    }
    return Py_BuildValue("(NN)", text, holders);
}

PyDoc_STRVAR(type_name_doc, "type_name($module, object, /)\n--\n\nThe name of its type: 'module.qualname'.");

static PyObject *
core_type_name(PyObject *Py_UNUSED(module), PyObject *object)
{
    return yagot_type_name(Py_TYPE(object));
}

PyDoc_STRVAR(untrack_doc,
"untrack($module, root, type, /)\n--\n\n"
"Hides a tree of instances of a type, with the lists, dicts and tuples in it, from the collector. It must have no\n"
"cycles.");

static PyObject *
core_untrack(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *root;
    PyTypeObject *type;
    if (!PyArg_ParseTuple(args, "OO!:untrack", &root, &PyType_Type, &type)) {
        return NULL;
    }
    if (!yagot_is_tracked(root)) {
        Py_RETURN_NONE;
    }
    return yagot_untrack_tree(root, type) == 0 ? Py_NewRef(Py_None) : PyErr_NoMemory();
}

PyDoc_STRVAR(parts_doc,
"parts($module, object, type, others, /)\n--\n\n"
"The instances of a type among an object's attributes and in the lists that these are, in order; without those whose\n"
"type is in a tuple of others. A tree's nodes below one, thousands of which are asked for.");

static int
add_part(PyObject *parts, PyObject *value, PyTypeObject *type, PyObject *others)
{
    bool left_out = !PyObject_TypeCheck(value, type);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(others) && !left_out; i++) {
        left_out = PyTuple_GET_ITEM(others, i) == (PyObject *)Py_TYPE(value);
    }
    return left_out ? 0 : PyList_Append(parts, value);
}

static PyObject *
core_parts(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *others, *key, *value;
    PyTypeObject *type;
    Py_ssize_t position = 0;
    if (!PyArg_ParseTuple(args, "OO!O!:parts", &object, &PyType_Type, &type, &PyTuple_Type, &others)) {
        return NULL;
    }
    PyObject *dict = yagot_instance_dict(object), *parts = PyList_New(0);
    while (parts != NULL && dict != NULL && PyDict_Next(dict, &position, &key, &value)) {
        bool is_list = PyList_CheckExact(value);
        PyObject *const *values = is_list ? ((PyListObject *)value)->ob_item : &value;
        for (Py_ssize_t i = 0, count = is_list ? PyList_GET_SIZE(value) : 1; parts != NULL && i < count; i++) {
            if (add_part(parts, values[i], type, others) < 0) {
                Py_CLEAR(parts);
            }
        }
    }
    return parts;
}

PyDoc_STRVAR(copied_doc,
"copied($module, object, /)\n--\n\n"
"Another object of the same type, whose attributes must all be in slots. Raises TypeError of others.");

static PyObject *
core_copied(PyObject *Py_UNUSED(module), PyObject *object)
{
    PyTypeObject *const own = Py_TYPE(object);
    if (!yagot_is_python_class(own) || own->tp_dictoffset != 0 || yagot_has_managed_dict(own)) {
        return PyErr_Format(PyExc_TypeError, "copied() takes objects with slots, not %.200s", own->tp_name);
    }
    PyObject *copy = own->tp_alloc(own, 0);
    for (PyTypeObject *type = own; copy != NULL && type != NULL; type = type->tp_base) {
        for (PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
            if (yagot_is_object_member(m)) {
                PyObject *value = *(PyObject **)((char *)object + m->offset);
                *(PyObject **)((char *)copy + m->offset) = Py_XNewRef(value);
            }
        }
    }
    return copy;
}

PyDoc_STRVAR(holds_doc,
"holds($module, dict, items, /)\n--\n\nHas a dict all items of another one: under each key the same object?");

/* The value of a key, from `position` on if it is there: dicts that were filled alike are gone through side by side,
 * which is sooner done than looking up each key. Borrowed; NULL if there is none, with an exception set or without. */
static PyObject *
value_of(PyObject *dict, Py_ssize_t *position, PyObject *key)
{
    PyObject *next, *value;
    while (PyDict_Next(dict, position, &next, &value)) {
        if (next == key) {
            return value;
        }
    }
    return PyDict_GetItemWithError(dict, key);      /* at the end: all others are looked up, too */
}

static PyObject *
core_holds(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *dict, *items, *key, *value;
    Py_ssize_t position = 0, place = 0;
    if (!PyArg_ParseTuple(args, "O!O!:holds", &PyDict_Type, &dict, &PyDict_Type, &items)) {
        return NULL;
    }
    while (PyDict_Next(items, &position, &key, &value)) {
        if (value_of(dict, &place, key) != value) {
            return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
        }
    }
    return Py_NewRef(Py_True);
}

static PyMethodDef module_methods[] = {
    {"path_to", core_path_to, METH_VARARGS, path_doc},
    {"type_name", core_type_name, METH_O, type_name_doc},
    {"explain", core_explain, METH_O, explain_doc},
    {"untrack", core_untrack, METH_VARARGS, untrack_doc},
    {"parts", core_parts, METH_VARARGS, parts_doc},
    {"copied", core_copied, METH_O, copied_doc},
    {"holds", core_holds, METH_VARARGS, holds_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "The core of yagot: looks at the heap, and writes XML.");

struct PyModuleDef yagot_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "yagot._core",
    .m_doc = module_doc,
    .m_size = sizeof(yagot_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&yagot_module);
}
