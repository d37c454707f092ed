/* attributes.c - see attributes.h.
 *
 * Only names that code stores to are tried: a class calls many more methods than it has attributes. They are read from
 * the bytecode, once for a class and for a module.
 */
#include "base/attributes.h"

#include "base/array.h"
#include "base/code.h"
#include "base/describe.h"
#include "base/frames.h"

enum {
    MOST_NAMES = 64, MOST_CLASSES = 64, MOST_FRAMES = 32, MOST_COMPARED = 8,
    MOST_NAMES_OF_MODULE = 256, MOST_MODULES = 16, MOST_OF_FRAMES = 4, MOST_MISSES = 4, MOST_NESTED = 8,
};

/* Names, borrowed from code objects. */
typedef struct {
    PyTypeObject *type;         /* borrowed: whose descriptors are left out; or NULL */
    yagot_objects names;
    size_t most;
} name_set;

typedef struct {
    PyTypeObject *type;         /* borrowed; NULL: a free place */
    name_set set;
    uint32_t misses;            /* how often modules were searched in vain */
} class_names;

typedef struct {
    PyObject *dict;             /* borrowed: the module's */
    name_set set;
} module_names;

typedef struct {
    class_names classes[MOST_CLASSES];
    module_names modules[MOST_MODULES];
    uint32_t module_count;
} knowledge;

static _Thread_local bool gentle;
static _Thread_local knowledge *known;      /* owned, or NULL */

static void
forget(void)
{
    for (size_t i = 0; known != NULL && i < MOST_CLASSES; i++) {
        yagot_objects_fini(&known->classes[i].set.names);
    }
    for (size_t i = 0; known != NULL && i < known->module_count; i++) {
        yagot_objects_fini(&known->modules[i].set.names);
    }
    PyMem_RawFree(known);
    known = NULL;
}

void
yagot_be_gentle(bool be_gentle)
{
    gentle = be_gentle;
    if (!gentle) {
        forget();
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
add_name(name_set *set, PyObject *name)
{
    for (size_t i = 0; i < set->names.count; i++) {
        if (set->names.items[i] == name) {
            return;
        }
    }
    if (set->names.count < set->most && (set->type == NULL || !is_described(set->type, name))) {
        (void)yagot_objects_add(&set->names, name);
    }
}

typedef struct {
    name_set *set;
    PyObject *names;            /* borrowed: the code's tuple */
} name_search;

static int
visit_store(Py_ssize_t index, void *arg)
{
    name_search *s = arg;
    add_name(s->set, PyTuple_GET_ITEM(s->names, index));
    return 0;
}

/* Adds the names of some code, and of the functions that it defines. */
static void
add_names_of_code(name_set *set, PyCodeObject *code, int depth)
{
    name_search s = {set, code->co_names};
    (void)yagot_visit_stores(code, visit_store, &s);
    for (Py_ssize_t i = 0; depth < MOST_NESTED && i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *item = PyTuple_GET_ITEM(code->co_consts, i);
        if (PyCode_Check(item)) {
            add_names_of_code(set, (PyCodeObject *)item, depth + 1);
        }
    }
}

static int
visit_function(PyObject *referent, void *arg)
{
    if (PyFunction_Check(referent)) {
        add_names_of_code(arg, (PyCodeObject *)PyFunction_GET_CODE(referent), 0);
    }
    return 0;
}

/* Adds the names of a function, or of those that something wraps: a static method, a property, a cache. */
static void
add_names_of_value(name_set *set, PyObject *value)
{
    (void)visit_function(value, set);
    bool may_wrap = !PyFunction_Check(value) && !PyType_Check(value) && !PyModule_Check(value);
    if (may_wrap && !yagot_is_plain_container(value)) {
        yagot_traverse(value, visit_function, set);
    }
}

static void
add_names_of_class(name_set *set, PyTypeObject *type)
{
    PyObject *dict = yagot_type_dict(type), *key, *value;
    Py_ssize_t position = 0;
    while (dict != NULL && PyDict_Next(dict, &position, &key, &value)) {
        add_names_of_value(set, value);
    }
}

static knowledge *
knowledge_of_thread(void)
{
    if (known == NULL) {
        known = PyMem_RawCalloc(1, sizeof *known);
    }
    return known;
}

/* What is known of a class; NULL when memory is short. */
static class_names *
names_of(PyTypeObject *type)
{
    knowledge *k = knowledge_of_thread();
    class_names *place = k != NULL ? &k->classes[((uintptr_t)type >> 5) % MOST_CLASSES] : NULL;
    if (place != NULL && place->type != type) {
        yagot_objects_fini(&place->set.names);
        *place = (class_names){.type = type, .set = {.type = type, .most = MOST_NAMES}};
        for (Py_ssize_t i = 0; type->tp_mro != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
            PyObject *base = PyTuple_GET_ITEM(type->tp_mro, i);
            if (PyType_Check(base)) {
                add_names_of_class(&place->set, (PyTypeObject *)base);
            }
        }
    }
    return place;
}

/* The names that a module's functions store to, and the methods of the classes that are its own; NULL when memory is
 * short, or too many modules are known. */
static const name_set *
names_of_module(PyObject *dict)
{
    knowledge *k = knowledge_of_thread();
    for (uint32_t i = 0; k != NULL && i < k->module_count; i++) {
        if (k->modules[i].dict == dict) {
            return &k->modules[i].set;
        }
    }
    if (k == NULL || k->module_count == MOST_MODULES) {
        return NULL;
    }
    module_names *place = &k->modules[k->module_count++];
    *place = (module_names){.dict = dict, .set = {.most = MOST_NAMES_OF_MODULE}};
    PyObject *name = PyDict_GetItemString(dict, "__name__"), *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (PyType_Check(value) && yagot_is_class_of((PyTypeObject *)value, name)) {
            add_names_of_class(&place->set, (PyTypeObject *)value);
        }
        add_names_of_value(&place->set, value);
    }
    return &place->set;
}

/* -- the one that leads to a value ---------------------------------------------------------------- */

static PyObject *
choose(const name_set *set, PyObject *object, PyObject *value)
{
    bool is_own = set->type == Py_TYPE(object);     /* then they were looked at when they were added */
    for (size_t i = 0; i < set->names.count; i++) {
        if (!is_own && is_described(Py_TYPE(object), set->names.items[i])) {
            continue;
        }
        PyObject *attribute = PyObject_GenericGetAttr(object, set->names.items[i]);
        Py_XDECREF(attribute);      /* the object keeps it */
        if (attribute == value) {
            return set->names.items[i];
        }
        PyErr_Clear();
    }
    return NULL;
}

/* Calls a function for what runs, from the innermost frame on, until it has chosen a name. */
static PyObject *
choose_from_frames(PyObject *(*look)(PyFrameObject *, PyObject *, PyObject *), int most, PyObject *object,
                   PyObject *value)
{
    PyObject *chosen = NULL;
    PyFrameObject *frame = PyEval_GetFrame();
    Py_XINCREF(frame);
    for (int i = 0; frame != NULL; i++) {
        chosen = look(frame, object, value);
        PyFrameObject *back = chosen == NULL && i < most ? PyFrame_GetBack(frame) : NULL;
        Py_DECREF(frame);
        frame = back;
    }
    return chosen;
}

static PyObject *
choose_from_code(PyFrameObject *frame, PyObject *object, PyObject *value)
{
    name_set set = {.type = Py_TYPE(object), .most = MOST_NAMES};
    PyCodeObject *code = PyFrame_GetCode(frame);
    add_names_of_code(&set, code, 0);
    PyObject *chosen = choose(&set, object, value);
    yagot_objects_fini(&set.names);
    Py_DECREF(code);
    return chosen;
}

static PyObject *
choose_from_module(PyObject *dict, PyObject *object, PyObject *value)
{
    const name_set *set = dict != NULL && PyDict_Check(dict) ? names_of_module(dict) : NULL;
    return set != NULL ? choose(set, object, value) : NULL;
}

static PyObject *
choose_from_globals(PyFrameObject *frame, PyObject *object, PyObject *value)
{
    PyObject *globals = yagot_globals_of((PyObject *)frame);
    PyObject *chosen = choose_from_module(globals, object, value);
    Py_XDECREF(globals);
    return chosen;
}

/* Looks at the modules that a class and its bases are from. */
static PyObject *
choose_from_modules(PyTypeObject *type, PyObject *object, PyObject *value)
{
    PyObject *mro = type->tp_mro, *chosen = NULL;
    for (Py_ssize_t i = 0; chosen == NULL && mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        bool in_python = PyType_Check(base) && yagot_is_python_class(base);
        PyObject *name = in_python ? yagot_class_module(base) : NULL;
        PyObject *module = name != NULL ? PyDict_GetItem(PyImport_GetModuleDict(), name) : NULL;
        bool found = module != NULL && PyModule_Check(module);
        chosen = found ? choose_from_module(PyModule_GetDict(module), object, value) : NULL;
    }
    return chosen;
}

/* Other functions may have set it: of the modules near the object, or near what runs. */
static PyObject *
choose_from_strangers(PyObject *object, PyObject *value)
{
    PyObject *chosen = choose_from_modules(Py_TYPE(object), object, value);
    chosen = chosen != NULL ? chosen : choose_from_modules(Py_TYPE(value), object, value);
    return chosen != NULL ? chosen : choose_from_frames(choose_from_globals, MOST_OF_FRAMES, object, value);
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
        PyObject *chosen = found != NULL ? choose(&found->set, object, value) : NULL;
        if (chosen != NULL) {
            return chosen;
        }
    }
    PyObject *chosen = choose_from_frames(choose_from_code, MOST_FRAMES, object, value);
    class_names *own = names_of(Py_TYPE(object));
    if (chosen == NULL && own != NULL && own->misses < MOST_MISSES) {
        chosen = choose_from_strangers(object, value);
        own->misses += chosen == NULL;
    }
    if (chosen != NULL && own != NULL) {
        add_name(&own->set, chosen);        /* the next one of its class has it, too */
    }
    return chosen;
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
