/* holders.c - see holders.h.
 *
 * A traversal of all tracked objects shows most references. The rest lies in objects that the collector does
 * not track and in objects that have no traverse function at all; what is reachable from tracked objects is walked
 * too, once each. What has neither is searched word by word (words.c).
 */
#include "holders.h"

#include "describe.h"
#include "words.h"

/* Exact types that never refer to a tracked object. */
static bool
is_leaf(PyTypeObject *type)
{
    return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBytes_Type || type == &PyFloat_Type
           || type == &PyBool_Type || type == Py_TYPE(Py_None) || type == &PyComplex_Type;
}

/* Multiplying by 2^64 / golden ratio spreads addresses that lie close together. */
static uint32_t
filter_bit(const PyObject *object)
{
    return (uint32_t)(((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 32) % YAGOT_FILTER_BITS;
}

void
yagot_holders_push(yagot_holders *h, PyObject *object)
{
    uint32_t *slot = yagot_idtable_slot(&h->seen, object);
    if (slot == NULL) {
        h->failed = true;
        return;
    }
    if (*slot != 0) {
        return;
    }
    *slot = 1;
    if (h->depth == h->room) {
        size_t room = h->room * 2 + 256;
        PyObject **grown = PyMem_RawRealloc(h->pending, room * sizeof *grown);
        if (grown == NULL) {
            h->failed = true;
            return;
        }
        h->pending = grown;
        h->room = room;
    }
    h->pending[h->depth++] = object;
}

/* The index of an object if it is wanted, else YAGOT_NONE. Nearly none is: a bit tells, and the table need not. */
uint32_t
yagot_holders_find(const yagot_holders *h, PyObject *object)
{
    uint32_t bit = filter_bit(object);
    return h->filter[bit / 64] >> bit % 64 & 1 ? yagot_snapshot_find(h->wanted, object) : YAGOT_NONE;
}

static void
examine(yagot_holders *h, PyObject *child)
{
    if (!is_leaf(Py_TYPE(child)) && (h->frozen || !yagot_is_tracked(child))) {
        yagot_holders_push(h, child);
    }
}

/* What an object is, its own memory must tell. It is asked some visits later, when it has been fetched. */
static void
examine_later(yagot_holders *h, PyObject *child)
{
    PyObject *earlier = h->lately[h->turn];
    __builtin_prefetch(child);
    h->lately[h->turn] = child;
    h->turn = (h->turn + 1) % YAGOT_LATELY;
    if (earlier != NULL) {
        examine(h, earlier);
    }
}

int
yagot_holders_visit(PyObject *child, void *arg)
{
    yagot_holders *h = arg;
    uint32_t index = yagot_holders_find(h, child);
    if (index != YAGOT_NONE) {
        h->wanted->refs[index]--;
    }
    if (index == YAGOT_NONE || h->untracked) {  /* else it is tracked, and walked in its turn */
        examine_later(h, child);
    }
    return 0;
}

/* -- walking -------------------------------------------------------------------------------------- */

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

static void
walk_subclasses(yagot_holders *h, PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (type->tp_flags & (1u << 1)) {       /* static and built in: the field is an index */
        return;
    }
#endif
    yagot_holders_add(h, (PyObject *)type->tp_subclasses);
}

/* What the traverse function of types leaves out; a static type has none to call. */
static void
walk_type(yagot_holders *h, PyTypeObject *type)
{
    walk_subclasses(h, type);
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

/* 3.13+: the traversal of an instance with inline values shows the values, but not the dict made of them. */
static void
walk_inline_dict(yagot_holders *h, PyObject *object)
{
#if PY_VERSION_HEX >= 0x030D0000 && !YAGOT_FREE_THREADED
    if (Py_TYPE(object)->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        (void)yagot_subtract_words(h, (PyObject **)object - 3, sizeof object);
    }
#else
    (void)h;
    (void)object;
#endif
}

/* An object holds its type if a class statement or a module has made it; not all traverse functions show that. */
static void
walk_type_of(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    uint32_t index = h->types_wanted ? yagot_holders_find(h, (PyObject *)type) : YAGOT_NONE;
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
        walk_inline_dict(h, object);
        yagot_subtract_array(h, object);
    }
    else {
        yagot_subtract_body(h, object);
    }
}

int
yagot_holders_init(yagot_holders *h)
{
    if (yagot_idtable_init(&h->seen) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < h->wanted->count; i++) {
        uint32_t bit = filter_bit(h->wanted->objects[i]);
        h->filter[bit / 64] |= (uint64_t)1 << bit % 64;
        h->types_wanted |= PyType_Check(h->wanted->objects[i]);
    }
    /* where tracked objects are followed too, none may be walked twice */
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(h->tracked); i++) {
        PyObject *object = PyList_GET_ITEM(h->tracked, i);
        bool suspended = !PyObject_IS_GC(object);       /* a greenlet, which does not say that it is tracked */
        h->stacks |= suspended;
        uint32_t *slot = h->frozen || suspended ? yagot_idtable_slot(&h->seen, object) : NULL;
        if (slot == NULL && !h->frozen && !suspended) {
            continue;
        }
        if (slot == NULL) {
            return -1;
        }
        *slot = 1;
    }
    return 0;
}

void
yagot_holders_fini(yagot_holders *h)
{
    yagot_idtable_fini(&h->seen);
    PyMem_RawFree(h->pending);
    h->pending = NULL;
}

/* Walks what is still pending, and what that leads to. */
static void
walk_pending(yagot_holders *h)
{
    bool more = true;
    while (more && !h->failed) {
        while (h->depth > 0 && !h->failed) {
            walk(h, h->pending[--h->depth]);
        }
        for (size_t i = 0; i < YAGOT_LATELY; i++) {
            if (h->lately[i] != NULL) {
                examine(h, h->lately[i]);
            }
            h->lately[i] = NULL;
        }
        more = h->depth > 0;
    }
}

int
yagot_holders_subtract(yagot_holders *h)
{
    Py_ssize_t count = PyList_GET_SIZE(h->tracked);
    yagot_traverse(h->tracked, yagot_holders_visit, h);
    for (Py_ssize_t i = 0; i < count && !h->failed; i++) {
        __builtin_prefetch(PyList_GET_ITEM(h->tracked, i + YAGOT_LATELY < count ? i + YAGOT_LATELY : i));
        walk(h, PyList_GET_ITEM(h->tracked, i));
    }
    yagot_holders_add_threads(h);
    walk_pending(h);
    return h->failed ? -1 : 0;
}
