/* edges.c - see edges.h.
 *
 * A traversal tells that an object refers to another, not how. The name is found by looking where the
 * reference is stored: in items, in fields that the C API makes public, in the members that a type declares
 * (slots too), in the instance's attributes, and through a few getters known to be harmless.
 */
#include "explain/edges.h"

#include "base/describe.h"
#include "base/frames.h"

#include <string.h>

/* structmember.h's names for a member that is an object */
#if PY_VERSION_HEX >= 0x030C0000
#  define MEMBER_OBJECT 6           /* _Py_T_OBJECT */
#  define MEMBER_OBJECT_EX Py_T_OBJECT_EX
#else
#  include <structmember.h>
#  define MEMBER_OBJECT T_OBJECT
#  define MEMBER_OBJECT_EX T_OBJECT_EX
#endif

static bool
add_fixed(yagot_edge_name *name, const char *label)
{
    yagot_text_add(&name->shown, label);
    yagot_text_add(&name->general, label);
    return true;
}

static bool
add_index(yagot_edge_name *name, Py_ssize_t index)
{
    yagot_text_addf(&name->shown, "[%zd]", index);
    yagot_text_add(&name->general, "[]");
    return true;
}

static bool
add_attribute(yagot_edge_name *name, PyObject *attribute)
{
    add_fixed(name, ".");
    yagot_text_add_str(&name->shown, attribute, YAGOT_NAME_LIMIT);
    yagot_text_add_str(&name->general, attribute, YAGOT_NAME_LIMIT);
    return true;
}

static bool
add_local(yagot_edge_name *name, PyObject *variable)
{
    add_fixed(name, " local '");
    yagot_text_add_str(&name->shown, variable, YAGOT_NAME_LIMIT);
    yagot_text_add_str(&name->general, variable, YAGOT_NAME_LIMIT);
    return add_fixed(name, "'");
}

/* -- items ---------------------------------------------------------------------------------------- */

/* A key that a programmer wrote, rather than data: letters and underscores. */
static bool
is_word(PyObject *key)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(key);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(key, i);
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return length > 0 && length <= 40;
}

static bool
add_key(yagot_edge_name *name, PyObject *key, bool attributes)
{
    if (!PyUnicode_CheckExact(key)) {
        if (PyLong_CheckExact(key)) {
            int overflow;
            yagot_text_addf(&name->shown, "[%lld]", PyLong_AsLongLongAndOverflow(key, &overflow));
        }
        else {
            yagot_text_add(&name->shown, "[");
            yagot_add_object(&name->shown, key);
            yagot_text_add(&name->shown, "]");
        }
        yagot_text_add(&name->general, "[]");
        return true;
    }
    if (attributes) {
        return add_attribute(name, key);
    }
    yagot_text_add(&name->shown, "['");
    yagot_text_add_str(&name->shown, key, YAGOT_VALUE_LIMIT);
    yagot_text_add(&name->shown, "']");
    if (is_word(key)) {
        yagot_text_add(&name->general, "['");
        yagot_text_add_str(&name->general, key, YAGOT_VALUE_LIMIT);
        yagot_text_add(&name->general, "']");
    }
    else {
        yagot_text_add(&name->general, "[]");
    }
    return true;
}

static bool
in_dict(yagot_edge_name *name, PyObject *dict, PyObject *to, bool attributes)
{
    PyObject *key, *value, *as_key = NULL;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (value == to) {
            return add_key(name, key, attributes);
        }
        if (key == to) {
            as_key = key;
        }
    }
    return as_key != NULL && add_fixed(name, " key");
}

static bool
in_items(yagot_edge_name *name, PyObject **items, Py_ssize_t size, PyObject *to)
{
    for (Py_ssize_t i = 0; i < size; i++) {
        if (items[i] == to) {
            return add_index(name, i);
        }
    }
    return false;
}

/* Items of a C sequence that is not exposed as an array: deque, ElementTree's elements. */
enum { MOST_ITEMS = 10000 };     /* the middle of a deque is far from both ends */

static bool
in_sequence(yagot_edge_name *name, PyObject *sequence, PyObject *to)
{
    Py_ssize_t size = PySequence_Size(sequence);
    for (Py_ssize_t i = 0; i < size && i < MOST_ITEMS; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        if (item == NULL) {
            break;
        }
        Py_DECREF(item);
        if (item == to) {
            return add_index(name, i);
        }
    }
    PyErr_Clear();
    return false;
}

static bool
in_container(yagot_edge_name *name, PyObject *from, PyObject *to, bool attributes)
{
    if (PyDict_Check(from)) {
        return in_dict(name, from, to, attributes);
    }
    if (PyList_Check(from)) {
        return in_items(name, ((PyListObject *)from)->ob_item, Py_SIZE(from), to);
    }
    if (PyTuple_Check(from)) {
        return in_items(name, ((PyTupleObject *)from)->ob_item, Py_SIZE(from), to);
    }
    if (PyAnySet_CheckExact(from)) {
        return add_fixed(name, "{\xE2\x80\xA6}");
    }
    return PyCell_Check(from) && PyCell_GET(from) == to && add_fixed(name, ".cell_contents");
}

/* -- code, frames, types -------------------------------------------------------------------------- */

/* A function's closure with the name of the variable, told while its tuple is looked at. */
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
            return add_fixed(name, fields[i].label);
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
    variable_search search = {.to = to};
    PyObject *namespace = yagot_frame_namespace(frame);
    bool found = yagot_visit_variables(frame, is_variable, &search)
                 || (namespace != NULL && PyDict_Check(namespace) && is_item(namespace, &search));
    return found && add_local(name, search.variable);
}

static bool
in_frame(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyFrameObject *frame = (PyFrameObject *)from;
    PyFrameObject *back = PyFrame_GetBack(frame);
    Py_XDECREF(back);
    if ((PyObject *)back == to) {
        return add_fixed(name, ".f_back");
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
        return add_fixed(name, PyGen_CheckExact(from) ? ".gi_yieldfrom" : ".cr_await");
    }
    return false;
}

static bool
in_type(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyTypeObject *type = (PyTypeObject *)from;
    if (to == type->tp_mro) {
        return add_fixed(name, ".__mro__");
    }
    if (to == type->tp_bases) {
        return add_fixed(name, ".__bases__");
    }
    if (to == (PyObject *)type->tp_base) {
        return add_fixed(name, ".__base__");
    }
    return to == yagot_type_dict(type) && add_fixed(name, ".__dict__");
}

static bool
in_code_object(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    if (PyFunction_Check(from)) {
        return in_function(name, from, to);
    }
    if (PyMethod_Check(from)) {
        return add_fixed(name, to == PyMethod_GET_SELF(from) ? ".__self__" : ".__func__");
    }
    if (PyCFunction_Check(from)) {
        return to == ((PyCFunctionObject *)from)->m_self && add_fixed(name, ".__self__");
    }
    if (PyFrame_Check(from)) {
        return in_frame(name, from, to);
    }
    if (yagot_is_generator(from)) {
        return in_generator(name, from, to);
    }
    if (PyModule_Check(from)) {
        return to == PyModule_GetDict(from) && add_fixed(name, ".__dict__");
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
            return add_fixed(name, fields[i].label);
        }
    }
    return false;
}

static bool
in_traceback(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    PyTracebackObject *traceback = (PyTracebackObject *)from;
    if (to == (PyObject *)traceback->tb_next) {
        return add_fixed(name, ".tb_next");
    }
    return to == (PyObject *)traceback->tb_frame && add_fixed(name, ".tb_frame");
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
        return add_fixed(name, ".exception().__traceback__");
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
            add_fixed(name, ".");
            return add_fixed(name, harmless[i].getter);
        }
    }
    return false;
}

/* Members that a type or one of its bases declares: slots, and the fields of C types. */
static bool
in_members(yagot_edge_name *name, PyObject *from, PyObject *to)
{
    for (PyTypeObject *type = Py_TYPE(from); type != NULL; type = type->tp_base) {
        for (PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
            if ((m->type == MEMBER_OBJECT || m->type == MEMBER_OBJECT_EX) && m->offset > 0
                && *(PyObject **)((char *)from + m->offset) == to) {
                add_fixed(name, ".");
                return add_fixed(name, m->name);
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
    const char *type = Py_TYPE(from)->tp_name;
    if (PyExceptionInstance_Check(from) && in_exception(name, from, to)) {
        return true;
    }
    if (PyTraceBack_Check(from)) {
        return in_traceback(name, from, to);
    }
    if (PyWeakref_Check(from)) {
        return to == ((PyWeakReference *)from)->wr_callback && add_fixed(name, ".__callback__");
    }
    if (strcmp(type, "classmethod") == 0 || strcmp(type, "staticmethod") == 0) {
        return add_fixed(name, ".__func__");
    }
    if (strcmp(type, "collections.deque") == 0 || strcmp(type, "xml.etree.ElementTree.Element") == 0) {
        return in_sequence(name, from, to) || in_getters(name, from, to);
    }
    if (strcmp(type, "mappingproxy") == 0) {
        return add_fixed(name, ".mapping");
    }
    if (is_iterator(type)) {
        return add_fixed(name, " over ");
    }
    if (strcmp(type, "_contextvars.Context") == 0 || strcmp(type, "Context") == 0) {
        return add_fixed(name, ".values()");
    }
    if (strcmp(type, "functools._lru_cache_wrapper") == 0 && PyDict_CheckExact(to)) {
        return yagot_instance_dict(from) != to && add_fixed(name, ".cache");
    }
    return in_members(name, from, to) || in_getters(name, from, to);
}

bool
yagot_is_item(PyObject *from, PyObject *to)
{
    yagot_edge_name name = {0};
    bool is_container = PyList_Check(from) || PyTuple_Check(from) || PyDict_Check(from);
    bool found = is_container && in_container(&name, from, to, false);
    yagot_text_fini(&name.shown);
    yagot_text_fini(&name.general);
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
        add_attribute(name, guess);
        return false;
    }
    add_fixed(name, (PyObject *)Py_TYPE(from) == to ? ".__class__" : " \xE2\x86\x92");
    return false;
}
