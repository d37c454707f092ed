/* holders.c - see holders.h.
 *
 * A traversal of all tracked objects shows most references. The rest lies in objects that the collector does
 * not track and in objects that have no traverse function at all; what is reachable from tracked objects is walked
 * too, once each. The body of an opaque object (a C type without traverse) is searched word by word, as
 * conservative collectors do; of an array of objects the items are.
 */
#include "holders.h"

#include "describe.h"

#include <datetime.h>
#include <link.h>
#include <string.h>

/* Exact types that never refer to a tracked object. */
static bool
is_leaf(PyTypeObject *type)
{
    return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBytes_Type || type == &PyFloat_Type
           || type == &PyBool_Type || type == Py_TYPE(Py_None) || type == &PyComplex_Type;
}

static void
push(yagot_holders *h, PyObject *object)
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

int
yagot_holders_visit(PyObject *child, void *arg)
{
    yagot_holders *h = arg;
    uint32_t index = yagot_snapshot_find(h->wanted, child);
    if (index != YAGOT_NONE) {
        h->wanted->refs[index]--;
        return 0;               /* tracked: it is walked in its turn */
    }
    if (!is_leaf(Py_TYPE(child)) && (h->frozen || !yagot_is_tracked(child))) {
        push(h, child);
    }
    return 0;
}

/* -- words in memory ------------------------------------------------------------------------------ */

static bool
subtract_word(yagot_holders *h, PyObject *word)
{
    uint32_t index = yagot_snapshot_find(h->wanted, word);
    bool found = index != YAGOT_NONE && h->wanted->refs[index] > 0;
    if (found) {
        h->wanted->refs[index]--;
    }
    return found;
}

static Py_ssize_t
subtract_words(yagot_holders *h, const void *memory, size_t size)
{
    PyObject *const *words = memory;
    Py_ssize_t found = 0;
    for (size_t i = 0; i < size / sizeof *words; i++) {
        found += subtract_word(h, words[i]);
    }
    return found;
}

/* NumPy's type that an array is of, also of a class derived from it; NULL of anything else. */
static PyTypeObject *
array_type(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    while (type != NULL && type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        type = type->tp_base;
    }
    return type != NULL && strcmp(type->tp_name, "numpy.ndarray") == 0 ? type : NULL;
}

/* An attribute as a C type has it, whatever a derived class says. New reference; NULL without an exception. */
static PyObject *
c_attribute(PyTypeObject *type, PyObject *object, const char *name)
{
    PyObject *descriptor = yagot_type_lookup(type, name);
    descrgetfunc get = descriptor != NULL ? Py_TYPE(descriptor)->tp_descr_get : NULL;
    PyObject *value = get != NULL ? get(descriptor, object, (PyObject *)Py_TYPE(object)) : NULL;
    PyErr_Clear();
    return value;
}

/* The C side of NumPy's array interface: what the capsule __array_struct__ points to. */
typedef struct {
    int two, dimensions;
    char kind;
    int item_size, flags;
    Py_intptr_t *shape, *strides;
    void *data;
} array_interface;

enum { CONTIGUOUS = 3 };

static void
subtract_items(yagot_holders *h, const array_interface *array)
{
    size_t items = 1;
    for (int i = 0; i < array->dimensions; i++) {
        items *= (size_t)array->shape[i];
    }
    if (array->two == 2 && array->kind == 'O' && array->flags & CONTIGUOUS && array->data != NULL) {
        (void)subtract_words(h, array->data, items * sizeof(PyObject *));
    }
}

/* An array of objects (dtype object) does not show its items. Those of a view are its base's, which is walked, too. */
static void
subtract_array(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = array_type(object);
    PyObject *dtype = type != NULL ? c_attribute(type, object, "dtype") : NULL;
    PyObject *has_objects = dtype != NULL ? c_attribute(Py_TYPE(dtype), dtype, "hasobject") : NULL;
    PyObject *base = has_objects == Py_True ? c_attribute(type, object, "base") : NULL;
    if (base == Py_None) {
        PyObject *capsule = c_attribute(type, object, "__array_struct__");
        const array_interface *array = capsule != NULL ? PyCapsule_GetPointer(capsule, NULL) : NULL;
        if (array != NULL) {
            subtract_items(h, array);
        }
        PyErr_Clear();
        Py_XDECREF(capsule);
    }
    else if (base != NULL && !yagot_is_tracked(base)) {
        push(h, base);          /* the reference itself was found in the body; the array keeps its base */
    }
    Py_XDECREF(base);
    Py_XDECREF(has_objects);
    Py_XDECREF(dtype);
}

/* datetime's own objects without a time zone lack the room for one. */
static bool
is_naive(PyObject *object)
{
    const char *name = Py_TYPE(object)->tp_name;
    return (strcmp(name, "datetime.time") == 0 || strcmp(name, "datetime.datetime") == 0)
           && !((_PyDateTime_BaseTZInfo *)object)->hastzinfo;
}

/* The bytes of an object that are surely there: compact strings, too, are shorter than their type says. What is shorter
 * holds nothing. */
static size_t
body_size(PyObject *object)
{
    bool shorter = (PyUnicode_Check(object) && PyUnicode_IS_COMPACT(object)) || is_naive(object);
    return shorter ? 0 : (size_t)Py_TYPE(object)->tp_basicsize;
}

static void
subtract_body(yagot_holders *h, PyObject *object)
{
    if (strcmp(Py_TYPE(object)->tp_name, "functools._lru_list_elem") == 0) {
        return;                 /* the cache that it belongs to shows what is in it */
    }
    size_t size = body_size(object);
    if (size > sizeof(PyObject)) {
        (void)subtract_words(h, object + 1, size - sizeof(PyObject));
    }
    subtract_array(h, object);
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
        (void)subtract_words(h, (PyObject **)object - 3, sizeof object);
    }
#else
    (void)h;
    (void)object;
#endif
}

typedef struct {
    PyObject *wanted;
    Py_ssize_t seen;
} visit_counter;

static int
visit_count(PyObject *child, void *arg)
{
    visit_counter *counter = arg;
    counter->seen += child == counter->wanted;
    return 0;
}

/* An object holds its type if a class statement or a module has made it; not all traverse functions show that. */
static void
walk_type_of(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    uint32_t index = h->types_wanted ? yagot_snapshot_find(h->wanted, (PyObject *)type) : YAGOT_NONE;
    if (index != YAGOT_NONE && type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        visit_counter counter = {.wanted = (PyObject *)type};
        yagot_traverse(object, visit_count, &counter);
        h->wanted->refs[index] -= counter.seen == 0;
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
        subtract_array(h, object);
    }
    else {
        subtract_body(h, object);
    }
}

int
yagot_holders_init(yagot_holders *h)
{
    if (yagot_idtable_init(&h->seen) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < h->wanted->count; i++) {
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

int
yagot_holders_subtract(yagot_holders *h)
{
    Py_ssize_t count = PyList_GET_SIZE(h->tracked);
    yagot_traverse(h->tracked, yagot_holders_visit, h);
    for (Py_ssize_t i = 0; i < count && !h->failed; i++) {
        walk(h, PyList_GET_ITEM(h->tracked, i));
    }
    yagot_holders_add_threads(h);
    while (h->depth > 0 && !h->failed) {
        walk(h, h->pending[--h->depth]);
    }
    return h->failed ? -1 : 0;
}

/* -- what traverse functions miss ----------------------------------------------------------------- */

/* The dict that ctypes keeps of a type (before 3.13): its traverse function shows the items only. */
static bool
is_dict_of_ctypes(PyObject *object)
{
    return strcmp(Py_TYPE(object)->tp_name, "StgDict") == 0;
}

/* How often an object's body holds a pointer beyond what its traverse function shows. */
static Py_ssize_t
count_hidden(PyObject *object, PyObject *const *body, size_t words, PyObject *wanted)
{
    visit_counter counter = {.wanted = wanted};
    Py_ssize_t stored = 0;
    if (!is_dict_of_ctypes(object)) {
        yagot_traverse(object, visit_count, &counter);
    }
    for (size_t i = 0; i < words; i++) {
        stored += body[i] == wanted;
    }
    return stored > counter.seen ? stored - counter.seen : 0;
}

static bool
was_before(PyObject *const *body, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (body[j] == body[i]) {
            return true;
        }
    }
    return false;
}

PyTypeObject *
yagot_holders_c_type(const yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    while (type->tp_traverse == h->plain_traverse && type->tp_base != NULL) {
        type = type->tp_base;
    }
    return type;
}

Py_ssize_t
yagot_holders_subtract_hidden(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = yagot_holders_c_type(h, object);
    Py_ssize_t hidden = 0;
    /* built-in types show all they hold */
    bool open = strchr(type->tp_name, '.') == NULL && !is_dict_of_ctypes(object);
    if (type->tp_basicsize <= (Py_ssize_t)sizeof(PyObject) || PyWeakref_Check(object) || open) {
        return 0;
    }
    size_t words = (size_t)type->tp_basicsize / sizeof(PyObject *) - sizeof(PyObject) / sizeof(PyObject *);
    PyObject *const *body = (PyObject *const *)(object + 1);
    for (size_t i = 0; i < words; i++) {
        uint32_t index = yagot_snapshot_find(h->wanted, body[i]);
        /* an object knows its weak references without holding them */
        if (index == YAGOT_NONE || h->wanted->refs[index] <= 0 || PyWeakref_Check(body[i]) || was_before(body, i)) {
            continue;
        }
        Py_ssize_t more = count_hidden(object, body, words, body[i]);
        h->wanted->refs[index] -= more < h->wanted->refs[index] ? more : h->wanted->refs[index];
        hidden += more;
    }
    return hidden;
}

void
yagot_holders_subtract_untracked(yagot_holders *h, PyObject *object)
{
    size_t words = body_size(object) / sizeof(PyObject *);
    PyObject *const *body = (PyObject *const *)object;
    for (size_t i = sizeof(PyObject) / sizeof *body; i < words; i++) {
        uint32_t index = yagot_snapshot_find(h->wanted, body[i]);
        if (index != YAGOT_NONE && h->wanted->refs[index] > 0 && !PyObject_IS_GC(body[i])) {
            h->wanted->refs[index]--;
        }
    }
}

/* A word of a library's data, whatever lies there: AddressSanitizer pads variables. */
#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address, noinline))
#endif
static PyObject *
word_of_data(PyObject *const *place)
{
    return *place;
}

static int
subtract_library(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *arg)
{
    yagot_holders *h = arg;
    uintptr_t python = (uintptr_t)&PyType_Type;
    for (int i = 0; i < info->dlpi_phnum; i++) {        /* the interpreter's own data: free lists, stale addresses */
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && python - start < info->dlpi_phdr[i].p_memsz) {
            return 0;
        }
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_W) {
            uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, aligned = (start + 7) & ~(uintptr_t)7;
            PyObject *const *words = (PyObject *const *)aligned;
            size_t count = (info->dlpi_phdr[i].p_memsz - (aligned - start)) / sizeof *words;
            for (size_t j = 0; j < count; j++) {
                (void)subtract_word(h, word_of_data(&words[j]));
            }
        }
    }
    return 0;
}

void
yagot_holders_subtract_static(yagot_holders *h)
{
    (void)dl_iterate_phdr(subtract_library, h);
}
