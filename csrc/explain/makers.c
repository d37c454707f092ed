/* makers.c - see makers.h.
 *
 * Variables are the work of their function. An attribute is the work of the class whose methods set it, be it that of
 * another object on the cycle: a project's subclass is not to blame for what its base class keeps. Items and the fields
 * of C types say nothing; what a C type refers to without any name is its own work.
 *
 * A cause in general names that class, too: all subclasses share it, whatever they are called.
 */
#include "explain/makers.h"

#include "base/attributes.h"
#include "base/describe.h"
#include "base/frames.h"
#include "explain/steps.h"

#include <string.h>

typedef enum { NOBODY, OTHERS, PROJECT } whose;

static const char AT_RUN_TIME[] = "<made at run time>";

/* -- modules -------------------------------------------------------------------------------------- */

static whose
whose_module(PyObject *modules, PyObject *name, bool from_c)
{
    if (name == NULL || !PyUnicode_CheckExact(name) || PyUnicode_CompareWithASCIIString(name, "builtins") == 0) {
        return NOBODY;
    }
    PyObject *value = modules != NULL ? PyDict_GetItem(modules, name) : NULL;
    long number = value != NULL && PyLong_Check(value) ? PyLong_AsLong(value) : 0;
    /* what Python's own C types refer to, somebody else has put there */
    return number == 0 ? PROJECT : number == 1 && from_c ? NOBODY : OTHERS;
}

/* The module that a class is from; a new reference, or NULL. */
static PyObject *
module_of_type(PyTypeObject *type)
{
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        PyObject *dict = yagot_type_dict(type);
        return Py_XNewRef(dict != NULL ? PyDict_GetItemString(dict, "__module__") : NULL);
    }
    const char *dot = strrchr(type->tp_name, '.');
    PyObject *name = dot != NULL ? PyUnicode_DecodeUTF8(type->tp_name, dot - type->tp_name, "replace") : NULL;
    PyErr_Clear();
    return name;
}

/* The globals of a function, frame or generator; a new reference, or NULL. */
static PyObject *
globals_of(PyObject *object)
{
    PyObject *globals = NULL, *frame = yagot_is_generator(object) ? yagot_suspended_frame(object) : NULL;
    if (PyFunction_Check(object)) {
        globals = Py_XNewRef(((PyFunctionObject *)object)->func_globals);
    }
    else if (PyFrame_Check(object) || frame != NULL) {
        globals = yagot_frame_globals((PyFrameObject *)(frame != NULL ? frame : object));
    }
    Py_XDECREF(frame);
    return globals;
}

/* -- attributes ----------------------------------------------------------------------------------- */

static Py_ssize_t
index_of(PyObject *tuple, PyObject *name)
{
    for (Py_ssize_t i = 0; PyTuple_Check(tuple) && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        if (PyUnicode_CheckExact(item) && PyUnicode_Compare(item, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Visits stores: is it to the name with the wanted index? */
static int
is_store(Py_ssize_t index, void *wanted)
{
    return index == *(Py_ssize_t *)wanted;
}

/* Does a function set the attribute, also as an item of an instance's __dict__; or mention it at least? */
static bool
function_concerns(PyObject *function, PyObject *name, bool set)
{
    PyCodeObject *code = function != NULL && PyFunction_Check(function) ? yagot_code_of(function) : NULL;
    if (code == NULL) {
        return false;
    }
    Py_ssize_t index = index_of(code->co_names, name);
    return (index >= 0 && (!set || yagot_visit_stores(code, is_store, &index) != 0))
           || index_of(code->co_consts, name) >= 0;
}

/* The same for what a class has: a method, or what wraps functions. */
static bool
concerns(PyObject *value, PyObject *name, bool set)
{
    static const char *const parts_of_method[] = {"__func__", NULL};
    static const char *const parts_of_property[] = {"fget", "fset", "fdel", NULL};
    const char *const *parts = Py_IS_TYPE(value, &PyProperty_Type) ? parts_of_property
        : Py_IS_TYPE(value, &PyClassMethod_Type) || Py_IS_TYPE(value, &PyStaticMethod_Type) ? parts_of_method : NULL;
    bool found = function_concerns(value, name, set);
    for (; parts != NULL && *parts != NULL && !found; parts++) {
        PyObject *part = yagot_get_attribute(value, *parts);
        found = function_concerns(part, name, set);
        Py_XDECREF(part);
    }
    PyErr_Clear();
    return found;
}

static bool
class_concerns(PyTypeObject *type, PyObject *name, bool set)
{
    PyObject *dict = yagot_type_dict(type), *key, *value;
    Py_ssize_t position = 0;
    if (dict == NULL || PyDict_GetItem(dict, name) != NULL) {
        return dict != NULL;
    }
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (concerns(value, name, set)) {
            return true;
        }
    }
    return false;
}

/* The first class along the MRO whose methods set the attribute, or mention it; NULL if none does. Borrowed. */
static PyTypeObject *
class_with(PyTypeObject *type, PyObject *name, bool set)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        if (PyType_Check(base) && yagot_is_python_class((PyTypeObject *)base)
            && class_concerns((PyTypeObject *)base, name, set)) {
            return (PyTypeObject *)base;
        }
    }
    return NULL;
}

/* The class of another object on the cycle that sets the attribute: of what it adds to itself, as a container does. */
static PyTypeObject *
class_on_cycle(const yagot_cycle *cycle, PyObject *name)
{
    PyTypeObject *found = NULL;
    for (uint32_t i = 0; i < cycle->count && found == NULL; i++) {
        found = class_with(Py_TYPE(cycle->steps[i].head), name, true);
    }
    return found;
}

/* -- steps ---------------------------------------------------------------------------------------- */

typedef struct {
    whose whose;
    PyObject *module;           /* owned, or NULL */
    PyTypeObject *declares;     /* borrowed: the class whose methods set the attribute, or NULL */
    bool at_run_time;           /* code that was made then */
} maker;

/* Is the file of some code no file of Python's? */
static bool
is_generated(PyObject *object)
{
    PyCodeObject *code = yagot_code_of(object);
    PyObject *file = code != NULL ? code->co_filename : NULL;
    Py_ssize_t size = file != NULL ? PyUnicode_GET_LENGTH(file) : 0;
    return file != NULL && !(size > 3 && PyUnicode_READ_CHAR(file, size - 3) == '.'
                             && PyUnicode_READ_CHAR(file, size - 2) == 'p'
                             && PyUnicode_READ_CHAR(file, size - 1) == 'y');
}

/* Whose is a function, frame or generator? If it was made at run time, as templates are, in no file of Python's and in
 * no module that was imported, its names are data; and it is nobody's unless its module is known. So are the methods
 * that namedtuple() makes. */
static maker
maker_of_code(PyObject *modules, PyObject *object)
{
    PyObject *globals = globals_of(object), *imported = PyImport_GetModuleDict();
    PyObject *name = globals != NULL && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    PyObject *module = name != NULL && PyUnicode_CheckExact(name) ? PyDict_GetItem(imported, name) : NULL;
    bool is_imported = module != NULL && (!PyModule_Check(module) || PyModule_GetDict(module) == globals);
    bool known = name != NULL && modules != NULL && PyDict_GetItem(modules, name) != NULL;
    maker m = {.module = Py_XNewRef(name), .at_run_time = !is_imported && is_generated(object)};
    m.whose = m.at_run_time && !known ? NOBODY : whose_module(modules, name, false);
    Py_XDECREF(globals);
    return m;
}

static maker
maker_of_type(PyObject *modules, PyTypeObject *type)
{
    maker m = {.module = module_of_type(type), .declares = type};
    m.whose = whose_module(modules, m.module, !yagot_is_python_class(type));
    return m;
}

static maker
maker_of_attribute(PyObject *modules, PyTypeObject *type, PyObject *name, const yagot_cycle *cycle)
{
    PyTypeObject *found = class_with(type, name, true);
    found = found != NULL ? found : class_with(type, name, false);
    if (found != NULL) {
        return maker_of_type(modules, found);
    }
    found = class_on_cycle(cycle, name);
    maker m = maker_of_type(modules, found != NULL ? found : type);
    m.declares = type;
    return m;
}

static maker
maker_of_instance(PyObject *modules, PyTypeObject *type, const yagot_step *step, const yagot_cycle *cycle)
{
    yagot_edge_kind kind = step->edge_count > 0 ? step->edges[0].kind : YAGOT_EDGE_UNKNOWN;
    if (kind == YAGOT_EDGE_FIELD) {
        PyTypeObject *root = PyExceptionInstance_Check(step->head) ? (PyTypeObject *)PyExc_BaseException : NULL;
        return (maker){.whose = NOBODY, .declares = root};
    }
    if (kind != YAGOT_EDGE_ATTRIBUTE) {
        maker m = maker_of_type(modules, type);
        if (kind == YAGOT_EDGE_UNKNOWN) {
            m.whose = whose_module(modules, m.module, false);   /* no name to put it there by: the type's own work */
        }
        if (m.whose == OTHERS && kind != YAGOT_EDGE_UNKNOWN && yagot_is_python_class(type)) {
            m.whose = NOBODY;   /* anybody can put an item into a container */
        }
        m.declares = NULL;
        return m;
    }
    const yagot_edge *edge = &step->edges[0];
    PyObject *name = PyUnicode_DecodeUTF8(step->path + edge->start, edge->end - edge->start, "replace");
    maker m = name != NULL ? maker_of_attribute(modules, type, name, cycle) : maker_of_type(modules, type);
    Py_XDECREF(name);
    PyErr_Clear();
    return m;
}

static maker
maker_of(PyObject *modules, const yagot_step *step, const yagot_cycle *cycle)
{
    PyObject *head = step->head;
    if (yagot_has_code(head)) {
        maker m = maker_of_code(modules, head);
        bool back = PyFrame_Check(head) && step->edge_count > 0 && step->edges[0].kind == YAGOT_EDGE_FIELD;
        m.whose = back ? NOBODY : m.whose;
        return m;
    }
    if (PyType_Check(head)) {
        maker m = maker_of_type(modules, (PyTypeObject *)head);
        m.declares = NULL;
        return m;
    }
    if (PyMethod_Check(head) || PyCFunction_Check(head) || PyModule_Check(head) || yagot_is_plain_container(head)) {
        return (maker){.whose = NOBODY};
    }
    return maker_of_instance(modules, Py_TYPE(head), step, cycle);
}

/* Appends a name without a number at its end: of "Shape_12" and "Shape_13", what they have in common. */
static void
add_unnumbered(yagot_text *text, const char *name, size_t size)
{
    size_t end = size;
    while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9') {
        end--;
    }
    bool numbered = end < size && end > 1 && name[end - 1] == '_' && name[end - 2] != '_' && name[end - 2] != '.';
    yagot_text_add_bytes(text, name, numbered ? end : size);
    yagot_text_add(text, numbered ? "\xE2\x80\xA6" : "");
}

/* Appends a path without keys and numbers: they are data, if they follow a name; so are variables of code that was made
 * at run time. */
static void
add_abstract_path(yagot_text *text, const char *path, bool keep_key, bool keep_variables)
{
    while (*path != '\0') {
        size_t size = 1 + strcspn(path + 1, ".[ ");
        bool variable = path[0] == ' ' && (path[1] == '\'' || path[1] == '(');
        if (path[0] == '[') {
            yagot_text_add_bytes(text, path, keep_key ? size : 1);
            yagot_text_add(text, keep_key ? "" : "]");
        }
        else if (path[0] == '.') {
            add_unnumbered(text, path, size);
        }
        else if (!variable || keep_variables) {
            yagot_text_add_bytes(text, path, size);
        }
        keep_key = false;
        path += size;
    }
}

/* Appends the class at the root of a class's bases that are made by class statements. */
static void
add_root(yagot_text *text, PyTypeObject *type)
{
    while (type->tp_base != NULL && yagot_is_python_class(type->tp_base)) {
        type = type->tp_base;
    }
    yagot_text_add_str(text, ((PyHeapTypeObject *)type)->ht_name, YAGOT_NAME_LIMIT);
}

/* Is it a method of a Python class, as one of several items? Which one it is, is data as much as its key. */
static bool
is_one_of_methods(const yagot_step *step, const yagot_step *before)
{
    size_t size = strlen(before->general);
    return PyMethod_Check(step->head) && size > 0 && before->general[size - 1] == ']'
           && yagot_is_python_class(Py_TYPE(PyMethod_GET_SELF(step->head)));
}

/* The step in general: of an attribute, the class that sets it instead of the object's. */
static char *
abstract(const yagot_step *step, const yagot_step *before, const maker *m)
{
    yagot_text text = {0}, name = {0};
    const char *object = step->object;
    if (m->declares != NULL) {
        yagot_add_type_name(&name, m->declares);
        object = yagot_text_get(&name);
        add_unnumbered(&text, object, strlen(object));
    }
    else if (is_one_of_methods(step, before)) {
        yagot_text_add(&text, "method ");
        add_root(&text, Py_TYPE(PyMethod_GET_SELF(step->head)));
        yagot_text_add(&text, ".\xE2\x80\xA6");
    }
    else if (m->at_run_time) {
        bool function = PyFunction_Check(step->head);
        yagot_text_add(&text, function ? "function " : PyFrame_Check(step->head) ? "frame " : "generator ");
        yagot_text_add(&text, AT_RUN_TIME);
    }
    else {
        yagot_text_add(&text, object);
    }
    bool keep_key = yagot_is_plain_container(step->head);
    add_abstract_path(&text, step->general + strlen(step->object), keep_key, !m->at_run_time);
    text.failed |= name.failed;
    yagot_text_fini(&name);
    return yagot_text_take(&text);
}

static int
find_maker(PyObject *modules, yagot_cycle *cycle, uint32_t index)
{
    yagot_step *step = &cycle->steps[index];
    const yagot_step *before = &cycle->steps[(index + cycle->count - 1) % cycle->count];
    yagot_text text = {0};
    maker m = maker_of(modules, step, cycle);
    yagot_text_add_str(&text, m.whose != NOBODY ? m.module : NULL, YAGOT_NAME_LIMIT);
    yagot_text_add(&text, m.whose == NOBODY && m.at_run_time ? AT_RUN_TIME : "");
    step->maker = yagot_text_take(&text);
    step->abstract = abstract(step, before, &m);
    cycle->projects |= m.whose == PROJECT;
    Py_XDECREF(m.module);
    return step->maker != NULL && step->abstract != NULL ? 0 : -1;
}

int
yagot_find_makers(PyObject *modules, yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->count; i++) {
        if (cycle->steps[i].maker == NULL && find_maker(modules, cycle, i) < 0) {
            return -1;
        }
    }
    return cycle->count == 0 || cycle->cause.text != NULL ? 0 : yagot_join_abstract(cycle);
}

static bool
has_project_class(PyObject *modules, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        PyObject *module = PyType_Check(base) ? module_of_type((PyTypeObject *)base) : NULL;
        bool found = whose_module(modules, module, true) == PROJECT;
        Py_XDECREF(module);
        if (found) {
            return true;
        }
    }
    return false;
}

bool
yagot_may_be_projects(PyObject *modules, PyObject *object)
{
    if (yagot_has_code(object)) {
        maker m = maker_of_code(modules, object);
        Py_XDECREF(m.module);
        return m.whose == PROJECT;
    }
    return !PyType_Check(object) && !yagot_is_plain_container(object)
           && has_project_class(modules, Py_TYPE(object));
}
