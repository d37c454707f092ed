/* makers.c - see makers.h.
 *
 * Variables are the work of their function, but for parameters where an exception has passed through. An attribute is
 * the work of the class whose methods set it, be it that of another object on the cycle: a project's subclass is not to
 * blame for what its base class keeps, but for a method of its own that it has handed out. If no class sets it, it is
 * the work of the module near the cycle that has a function for it, as of a library that adds attributes to other
 * people's objects. Items and the fields of C types say nothing; what a C type refers to without any name, or keeps by
 * its address in a dict of its own, is its own work.
 */
#include "explain/makers.h"

#include "base/code.h"
#include "base/describe.h"
#include "base/frames.h"
#include "explain/general.h"
#include "explain/setters.h"
#include "explain/steps.h"

#include <string.h>
#include <structmember.h>

typedef enum { NOBODY, OTHERS, PROJECT } whose;

static const char AT_RUN_TIME[] = "<made at run time>";

/* -- modules -------------------------------------------------------------------------------------- */

/* What is known of a module, else of the package that it is in; borrowed, or NULL. */
static PyObject *
value_of_module(PyObject *modules, PyObject *name)
{
    PyObject *value = PyDict_GetItem(modules, name), *package = Py_NewRef(name);
    Py_ssize_t end = PyUnicode_GET_LENGTH(name);
    while (value == NULL && package != NULL && end > 0) {
        end = PyUnicode_FindChar(package, '.', 0, end, -1);
        Py_DECREF(package);
        package = end > 0 ? PyUnicode_Substring(name, 0, end) : NULL;
        value = package != NULL ? PyDict_GetItem(modules, package) : NULL;
    }
    Py_XDECREF(package);
    PyErr_Clear();
    return value;
}

static whose
whose_module(PyObject *modules, PyObject *name, bool from_c)
{
    if (name == NULL || !PyUnicode_CheckExact(name) || PyUnicode_CompareWithASCIIString(name, "builtins") == 0) {
        return NOBODY;
    }
    PyObject *value = modules != NULL ? value_of_module(modules, name) : NULL;
    long number = value != NULL && PyLong_Check(value) ? PyLong_AsLong(value) : 0;
    /* what Python's own C types refer to, somebody else has put there */
    return number == 0 ? PROJECT : number == 1 && from_c ? NOBODY : OTHERS;
}

/* The module that a class is from; a new reference, or NULL. */
static PyObject *
module_of_type(PyTypeObject *type)
{
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        return Py_XNewRef(yagot_class_module(type));
    }
    const char *dot = strrchr(type->tp_name, '.');
    PyObject *name = dot != NULL ? PyUnicode_DecodeUTF8(type->tp_name, dot - type->tp_name, "replace") : NULL;
    PyErr_Clear();
    return name;
}

/* -- steps ---------------------------------------------------------------------------------------- */

typedef struct {
    whose whose;
    PyObject *module;           /* owned, or NULL */
    PyTypeObject *declares;     /* borrowed: the class whose methods set the attribute, or NULL */
    bool at_run_time;           /* code that was made then */
    bool any_name;              /* the attribute's name is data */
    bool passing;               /* modules were searched, which may have other functions later */
} maker;

/* The name of the imported module whose file the code says that it is in; borrowed, or NULL. */
static PyObject *
module_of_file(PyObject *object)
{
    PyCodeObject *code = yagot_code_of(object);
    PyObject *module, *name;
    Py_ssize_t position = 0;
    while (code != NULL && PyDict_Next(PyImport_GetModuleDict(), &position, &name, &module)) {
        PyObject *dict = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
        PyObject *file = dict != NULL ? PyDict_GetItemString(dict, "__file__") : NULL;
        if (file != NULL && PyUnicode_Check(file) && PyUnicode_Compare(file, code->co_filename) == 0) {
            return name;
        }
    }
    return NULL;
}

/* Whose is a function, frame or generator? If it was made at run time, as templates are, in no module that was imported
 * and in no file of Python's, or in one that is another module (Hypothesis puts its functions there), its names are
 * data; and it is nobody's unless its module is known. So are the methods that namedtuple() makes. A generator that was
 * closed before it began has no frame any more that would lead to its module: it is that of its file. */
static maker
maker_of_code(PyObject *modules, PyObject *object)
{
    PyObject *globals = yagot_globals_of(object), *imported = PyImport_GetModuleDict();
    PyObject *name = globals != NULL && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__")
                     : globals == NULL ? module_of_file(object) : NULL;
    PyObject *module = name != NULL && PyUnicode_CheckExact(name) ? PyDict_GetItem(imported, name) : NULL;
    bool is_imported = module != NULL
                       && (!PyModule_Check(module) || globals == NULL || PyModule_GetDict(module) == globals);
    bool known = name != NULL && modules != NULL && PyDict_GetItem(modules, name) != NULL;
    maker m = {.module = Py_XNewRef(name)};
    m.at_run_time = !is_imported && (yagot_is_generated(object) || module_of_file(object) != NULL);
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

/* Whose is an attribute that no class on the cycle knows of? That of a module near it that sets it; or of the function
 * that is kept under a name of which nobody knows, as it was made from data; else the type's own. Where the project's
 * code may have done so, too, it is the type's. */
static maker
maker_of_strangers(PyObject *modules, PyTypeObject *type, PyObject *name, const yagot_cycle *cycle)
{
    yagot_setter setter = yagot_find_setter(type, name, cycle);
    PyObject *module = setter.module != NULL ? setter.module : setter.callable;
    maker m = maker_of_type(modules, type);
    m.declares = yagot_named_class(type);
    m.passing = true;
    if (module == NULL) {
        return m;
    }
    maker other = {.whose = whose_module(modules, module, false), .module = Py_NewRef(module), .passing = true};
    other.any_name = setter.module == NULL;
    other.declares = setter.own ? m.declares : &PyBaseObject_Type;
    bool contested = other.any_name || (other.whose != PROJECT && m.whose == PROJECT);
    bool projects = contested && yagot_project_sets(modules, name);
    Py_XDECREF(projects ? other.module : m.module);
    return projects ? m : other;
}

static maker
maker_of_attribute(PyObject *modules, PyTypeObject *type, PyObject *name, const yagot_cycle *cycle)
{
    PyTypeObject *found = yagot_class_with(type, name, true);
    found = found != NULL ? found : yagot_class_with(type, name, false);
    if (found != NULL) {
        PyTypeObject *descriptor = yagot_storing_descriptor(type, name);
        maker m = maker_of_type(modules, descriptor != NULL ? descriptor : found);
        m.declares = yagot_methods_set(found, name) ? found : yagot_named_class(found);
        return m;
    }
    const char *text = PyUnicode_AsUTF8(name);
    bool is_of_c = !yagot_is_python_class(type) && text != NULL && yagot_type_lookup(type, text) != NULL;
    found = is_of_c ? NULL : yagot_class_on_cycle(cycle, name);
    if (found == NULL) {
        return yagot_is_python_class(type) ? maker_of_strangers(modules, type, name, cycle)
            : maker_of_type(modules, type);
    }
    maker m = maker_of_type(modules, found);
    m.declares = &PyBaseObject_Type;
    return m;
}

/* The C type that keeps the next object by its address, in a dict that no Python code replaces; NULL if none does. */
static PyTypeObject *
keeps_by_address(PyTypeObject *type, const yagot_step *step, const yagot_cycle *cycle)
{
    const yagot_edge *field = &step->edges[0], *item = &step->edges[1];
    if (step->edge_count != 2 || field->kind != YAGOT_EDGE_ATTRIBUTE || item->kind != YAGOT_EDGE_ITEM) {
        return NULL;
    }
    char name[64], address[32];
    int size = (int)(field->end - field->start);
    PyOS_snprintf(name, sizeof name, "%.*s", size, step->path + field->start);
    PyObject *descriptor = yagot_type_lookup(type, name);
    if (descriptor == NULL || !Py_IS_TYPE(descriptor, &PyMemberDescr_Type)
        || !(((PyMemberDescrObject *)descriptor)->d_member->flags & READONLY)) {
        return NULL;
    }
    const yagot_step *next = &cycle->steps[(uint32_t)(step - cycle->steps + 1) % cycle->count];
    PyOS_snprintf(address, sizeof address, "%zu", (size_t)next->head);
    bool same = strlen(address) == item->end - item->start
                && memcmp(step->path + item->start, address, strlen(address)) == 0;
    return same ? PyDescr_TYPE(descriptor) : NULL;
}

static maker
maker_of_instance(PyObject *modules, PyTypeObject *type, const yagot_step *step, const yagot_cycle *cycle)
{
    yagot_edge_kind kind = step->edge_count > 0 ? step->edges[0].kind : YAGOT_EDGE_UNKNOWN;
    PyTypeObject *keeper = keeps_by_address(type, step, cycle);
    if (keeper != NULL) {
        maker m = maker_of_type(modules, keeper);
        m.whose = whose_module(modules, m.module, false);
        return m;
    }
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
        m.declares = kind == YAGOT_EDGE_UNKNOWN || !yagot_is_python_class(type) ? NULL : yagot_named_class(type);
        return m;
    }
    const yagot_edge *edge = &step->edges[0];
    PyObject *name = PyUnicode_DecodeUTF8(step->path + edge->start, edge->end - edge->start, "replace");
    maker m = name != NULL ? maker_of_attribute(modules, type, name, cycle) : maker_of_type(modules, type);
    Py_XDECREF(name);
    PyErr_Clear();
    return m;
}

/* Is the reference of a frame one of the function's parameters, as it was called with? */
static bool
is_parameter(const yagot_step *step)
{
    const yagot_edge *edge = &step->edges[0];
    PyCodeObject *code = step->edge_count > 0 && edge->kind == YAGOT_EDGE_LOCAL ? yagot_code_of(step->head) : NULL;
    if (code == NULL) {
        return false;
    }
    PyObject *names = yagot_variables_of(code);
    PyObject *name = PyUnicode_DecodeUTF8(step->path + edge->start, edge->end - edge->start, "replace");
    int count = code->co_argcount + code->co_kwonlyargcount;
    Py_ssize_t index = names != NULL && name != NULL ? yagot_index_of(names, name) : -1;
    Py_XDECREF(name);
    Py_XDECREF(names);
    PyErr_Clear();
    return index >= 0 && index < count && !yagot_binds_variable(code, index);
}

/* Has a function raised the exception that it was called with? */
static bool
raises_parameter(const yagot_step *step, PyObject *traceback, PyObject *next)
{
    return PyExceptionInstance_Check(next) && step->edge_count == 1
           && yagot_was_left_by_raise((PyTracebackObject *)traceback);
}

/* Has an exception passed through a frame, to be caught by a caller? Then the frame's parameters are no work of the
 * function: it was called with them, and somebody else keeps the exception. */
static bool
is_passed_through(const yagot_step *step, const yagot_cycle *cycle)
{
    uint32_t index = (uint32_t)(step - cycle->steps), count = cycle->count;
    PyObject *traceback = cycle->steps[(index + count - 1) % count].head;
    return count > 3 && PyFrame_Check(step->head) && PyTraceBack_Check(traceback)
           && PyTraceBack_Check(cycle->steps[(index + count - 2) % count].head) && is_parameter(step)
           && !raises_parameter(step, traceback, cycle->steps[(index + 1) % count].head);
}

static maker
maker_of(PyObject *modules, const yagot_step *step, const yagot_cycle *cycle)
{
    PyObject *head = step->head;
    if (yagot_has_code(head)) {
        maker m = maker_of_code(modules, head);
        bool back = PyFrame_Check(head) && step->edge_count > 0 && step->edges[0].kind == YAGOT_EDGE_FIELD;
        m.whose = back || is_passed_through(step, cycle) ? NOBODY : m.whose;
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
    step->abstract = yagot_step_in_general(step, before, m.declares, m.at_run_time ? AT_RUN_TIME : NULL, m.any_name);
    cycle->projects |= m.whose == PROJECT;
    cycle->passing |= m.passing;
    Py_XDECREF(m.module);
    return step->maker != NULL && step->abstract != NULL ? 0 : -1;
}

/* Has a method of the project's handed out this bound method, as super().__init__(target=self.work) does? It has if no
 * class of others knows the name, and a method of the project's reads it from its instance as a value. */
static bool
is_handed_out(PyObject *modules, PyObject *method)
{
    PyObject *function = PyMethod_GET_FUNCTION(method), *mro = Py_TYPE(PyMethod_GET_SELF(method))->tp_mro;
    PyObject *name = PyFunction_Check(function) ? ((PyFunctionObject *)function)->func_name : NULL;
    bool found = false;
    for (Py_ssize_t i = 0; name != NULL && mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        PyObject *dict = yagot_type_dict(base);
        maker m = maker_of_type(modules, base);
        Py_XDECREF(m.module);
        if (m.whose != PROJECT && dict != NULL && PyDict_GetItem(dict, name) != NULL) {
            return false;
        }
        found = found || (m.whose == PROJECT && yagot_methods_hand_out(base, name));
    }
    return found;
}

/* Where nobody of the project's seems to have made any reference: the maker of a bound method that was handed out. */
static int
find_handing_out(PyObject *modules, yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->count && !cycle->projects; i++) {
        yagot_step *step = &cycle->steps[i];
        if (!PyMethod_Check(step->head) || !is_handed_out(modules, step->head)) {
            continue;
        }
        yagot_text text = {0};
        maker m = maker_of_code(modules, PyMethod_GET_FUNCTION(step->head));
        yagot_text_add_str(&text, m.module, YAGOT_NAME_LIMIT);
        Py_XDECREF(m.module);
        PyMem_RawFree(step->maker);
        step->maker = yagot_text_take(&text);
        cycle->projects = true;
        cycle->passing = true;          /* another class of this name may have other methods */
        if (step->maker == NULL) {
            return -1;
        }
    }
    return 0;
}

int
yagot_find_makers(PyObject *modules, yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->count; i++) {
        if (cycle->steps[i].maker == NULL && find_maker(modules, cycle, i) < 0) {
            return -1;
        }
    }
    if (find_handing_out(modules, cycle) < 0) {
        return -1;
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

enum { BITS_OF_BASE = 3, MOST_BASES = 10 };

uint32_t
yagot_whose_classes(PyObject *modules, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    Py_ssize_t size = mro != NULL ? PyTuple_GET_SIZE(mro) : 0;
    uint32_t number = 0;
    for (Py_ssize_t i = 0; i < size && size <= MOST_BASES; i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        PyObject *module = PyType_Check(base) ? module_of_type((PyTypeObject *)base) : NULL;
        bool named = PyType_Check(base) && yagot_is_python_class((PyTypeObject *)base)
                     && yagot_is_named((PyTypeObject *)base);
        number = number << BITS_OF_BASE | (uint32_t)whose_module(modules, module, false) << 1 | named;
        Py_XDECREF(module);
    }
    return size <= MOST_BASES ? number : YAGOT_NONE;
}

uint32_t
yagot_whose_code(PyObject *modules, PyObject *object)
{
    maker m = maker_of_code(modules, object);
    Py_XDECREF(m.module);
    return (uint32_t)m.whose << 2 | (uint32_t)m.at_run_time << 1 | yagot_is_generated(object);
}
