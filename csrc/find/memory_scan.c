/* memory_scan.c - find: references in memory that no traversal shows. See memory_scan.h.
 *
 * The body of an opaque object (a C type without traverse) is searched word by word, as conservative collectors do;
 * of an array of objects the items are.
 */
#include "find/memory_scan.h"

#include "base/describe.h"

#include <datetime.h>
#include <link.h>
#include <string.h>

/* -- words in memory ------------------------------------------------------------------------------ */

static bool
subtract_word(yagot_holders *h, PyObject *word)
{
    uint32_t index = yagot_holders_find(h, word);
    bool found = index != YAGOT_NONE && h->wanted->refs[index] > 0;
    if (found) {
        h->wanted->refs[index]--;
    }
    return found;
}

Py_ssize_t
yagot_subtract_words(yagot_holders *h, const void *memory, size_t size)
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
        (void)yagot_subtract_words(h, array->data, items * sizeof(PyObject *));
    }
}

/* An array of objects (dtype object) does not show its items. Those of a view are its base's, which is walked, too. */
void
yagot_subtract_array(yagot_holders *h, PyObject *object)
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
        yagot_holders_push(h, base);          /* the reference itself was found in the body; the array keeps its base */
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

void
yagot_subtract_body(yagot_holders *h, PyObject *object)
{
    if (strcmp(Py_TYPE(object)->tp_name, "functools._lru_list_elem") == 0) {
        return;                 /* the cache that it belongs to shows what is in it */
    }
    size_t size = body_size(object);
    if (size > sizeof(PyObject)) {
        (void)yagot_subtract_words(h, object + 1, size - sizeof(PyObject));
    }
    yagot_subtract_array(h, object);
}

/* -- what traverse functions miss ----------------------------------------------------------------- */


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

Py_ssize_t
yagot_count_shown(PyObject *object, PyObject *wanted)
{
    visit_counter counter = {.wanted = wanted};
    yagot_traverse(object, visit_count, &counter);
    return counter.seen;
}

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
    Py_ssize_t stored = 0, shown = is_dict_of_ctypes(object) ? 0 : yagot_count_shown(object, wanted);
    for (size_t i = 0; i < words; i++) {
        stored += body[i] == wanted;
    }
    return stored > shown ? stored - shown : 0;
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
yagot_c_type_of(const yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    while (type->tp_traverse == h->plain_traverse && type->tp_base != NULL) {
        type = type->tp_base;
    }
    return type;
}

Py_ssize_t
yagot_subtract_hidden(yagot_holders *h, PyObject *object)
{
    PyTypeObject *type = yagot_c_type_of(h, object);
    Py_ssize_t hidden = 0;
    /* built-in types show all they hold */
    bool open = strchr(type->tp_name, '.') == NULL && !is_dict_of_ctypes(object);
    if (type->tp_basicsize <= (Py_ssize_t)sizeof(PyObject) || PyWeakref_Check(object) || open) {
        return 0;
    }
    size_t words = (size_t)type->tp_basicsize / sizeof(PyObject *) - sizeof(PyObject) / sizeof(PyObject *);
    PyObject *const *body = (PyObject *const *)(object + 1);
    for (size_t i = 0; i < words; i++) {
        uint32_t index = yagot_holders_find(h, body[i]);
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
yagot_subtract_untracked(yagot_holders *h, PyObject *object)
{
    size_t words = body_size(object) / sizeof(PyObject *);
    PyObject *const *body = (PyObject *const *)object;
    for (size_t i = sizeof(PyObject) / sizeof *body; i < words; i++) {
        uint32_t index = yagot_holders_find(h, body[i]);
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
yagot_subtract_static(yagot_holders *h)
{
    (void)dl_iterate_phdr(subtract_library, h);
}
