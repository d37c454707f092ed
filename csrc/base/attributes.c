/* attributes.c - see attributes.h.
 *
 * Only names that code stores to are tried: a class calls many more methods than it has attributes. They are read from
 * the bytecode, once for a class.
 */
#include "base/attributes.h"

#include "base/describe.h"

#include <opcode.h>

enum { MOST_NAMES = 64, MOST_CLASSES = 64, MOST_FRAMES = 32, MOST_COMPARED = 8 };

typedef struct {
    PyTypeObject *type;         /* borrowed; NULL: a free place */
    PyObject *names[MOST_NAMES];    /* borrowed from code objects */
    uint32_t count;
} class_names;

static _Thread_local bool gentle;
static _Thread_local class_names *classes;      /* owned array, or NULL */

void
yagot_be_gentle(bool be_gentle)
{
    gentle = be_gentle;
    if (!gentle) {
        PyMem_RawFree(classes);
        classes = NULL;
    }
}

bool
yagot_is_gentle(void)
{
    return gentle;
}

/* -- names that code stores to -------------------------------------------------------------------- */

/* What a type or one of its bases defines under a name; borrowed, or NULL. */
static PyObject *
defined(PyTypeObject *type, PyObject *name)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        PyObject *dict = PyType_Check(base) ? yagot_type_dict((PyTypeObject *)base) : NULL;
        PyObject *found = dict != NULL ? PyDict_GetItem(dict, name) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* Would reading the attribute run a descriptor of the type's? Other values of a class are defaults. */
static bool
is_described(PyTypeObject *type, PyObject *name)
{
    PyObject *found = defined(type, name);
    return found != NULL && (Py_TYPE(found)->tp_descr_get != NULL || Py_TYPE(found)->tp_descr_set != NULL);
}

static void
add_name(class_names *found, PyObject *name)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->names[i] == name) {
            return;
        }
    }
    if (found->count < MOST_NAMES && !is_described(found->type, name)) {
        found->names[found->count++] = name;
    }
}

int
yagot_visit_stores(PyCodeObject *code, int (*visit)(Py_ssize_t, void *), void *arg)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *bytes = PyCode_GetCode(code);
#else
    PyObject *bytes = Py_NewRef(code->co_code);
#endif
    if (bytes == NULL || !PyBytes_Check(bytes)) {
        Py_XDECREF(bytes);
        PyErr_Clear();
        return 0;
    }
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(bytes), *end = at + PyBytes_GET_SIZE(bytes);
    Py_ssize_t argument = 0;
    int result = 0;
    for (; at + 1 < end && result == 0; at += 2) {
        argument = argument << 8 | at[1];
        if (at[0] == STORE_ATTR && argument < PyTuple_GET_SIZE(code->co_names)) {
            result = visit(argument, arg);
        }
        argument = at[0] == EXTENDED_ARG ? argument : 0;
    }
    Py_DECREF(bytes);
    return result;
}

typedef struct {
    class_names *found;
    PyObject *names;            /* borrowed: the code's tuple */
} name_search;

static int
visit_store(Py_ssize_t index, void *arg)
{
    name_search *s = arg;
    add_name(s->found, PyTuple_GET_ITEM(s->names, index));
    return 0;
}

static void
add_names_of_code(class_names *found, PyCodeObject *code)
{
    name_search s = {found, code->co_names};
    (void)yagot_visit_stores(code, visit_store, &s);
}

static void
add_names_of_class(class_names *found, PyTypeObject *type)
{
    PyObject *dict = yagot_type_dict(type), *key, *method;
    Py_ssize_t position = 0;
    while (dict != NULL && PyDict_Next(dict, &position, &key, &method)) {
        if (PyFunction_Check(method)) {
            add_names_of_code(found, (PyCodeObject *)PyFunction_GET_CODE(method));
        }
    }
}

/* What is known of a class; NULL when memory is short. */
static const class_names *
names_of(PyTypeObject *type)
{
    if (classes == NULL) {
        classes = PyMem_RawCalloc(MOST_CLASSES, sizeof *classes);
    }
    class_names *place = classes != NULL ? &classes[((uintptr_t)type >> 5) % MOST_CLASSES] : NULL;
    if (place != NULL && place->type != type) {
        *place = (class_names){.type = type};
        for (Py_ssize_t i = 0; type->tp_mro != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
            PyObject *base = PyTuple_GET_ITEM(type->tp_mro, i);
            if (PyType_Check(base)) {
                add_names_of_class(place, (PyTypeObject *)base);
            }
        }
    }
    return place;
}

/* -- the one that leads to a value ---------------------------------------------------------------- */

static PyObject *
choose(const class_names *found, PyObject *object, PyObject *value)
{
    bool is_own = found->type == Py_TYPE(object);       /* then they were looked at when they were added */
    for (uint32_t i = 0; i < found->count; i++) {
        if (!is_own && is_described(Py_TYPE(object), found->names[i])) {
            continue;
        }
        PyObject *attribute = PyObject_GenericGetAttr(object, found->names[i]);
        Py_XDECREF(attribute);      /* the object keeps it */
        if (attribute == value) {
            return found->names[i];
        }
        PyErr_Clear();
    }
    return NULL;
}

static PyObject *
choose_from_frames(PyObject *object, PyObject *value)
{
    PyObject *chosen = NULL;
    PyFrameObject *frame = PyEval_GetFrame();
    Py_XINCREF(frame);
    for (int i = 0; frame != NULL; i++) {
        class_names found = {.type = Py_TYPE(object)};
        PyCodeObject *code = PyFrame_GetCode(frame);
        add_names_of_code(&found, code);
        chosen = choose(&found, object, value);
        Py_DECREF(code);
        PyFrameObject *back = chosen == NULL && i < MOST_FRAMES ? PyFrame_GetBack(frame) : NULL;
        Py_DECREF(frame);
        frame = back;
    }
    return chosen;
}

PyObject *
yagot_guess_attribute(PyObject *object, PyObject *value)
{
    if (!yagot_has_managed_dict(Py_TYPE(object))) {
        return NULL;
    }
    PyTypeObject *places[] = {Py_TYPE(object), Py_TYPE(value)};     /* `child.parent = self` is code of the parent's */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const class_names *found = names_of(places[i]);
        PyObject *chosen = found != NULL ? choose(found, object, value) : NULL;
        if (chosen != NULL) {
            return chosen;
        }
    }
    return choose_from_frames(object, value);
}

/* -- a dict that exists already ------------------------------------------------------------------- */

#if YAGOT_MANAGED_DICTS_IN_PLACE
static PyObject *
managed_dict(PyObject *object)
{
    return ((PyObject **)object)[-3];
}
#else
/* Are the items of a dict the attributes of the object? Those that would run a descriptor are not read; a dict of such
 * alone is taken for what cached_property and the like have stored, unless their names are those of methods, which
 * tables of handlers have, too. */
static bool
has_attributes_of(PyObject *dict, PyObject *object)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    int same = 0;
    bool stored = false;
    while (same < MOST_COMPARED && PyDict_Next(dict, &position, &name, &value)) {
        if (!PyUnicode_CheckExact(name)) {
            return false;
        }
        if (is_described(Py_TYPE(object), name)) {
            stored |= !PyFunction_Check(defined(Py_TYPE(object), name));
            continue;
        }
        PyObject *attribute = PyObject_GenericGetAttr(object, name);
        Py_XDECREF(attribute);      /* the object keeps it */
        PyErr_Clear();
        if (attribute != value) {
            return false;
        }
        same++;
    }
    return same > 0 || stored;
}

typedef struct {
    PyObject *object;
    PyObject *dict;             /* borrowed from the object; NULL until it is found */
} dict_search;

static int
find_dict(PyObject *referent, void *arg)
{
    dict_search *search = arg;
    if (search->dict == NULL && PyDict_CheckExact(referent) && has_attributes_of(referent, search->object)) {
        search->dict = referent;
    }
    return 0;
}

static PyObject *
managed_dict(PyObject *object)
{
    dict_search search = {.object = object};
    if (PyObject_IS_GC(object)) {
        Py_TYPE(object)->tp_traverse(object, find_dict, &search);
    }
    return search.dict;
}
#endif

PyObject *
yagot_existing_dict(PyObject *object)
{
    if (yagot_has_managed_dict(Py_TYPE(object))) {
        return managed_dict(object);
    }
    return Py_TYPE(object)->tp_dictoffset != 0 ? *_PyObject_GetDictPtr(object) : NULL;
}
