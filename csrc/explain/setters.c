/* setters.c - see setters.h. Code is read, never run: stores to an attribute, and names among its constants, as
 * setattr() and items of an instance's __dict__ need them. */
#include "explain/setters.h"

#include "base/array.h"
#include "base/attributes.h"
#include "base/code.h"
#include "base/describe.h"
#include "base/frames.h"

/* -- attributes ----------------------------------------------------------------------------------- */

Py_ssize_t
yagot_index_of(PyObject *tuple, PyObject *name)
{
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    for (Py_ssize_t i = 0; PyTuple_Check(tuple) && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        if (PyUnicode_CheckExact(item) && PyUnicode_GET_LENGTH(item) == length && PyUnicode_Compare(item, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* What code does with an attribute. SETS: also by a name that is a constant of it. HANDS_OUT: reads it from the first
 * parameter, as a value. */
typedef enum { MENTIONS, SETS, HANDS_OUT } deed;

/* Visits stores: is it to the name with the wanted index? */
static int
is_store(Py_ssize_t index, void *wanted)
{
    return index == *(Py_ssize_t *)wanted;
}

static bool
code_concerns(PyCodeObject *code, PyObject *name, deed wanted, PyObject *parameter)
{
    Py_ssize_t index = yagot_index_of(code->co_names, name);
    if (wanted == HANDS_OUT) {
        return index >= 0 && parameter != NULL && yagot_hands_out(code, parameter, index);
    }
    return (index >= 0 && (wanted == MENTIONS || yagot_visit_stores(code, is_store, &index) != 0))
           || yagot_index_of(code->co_consts, name) >= 0;
}

/* The name of a function's first parameter; a new reference, or NULL. */
static PyObject *
first_parameter(PyCodeObject *code)
{
    PyObject *names = yagot_variables_of(code);
    bool has = names != NULL && code->co_argcount > 0 && PyTuple_GET_SIZE(names) > 0;
    PyObject *name = has ? Py_NewRef(PyTuple_GET_ITEM(names, 0)) : NULL;
    Py_XDECREF(names);
    return name;
}

/* Adds the functions that some code defines; what does not fit into memory is not looked at. */
static void
add_nested(yagot_objects *codes, PyCodeObject *code)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *item = PyTuple_GET_ITEM(code->co_consts, i);
        if (PyCode_Check(item)) {
            (void)yagot_objects_add(codes, item);
        }
    }
}

/* The same for a function with those that are defined in it. */
static bool
function_concerns(PyObject *function, PyObject *name, deed wanted)
{
    PyCodeObject *code = function != NULL && PyFunction_Check(function) ? yagot_code_of(function) : NULL;
    PyObject *parameter = code != NULL && wanted == HANDS_OUT ? first_parameter(code) : NULL;
    yagot_objects nested = {0};
    bool found = false;
    for (size_t i = 0; code != NULL && !found; i++) {
        found = code_concerns(code, name, wanted, parameter);
        add_nested(&nested, code);
        code = i < nested.count ? (PyCodeObject *)nested.items[i] : NULL;
    }
    yagot_objects_fini(&nested);
    Py_XDECREF(parameter);
    return found;
}

/* The same for what a class has: a method, or what wraps functions. */
static bool
concerns(PyObject *value, PyObject *name, deed wanted)
{
    static const char *const parts_of_method[] = {"__func__", NULL};
    static const char *const parts_of_property[] = {"fget", "fset", "fdel", NULL};
    const char *const *parts = Py_IS_TYPE(value, &PyProperty_Type) ? parts_of_property
        : Py_IS_TYPE(value, &PyClassMethod_Type) || Py_IS_TYPE(value, &PyStaticMethod_Type) ? parts_of_method : NULL;
    bool found = function_concerns(value, name, wanted);
    for (; parts != NULL && *parts != NULL && !found; parts++) {
        PyObject *part = yagot_get_attribute(value, *parts);
        found = function_concerns(part, name, wanted);
        Py_XDECREF(part);
    }
    PyErr_Clear();
    return found;
}

static bool
methods_concern(PyTypeObject *type, PyObject *name, deed wanted)
{
    PyObject *dict = yagot_type_dict(type), *key, *value;
    Py_ssize_t position = 0;
    while (dict != NULL && PyDict_Next(dict, &position, &key, &value)) {
        if (concerns(value, name, wanted)) {
            return true;
        }
    }
    return false;
}

static bool
class_concerns(PyTypeObject *type, PyObject *name, deed wanted)
{
    PyObject *dict = yagot_type_dict(type);
    return dict != NULL && (PyDict_GetItem(dict, name) != NULL || methods_concern(type, name, wanted));
}

bool
yagot_methods_set(PyTypeObject *type, PyObject *name)
{
    return methods_concern(type, name, SETS);
}

bool
yagot_methods_hand_out(PyTypeObject *type, PyObject *name)
{
    return methods_concern(type, name, HANDS_OUT);
}

PyTypeObject *
yagot_class_with(PyTypeObject *type, PyObject *name, bool set)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        if (PyType_Check(base) && yagot_is_python_class((PyTypeObject *)base)
            && class_concerns((PyTypeObject *)base, name, set ? SETS : MENTIONS)) {
            return (PyTypeObject *)base;
        }
    }
    return NULL;
}

PyTypeObject *
yagot_storing_descriptor(PyTypeObject *type, PyObject *name)
{
    PyTypeObject *found = NULL;
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        PyObject *dict = PyType_Check(base) ? yagot_type_dict(base) : NULL;
        PyObject *value = dict != NULL ? PyDict_GetItem(dict, name) : NULL;
        if (dict != NULL && yagot_is_python_class(base) && yagot_methods_set(base, name)) {
            return NULL;
        }
        if (found == NULL && value != NULL && Py_TYPE(value)->tp_descr_set != NULL
            && yagot_is_python_class(Py_TYPE(value))) {
            found = Py_TYPE(value);
        }
    }
    return found;
}

PyTypeObject *
yagot_class_on_cycle(const yagot_cycle *cycle, PyObject *name)
{
    PyTypeObject *found = NULL;
    for (uint32_t i = 0; i < cycle->count && found == NULL; i++) {
        found = yagot_class_with(Py_TYPE(cycle->steps[i].head), name, true);
    }
    return found;
}

/* -- modules near the cycle ------------------------------------------------------------------------ */

enum { MOST_MODULES = 32 };

/* A search for the module that has a function, or a class with a method, that sets an attribute. */
typedef struct {
    PyObject *name;                     /* borrowed: the attribute's */
    PyObject *seen[MOST_MODULES];       /* borrowed: names of modules */
    size_t count;
    PyObject *module, *callable;        /* borrowed; see yagot_setter */
} setter_search;

typedef struct {
    PyObject *name;
    bool found;
} function_search;

static int
visit_function(PyObject *referent, void *arg)
{
    function_search *s = arg;
    s->found = s->found || concerns(referent, s->name, SETS);
    return 0;
}

/* Does what a module has set the attribute: a function, also one that something wraps, or a class of its own? */
static bool
value_sets(PyObject *value, PyObject *module, PyObject *name)
{
    if (PyType_Check(value)) {
        return yagot_is_class_of((PyTypeObject *)value, module) && methods_concern((PyTypeObject *)value, name, SETS);
    }
    function_search s = {name, concerns(value, name, SETS)};
    if (!s.found && !PyModule_Check(value) && !yagot_is_plain_container(value)) {
        PyObject *dict = PyFunction_Check(value) ? ((PyFunctionObject *)value)->func_dict : yagot_existing_dict(value);
        PyObject *key, *item;
        Py_ssize_t position = 0;
        yagot_traverse(value, visit_function, &s);
        while (!s.found && dict != NULL && PyDict_Next(dict, &position, &key, &item)) {
            s.found = concerns(item, name, SETS);
        }
    }
    return s.found;
}

static bool
module_sets(PyObject *module, PyObject *name)
{
    PyObject *imported = PyDict_GetItem(PyImport_GetModuleDict(), module), *key, *value;
    PyObject *dict = imported != NULL && PyModule_Check(imported) ? PyModule_GetDict(imported) : NULL;
    Py_ssize_t position = 0;
    while (dict != NULL && PyDict_Next(dict, &position, &key, &value)) {
        if (value_sets(value, module, name)) {
            return true;
        }
    }
    return false;
}

static void
look_at_module(setter_search *s, PyObject *module)
{
    bool new = s->module == NULL && module != NULL && PyUnicode_CheckExact(module) && s->count < MOST_MODULES;
    for (size_t i = 0; i < s->count && new; i++) {
        new = s->seen[i] != module;
    }
    if (new) {
        s->seen[s->count++] = module;
        s->module = module_sets(module, s->name) ? module : NULL;
    }
}

/* Looks at the modules of a type and its bases. */
static void
look_at_type(setter_search *s, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (PyType_Check(base) && yagot_is_python_class(base)) {
            look_at_module(s, yagot_class_module(base));
        }
    }
}

/* Looks at the module of a function or method, with the classes of its object. */
static int
look_at_callable(PyObject *object, void *arg)
{
    setter_search *s = arg;
    PyObject *function = PyMethod_Check(object) ? PyMethod_GET_FUNCTION(object) : object;
    if (PyMethod_Check(object)) {
        look_at_type(s, Py_TYPE(PyMethod_GET_SELF(object)));
    }
    if (PyFunction_Check(function)) {
        PyObject *module = PyDict_GetItemString(((PyFunctionObject *)function)->func_globals, "__name__");
        s->callable = s->callable != NULL || module == NULL || !PyUnicode_CheckExact(module) ? s->callable : module;
        look_at_module(s, module);
    }
    return 0;
}

/* Looks at the modules of an object on the cycle: of its class if it was made by a class statement, else of the
 * functions that it has, as functools.partial does. */
static void
look_at(setter_search *s, PyObject *object)
{
    if (PyMethod_Check(object) || PyFunction_Check(object)) {
        (void)look_at_callable(object, s);
    }
    else if (yagot_is_python_class(Py_TYPE(object))) {
        look_at_type(s, Py_TYPE(object));
    }
    else if (yagot_has_code(object)) {
        PyObject *globals = yagot_globals_of(object);
        look_at_module(s, globals != NULL && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__") : NULL);
        Py_XDECREF(globals);
    }
    else if (!PyType_Check(object) && !yagot_is_plain_container(object)) {
        yagot_traverse(object, look_at_callable, s);
    }
}

bool
yagot_project_sets(PyObject *modules, PyObject *name)
{
    PyObject *module, *value;
    Py_ssize_t position = 0;
    while (modules != NULL && PyDict_Next(modules, &position, &module, &value)) {
        if (PyLong_Check(value) && PyLong_AsLong(value) == 0 && module_sets(module, name)) {
            return true;
        }
    }
    return false;
}

yagot_setter
yagot_find_setter(PyTypeObject *type, PyObject *name, const yagot_cycle *cycle)
{
    setter_search s = {.name = name};
    look_at_type(&s, type);
    bool own = s.module != NULL;
    for (uint32_t i = 0; i < cycle->count && s.module == NULL; i++) {
        look_at(&s, cycle->steps[i].head);
    }
    return (yagot_setter){s.module, s.callable, own};
}
