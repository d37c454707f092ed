/* holder_walk.c - find: what each object holds. See holders.h.
 *
 * A traversal of all tracked objects shows most references. The rest lies in objects that the collector does
 * not track and in objects that have no traverse function at all; what is reachable from tracked objects is walked
 * too, once each. What has neither is searched word by word (memory_scan.c).
 */
#include "base/describe.h"
#include "find/holders.h"
#include "find/memory_scan.h"

static void
walk_code(yagot_holders *h, PyCodeObject *code)
{
    yagot_holders_add(h, code->co_consts);
    yagot_holders_add(h, code->co_names);
    yagot_holders_add(h, code->co_name);
    yagot_holders_add(h, code->co_filename);
    yagot_holders_add(h, code->co_linetable);
#if PY_VERSION_HEX >= 0x030B0000
    yagot_holders_add(h, code->co_localsplusnames);
    yagot_holders_add(h, code->co_localspluskinds);
    yagot_holders_add(h, code->co_qualname);
    yagot_holders_add(h, code->co_exceptiontable);
#else
    yagot_holders_add(h, code->co_varnames);
    yagot_holders_add(h, code->co_freevars);
    yagot_holders_add(h, code->co_cellvars);
#endif
#if PY_VERSION_HEX >= 0x030C0000
    if (code->_co_cached != NULL) {
        yagot_holders_add(h, code->_co_cached->_co_varnames);
        yagot_holders_add(h, code->_co_cached->_co_cellvars);
        yagot_holders_add(h, code->_co_cached->_co_freevars);
    }
#endif
}

/* What the traverse function of types leaves out; a static type has none to call. */
static void
walk_type(yagot_holders *h, PyTypeObject *type)
{
    yagot_holders_add(h, yagot_subclasses_dict(type));
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        yagot_holders_add(h, ((PyHeapTypeObject *)type)->ht_slots);
        yagot_holders_add(h, ((PyHeapTypeObject *)type)->ht_name);
        yagot_holders_add(h, ((PyHeapTypeObject *)type)->ht_qualname);
        return;
    }
    yagot_holders_add(h, yagot_type_dict(type));
    yagot_holders_add(h, type->tp_bases);
    yagot_holders_add(h, type->tp_mro);
    yagot_holders_add(h, type->tp_cache);
}

/* An object holds its type if a class statement or a module has made it; not all traverse functions show that. */
static void
walk_type_of(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    uint32_t index = h->filter.types ? yagot_holders_find(h, (PyObject *)type) : YAGOT_NONE;
    if (index != YAGOT_NONE && type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        h->wanted->refs[index] -= yagot_count_shown(object, (PyObject *)type) == 0;
    }
}

/* The traversal of a dict whose keys are all strings leaves them out. */
static void
walk_keys(yagot_holders *h, PyObject *object)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (h->untracked && PyDict_Check(object) && PyDict_Next(object, &position, &key, &value)) {
        if (PyUnicode_CheckExact(key) && !PyUnicode_CHECK_INTERNED(key)) {
            yagot_holders_add(h, key);
        }
    }
}

static void
walk(yagot_holders *h, PyObject *object)
{
    walk_type_of(h, object);
    if (PyCode_Check(object)) {
        walk_code(h, (PyCodeObject *)object);
    }
    else if (PyType_Check(object)) {
        walk_type(h, (PyTypeObject *)object);
        yagot_traverse(object, yagot_holders_visit, h);
    }
    else if (yagot_can_traverse(object)) {
        yagot_traverse(object, yagot_holders_visit, h);
        walk_keys(h, object);
        yagot_holders_add(h, yagot_inline_dict(object));
    }
    else {
        yagot_subtract_body(h, object);
        yagot_holders_note_opaque(h, object);
    }
}

int
yagot_holders_subtract(yagot_holders *h)
{
    for (size_t i = 0; i < h->tracked.count && !h->failed && yagot_holders_wanted(h); i++) {
        if (i + YAGOT_SOON < h->tracked.count) {
            __builtin_prefetch(h->tracked.items[i + YAGOT_SOON]);
        }
        walk(h, h->tracked.items[i]);
    }
    yagot_holders_add_threads(h);
    for (PyObject *object; yagot_holders_wanted(h) && (object = yagot_holders_next(h)) != NULL;) {
        walk(h, object);
    }
    return h->failed ? -1 : 0;
}
