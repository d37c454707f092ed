/* memory_scan.c - find: references in the bodies of objects that no traversal shows. See memory_scan.h.
 *
 * The body of an opaque object (a C type without traverse) is searched word by word, as conservative collectors do.
 */
#include "find/memory_scan.h"

#include "base/describe.h"

#include <datetime.h>
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

/* The dict that ctypes keeps of a type (before 3.13): its traverse function shows the items only. */
static bool
is_dict_of_ctypes(PyObject *object)
{
    return strcmp(Py_TYPE(object)->tp_name, "StgDict") == 0;
}

/* Types of which there are most: they show all that they hold, and what they no longer hold may lie in their memory. A
 * weak reference knows objects without holding them, and a frame its generator. */
static bool
is_open(PyTypeObject *type, PyObject *object)
{
    return type == &PyDict_Type || type == &PyList_Type || type == &PyTuple_Type || type == &PySet_Type
           || type == &PyFrozenSet_Type || type == &PyFunction_Type || type == &PyCell_Type || type == &PyMethod_Type
           || type == &PyType_Type || type == &PyBaseObject_Type || type == &PyFrame_Type || PyWeakref_Check(object)
           || strcmp(type->tp_name, "collections.deque") == 0;
}

size_t
yagot_body_size(const yagot_holders *h, PyObject *object)
{
    if (!yagot_can_traverse(object)) {
        return body_size(object);
    }
    PyTypeObject *type = yagot_c_type_of(h, object);
    return is_open(type, object) && !is_dict_of_ctypes(object) ? 0 : (size_t)type->tp_basicsize;
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

/* Not what a class adds to its base in C, as attributes: that lies elsewhere. */
Py_ssize_t
yagot_count_shown_of_body(const yagot_holders *h, PyObject *object, PyObject *wanted)
{
    visit_counter counter = {.wanted = wanted};
    traverseproc traverse = yagot_c_type_of(h, object)->tp_traverse;
    if (traverse != NULL && yagot_can_traverse(object)) {
        (void)traverse(object, visit_count, &counter);
    }
    return counter.seen;
}

/* How often an object's body holds a pointer beyond what its traverse function shows. */
static Py_ssize_t
count_hidden(const yagot_holders *h, PyObject *object, PyObject *const *body, size_t words, PyObject *wanted)
{
    Py_ssize_t stored = 0, shown = is_dict_of_ctypes(object) ? 0 : yagot_count_shown_of_body(h, object, wanted);
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

/* An object knows its weak references without holding them. */
static bool
is_weak_list(PyObject *object, PyObject *const *place)
{
    Py_ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
    return offset > 0 && (const char *)place == (const char *)object + offset;
}

Py_ssize_t
yagot_subtract_hidden(yagot_holders *h, PyObject *object)
{
    Py_ssize_t hidden = 0;
    size_t size = yagot_body_size(h, object);
    size_t words = size > sizeof(PyObject) ? (size - sizeof(PyObject)) / sizeof(PyObject *) : 0;
    PyObject *const *body = (PyObject *const *)(object + 1);
    for (size_t i = 0; i < words; i++) {
        uint32_t index = yagot_holders_find(h, body[i]);
        if (index == YAGOT_NONE || h->wanted->refs[index] <= 0 || is_weak_list(object, &body[i])
            || was_before(body, i)) {
            continue;
        }
        Py_ssize_t more = count_hidden(h, object, body, words, body[i]);
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
