/* edges.c - see edges.h.
 *
 * A traversal shows that an object refers to another, not how. The name is found by looking where the
 * reference is stored: in items, in fields that the C API makes public, in the members that a type declares
 * (slots too), in the instance's attributes, and through a few getters known to be harmless.
 */
#include "explain/edges.h"

#include "explain/edge_names.h"

#include "base/describe.h"
#include "base/frames.h"

#include <stddef.h>
#include <string.h>

/* structmember.h's names for a member that is an object */
#if PY_VERSION_HEX >= 0x030C0000
#  define MEMBER_OBJECT 6           /* _Py_T_OBJECT */
#  define MEMBER_OBJECT_EX Py_T_OBJECT_EX
#else
#  define MEMBER_OBJECT T_OBJECT
#  define MEMBER_OBJECT_EX T_OBJECT_EX
#endif

/* -- items ---------------------------------------------------------------------------------------- */

static bool
in_dict(yagot_edge_name *name, PyObject *dict, PyObject *to, bool attributes)
{
    PyObject *key, *value, *as_key = NULL;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (value == to && name->skip > 0) {
            name->skip--;
        }
        else if (value == to) {
            return yagot_name_key(name, key, attributes);
        }
        if (key == to) {
            as_key = key;
        }
    }
    return as_key != NULL && yagot_name_role(name, YAGOT_EDGE_KEY, " key");
}

static bool
in_list(yagot_edge_name *name, PyObject *list, PyObject *to)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (PyList_GET_ITEM(list, i) == to) {
            return yagot_name_index(name, i);
        }
    }
    return false;
}

/* The field of a named tuple that an item is, by what namedtuple() puts into the class; NULL if it is none. */
static const char *
named_field(PyObject *tuple, Py_ssize_t index)
{
    PyObject *fields = yagot_type_lookup(Py_TYPE(tuple), "_fields");
    bool named = fields != NULL && PyTuple_CheckExact(fields) && PyTuple_GET_SIZE(fields) == Py_SIZE(tuple);
    PyObject *field = named ? PyTuple_GET_ITEM(fields, index) : NULL;
    const char *text = field != NULL && PyUnicode_CheckExact(field) ? PyUnicode_AsUTF8(field) : NULL;
    PyErr_Clear();
    return text != NULL && yagot_type_lookup(Py_TYPE(tuple), text) != NULL ? text : NULL;
}

/* The same of a struct sequence, whose C type declares members in the places of the items. */
static const char *
declared_field(PyObject *tuple, Py_ssize_t index)
{
    Py_ssize_t offset = (Py_ssize_t)offsetof(PyTupleObject, ob_item) + index * (Py_ssize_t)sizeof(PyObject *);
    for (PyTypeObject *type = Py_TYPE(tuple); type != NULL; type = type->tp_base) {
        for (PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
            if (yagot_is_object_member(m) && m->offset == offset) {
                return m->name;
            }
        }
    }
    return NULL;
}

static bool
in_tuple(yagot_edge_name *name, PyObject *tuple, PyObject *to)
{
    Py_ssize_t i = 0, size = Py_SIZE(tuple);
    while (i < size && PyTuple_GET_ITEM(tuple, i) != to) {
        i++;
    }
    if (i == size) {
        return false;
    }
    const char *field = PyTuple_CheckExact(tuple) ? NULL : named_field(tuple, i);
    field = field == NULL && !PyTuple_CheckExact(tuple) ? declared_field(tuple, i) : field;
    return field != NULL ? yagot_name_item(name, field) : yagot_name_index(name, i);
}

/* Items of a C sequence that is not exposed as an array: deque, ElementTree's elements. They are asked of the C type:
 * its subclasses may have methods of their own. */
enum { MOST_ITEMS = 10000 };     /* the middle of a deque is far from both ends */

static bool
in_sequence(yagot_edge_name *name, PyTypeObject *type, PyObject *sequence, PyObject *to)
{
    PySequenceMethods *methods = type->tp_as_sequence;
    bool is_sequence = methods != NULL && methods->sq_length != NULL && methods->sq_item != NULL;
    Py_ssize_t size = is_sequence ? methods->sq_length(sequence) : 0;
    for (Py_ssize_t i = 0; i < size && i < MOST_ITEMS; i++) {
        PyObject *item = methods->sq_item(sequence, i);
        if (item == NULL) {
            break;
        }
        Py_DECREF(item);
        if (item == to) {
            return yagot_name_index(name, i);
        }
    }
    PyErr_Clear();
    return size > MOST_ITEMS && Py_TYPE(sequence) == type && yagot_name_role(name, YAGOT_EDGE_ITEM, "[]");
}

static bool
in_container(yagot_edge_name *name, PyObject *from, PyObject *to, bool attributes)
{
    if (PyDict_Check(from)) {
        return in_dict(name, from, to, attributes);
    }
    if (PyList_Check(from)) {
        return in_list(name, from, to);
    }
    if (PyTuple_Check(from)) {
        return in_tuple(name, from, to);
    }
    if (PyAnySet_CheckExact(from)) {
        return yagot_name_role(name, YAGOT_EDGE_MEMBER, "{\xE2\x80\xA6}");
    }
    return PyCell_Check(from) && PyCell_GET(from) == to && yagot_name_field(name, ".cell_contents");
}

PyObject *
yagot_closure_variable(PyObject *function, PyObject *closure, PyObject *cell)
{
    if (!PyFunction_Check(function) || PyFunction_GET_CLOSURE(function) != closure || !PyTuple_Check(closure)) {
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *names = PyCode_GetFreevars(yagot_code_of(function));
#else
    PyObject *names = Py_XNewRef(yagot_code_of(function)->co_freevars);
#endif
    PyObject *variable = NULL;
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(closure) && i < PyTuple_GET_SIZE(names); i++) {
        if (PyTuple_GET_ITEM(closure, i) == cell) {
            variable = Py_NewRef(PyTuple_GET_ITEM(names, i));
            break;
        }
    }
    Py_XDECREF(names);
    PyErr_Clear();
    return variable;
}

/* -- code, frames, types -------------------------------------------------------------------------- */

/* A function's closure with the name of the variable, given while its tuple is looked at. */
static bool
in_function(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyFunctionObject *function = (PyFunctionObject *)from;
    const struct { PyObject *value; const char *label; } fields[] = {
        {function->func_closure, ".__closure__"}, {function->func_globals, ".__globals__"},
        {function->func_defaults, ".__defaults__"}, {function->func_kwdefaults, ".__kwdefaults__"},
        {function->func_annotations, ".__annotations__"},
        {function->func_module, ".__module__"}, {function->func_doc, ".__doc__"},
#if PY_VERSION_HEX >= 0x030C0000
        {function->func_typeparams, ".__type_params__"},
#endif
#if PY_VERSION_HEX >= 0x030E0000
        {function->func_annotate, ".__annotate__"},
#endif
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].value == to) {
            return yagot_name_field(name, fields[i].label);
        }
    }
    return false;
}

typedef struct {
    PyObject *to;
    PyObject *variable;         /* borrowed from the code; NULL until it is found */
} variable_search;

static int
is_variable(PyObject *name, PyObject *value, bool Py_UNUSED(in_cell), void *arg)
{
    variable_search *search = arg;
    search->variable = value == search->to && PyUnicode_CheckExact(name) ? name : NULL;
    return search->variable != NULL;
}

static int
is_item(PyObject *namespace, variable_search *search)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(namespace, &position, &key, &value)) {
        if (is_variable(key, value, false, search)) {
            return 1;
        }
    }
    return 0;
}

static bool
in_frame_locals(yagot_edge_name *name, PyFrameObject *frame, PyObject *to)
{
    variable_search search = {.to = PyCell_Check(to) ? PyCell_GET(to) : to};    /* values come out of their cells */
    PyObject *namespace = yagot_frame_namespace(frame);
    bool found = search.to != NULL
                 && (yagot_visit_variables(frame, is_variable, &search)
                     || (namespace != NULL && PyDict_Check(namespace) && is_item(namespace, &search)));
    return found && yagot_name_local(name, search.variable);
}

static bool
in_frame(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyFrameObject *frame = (PyFrameObject *)from;
    PyFrameObject *back = PyFrame_GetBack(frame);
    Py_XDECREF(back);
    if ((PyObject *)back == to) {
        return yagot_name_field(name, ".f_back");
    }
    if (to == yagot_frame_copy(frame)) {
        return yagot_name_field(name, ".f_locals");
    }
    return in_frame_locals(name, frame, to);
}

static bool
in_generator(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyObject *frame = yagot_suspended_frame(from);
    bool found = frame != NULL && in_frame_locals(name, (PyFrameObject *)frame, to);
    Py_XDECREF(frame);
    if (found) {
        return true;
    }
    if (PyGen_CheckExact(to) || PyCoro_CheckExact(to) || PyAsyncGen_CheckExact(to)) {
        return yagot_name_field(name, PyGen_CheckExact(from) ? ".gi_yieldfrom" : ".cr_await");
    }
    return false;
}

static bool
in_type(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyTypeObject *type = (PyTypeObject *)from;
    if (to == type->tp_mro) {
        return yagot_name_field(name, ".__mro__");
    }
    if (to == type->tp_bases) {
        return yagot_name_field(name, ".__bases__");
    }
    if (to == (PyObject *)type->tp_base) {
        return yagot_name_field(name, ".__base__");
    }
    return to == yagot_type_dict(type) && yagot_name_field(name, ".__dict__");
}

static bool
in_code_object(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    if (PyFunction_Check(from)) {
        return in_function(name, from, to);
    }
    if (PyMethod_Check(from)) {
        return yagot_name_field(name, to == PyMethod_GET_SELF(from) ? ".__self__" : ".__func__");
    }
    if (PyCFunction_Check(from)) {
        return to == ((PyCFunctionObject *)from)->m_self && yagot_name_field(name, ".__self__");
    }
    if (PyFrame_Check(from)) {
        return in_frame(name, from, to);
    }
    if (yagot_is_generator(from)) {
        return in_generator(name, from, to);
    }
    if (PyModule_Check(from)) {
        return to == PyModule_GetDict(from) && yagot_name_field(name, ".__dict__");
    }
    return PyType_Check(from) && in_type(name, from, to);
}

/* -- fields of other C types ---------------------------------------------------------------------- */

static bool
in_exception(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyBaseExceptionObject *e = (PyBaseExceptionObject *)from;
    const struct { PyObject *value; const char *label; } fields[] = {
        {e->traceback, ".__traceback__"}, {e->context, ".__context__"}, {e->cause, ".__cause__"},
        {e->args, ".args"},
#if PY_VERSION_HEX >= 0x030B0000
        {e->notes, ".__notes__"},
#endif
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].value == to) {
            return yagot_name_field(name, fields[i].label);
        }
    }
    return false;
}

static bool
in_traceback(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyTracebackObject *traceback = (PyTracebackObject *)from;
    if (to == (PyObject *)traceback->tb_next) {
        return yagot_name_field(name, ".tb_next");
    }
    return to == (PyObject *)traceback->tb_frame && yagot_name_field(name, ".tb_frame");
}

/* Getters of C types that only read a field. Those that build a list are searched. */
static const struct { const char *type, *getter; } harmless[] = {
    {"_asyncio.Task", "_coro"}, {"_asyncio.Task", "_fut_waiter"}, {"_asyncio.Task", "_callbacks"},
    {"_asyncio.Task", "_result"}, {"_asyncio.Task", "_exception"}, {"_asyncio.Task", "_loop"},
    {"_asyncio.Future", "_callbacks"}, {"_asyncio.Future", "_result"}, {"_asyncio.Future", "_exception"},
    {"_asyncio.Future", "_loop"},
    {"xml.etree.ElementTree.Element", "attrib"}, {"xml.etree.ElementTree.Element", "text"},
    {"xml.etree.ElementTree.Element", "tail"},
};

static bool
in_list_of_callbacks(PyObject *value, PyObject *to)
{
    for (Py_ssize_t i = 0; PyList_CheckExact(value) && i < PyList_GET_SIZE(value); i++) {
        PyObject *item = PyList_GET_ITEM(value, i);
        if (item == to) {
            return true;
        }
        for (Py_ssize_t j = 0; item != NULL && PyTuple_CheckExact(item) && j < PyTuple_GET_SIZE(item); j++) {
            if (PyTuple_GET_ITEM(item, j) == to) {
                return true;
            }
        }
    }
    return false;
}

static bool
in_getters(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    if (PyTraceBack_Check(to) && strncmp(Py_TYPE(from)->tp_name, "_asyncio.", 9) == 0) {
        return yagot_name_field(name, ".exception().__traceback__");
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (strcmp(Py_TYPE(from)->tp_name, harmless[i].type) != 0) {
            continue;
        }
        PyObject *value = yagot_get_attribute(from, harmless[i].getter);
        if (value == NULL) {
            PyErr_Clear();
            continue;
        }
        bool found = value == to || in_list_of_callbacks(value, to);
        Py_DECREF(value);
        if (found) {
            return yagot_name_member(name, harmless[i].getter);
        }
    }
    return false;
}

bool
yagot_is_object_member(const PyMemberDef *member)
{
    return (member->type == MEMBER_OBJECT || member->type == MEMBER_OBJECT_EX) && member->offset > 0;
}

/* Members that a type or one of its bases declares: slots, and the fields of C types. */
static bool
in_members(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    for (PyTypeObject *type = Py_TYPE(from); type != NULL; type = type->tp_base) {
        for (PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
            if (yagot_is_object_member(m) && *(PyObject **)((char *)from + m->offset) == to) {
                return yagot_name_member(name, m->name);
            }
        }
    }
    return false;
}

/* Iterators have no name for what they run over. */
static bool
is_iterator(const char *type)
{
    static const char *const builtins[] = {"enumerate", "zip", "map", "filter", "reversed", "iterator"};
    size_t length = strlen(type);
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(type, builtins[i]) == 0) {
            return true;
        }
    }
    return strncmp(type, "itertools.", 10) == 0 || (length > 9 && strcmp(type + length - 9, "_iterator") == 0);
}

static bool
in_c_type(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    /* A class of Python's may be called Context or zip, too. */
    const char *type = yagot_is_python_class(Py_TYPE(from)) ? "" : Py_TYPE(from)->tp_name;
    if (PyExceptionInstance_Check(from) && in_exception(name, from, to)) {
        return true;
    }
    if (PyTraceBack_Check(from)) {
        return in_traceback(name, from, to);
    }
    if (PyWeakref_Check(from)) {
        return to == ((PyWeakReference *)from)->wr_callback && yagot_name_field(name, ".__callback__");
    }
    if (strcmp(type, "classmethod") == 0 || strcmp(type, "staticmethod") == 0) {
        return yagot_name_field(name, ".__func__");
    }
    PyTypeObject *c_type = yagot_c_base_of(Py_TYPE(from));
    if (strcmp(c_type->tp_name, "collections.deque") == 0
        || strcmp(c_type->tp_name, "xml.etree.ElementTree.Element") == 0) {
        return in_getters(name, from, to) || in_sequence(name, c_type, from, to);
    }
    if (strcmp(type, "mappingproxy") == 0) {
        return yagot_name_field(name, ".mapping");
    }
    if (is_iterator(type)) {
        return yagot_name_role(name, YAGOT_EDGE_ITERATED, " over ");
    }
    if (strcmp(type, "_contextvars.Context") == 0 || strcmp(type, "Context") == 0) {
        return yagot_name_field(name, ".values()");
    }
    if (strcmp(type, "functools._lru_cache_wrapper") == 0 && PyDict_CheckExact(to)) {
        return yagot_instance_dict(from) != to && yagot_name_field(name, ".cache");
    }
    return in_members(name, from, to) || in_getters(name, from, to);
}

bool
yagot_is_item(PyObject *from, PyObject *to)
{
    yagot_edge_name name = {0};
    bool is_container = PyList_Check(from) || PyTuple_Check(from) || PyDict_Check(from);
    bool found = is_container && in_container(&name, from, to, false);
    yagot_edge_name_fini(&name);
    return found;
}

bool
yagot_add_edge(yagot_edge_name *name, PyObject *from, PyObject *to, bool is_part)
{
    if (yagot_is_part(from, to)) {
        return true;
    }
    if (in_container(name, from, to, is_part) || in_code_object(name, from, to) || in_c_type(name, from, to)) {
        return false;
    }
    PyObject *dict = yagot_instance_dict(from);
    if (dict != NULL && PyDict_Check(dict) && in_dict(name, dict, to, true)) {
        return false;
    }
    PyObject *guess = dict == NULL && yagot_is_gentle() ? yagot_guess_attribute(from, to) : NULL;
    if (guess != NULL) {
        yagot_name_attribute(name, guess);
        return false;
    }
    if ((PyObject *)Py_TYPE(from) == to) {
        yagot_name_field(name, ".__class__");
    }
    else {
        yagot_name_role(name, YAGOT_EDGE_UNKNOWN, " \xE2\x86\x92");
    }
    return false;
}
