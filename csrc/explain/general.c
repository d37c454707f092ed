/* general.c - see general.h. What varies from test to test is left out: subclasses, classes that were made at run time,
 * keys, numbers at the end of names. */
#include "explain/general.h"

#include "base/describe.h"

#include <string.h>

/* -- classes --------------------------------------------------------------------------------------- */

/* What is found under a dotted name, beginning in a dict; borrowed, or NULL. */
static PyObject *
lookup(PyObject *dict, PyObject *name)
{
    PyObject *found = NULL;
    Py_ssize_t size = PyUnicode_GET_LENGTH(name);
    for (Py_ssize_t start = 0, dot; start < size && dict != NULL; start = dot + 1) {
        dot = PyUnicode_FindChar(name, '.', start, size, 1);
        dot = dot < 0 ? size : dot;
        PyObject *part = PyUnicode_Substring(name, start, dot);
        found = part != NULL ? PyDict_GetItem(dict, part) : NULL;
        Py_XDECREF(part);
        dict = found != NULL && PyType_Check(found) ? yagot_type_dict((PyTypeObject *)found) : NULL;
    }
    PyErr_Clear();
    return found;
}

bool
yagot_is_named(PyTypeObject *type)
{
    PyObject *name = yagot_class_module(type);
    PyObject *module = name != NULL && PyUnicode_CheckExact(name)
        ? PyDict_GetItem(PyImport_GetModuleDict(), name) : NULL;
    PyObject *names = module != NULL && PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
    return lookup(names, ((PyHeapTypeObject *)type)->ht_qualname) == (PyObject *)type;
}

PyTypeObject *
yagot_named_class(PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (PyType_Check(base) && (!yagot_is_python_class(base) || yagot_is_named(base))) {
            return base;
        }
    }
    return type;
}

/* -- steps ----------------------------------------------------------------------------------------- */

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

static bool
is_python_method(PyObject *object)
{
    return PyMethod_Check(object) && yagot_is_python_class(Py_TYPE(PyMethod_GET_SELF(object)));
}

/* Is it a method of a Python class, as one of several items? Which one it is, is data as much as its key. */
static bool
is_one_of_methods(const yagot_step *step, const yagot_step *before)
{
    size_t size = strlen(before->general);
    return is_python_method(step->head) && size > 0 && before->general[size - 1] == ']';
}

bool
yagot_is_generated(PyObject *object)
{
    PyCodeObject *code = yagot_code_of(object);
    PyObject *file = code != NULL ? code->co_filename : NULL;
    Py_ssize_t size = file != NULL ? PyUnicode_GET_LENGTH(file) : 0;
    return file != NULL && !(size > 3 && PyUnicode_READ_CHAR(file, size - 3) == '.'
                             && PyUnicode_READ_CHAR(file, size - 2) == 'p'
                             && PyUnicode_READ_CHAR(file, size - 1) == 'y');
}

/* Is the name of code data, as that of code which was made at run time may be? Others are identifiers, or <lambda>. */
static bool
is_named_by_data(PyObject *function)
{
    PyCodeObject *code = PyFunction_Check(function) ? yagot_code_of(function) : NULL;
    Py_ssize_t size = code != NULL ? PyUnicode_GET_LENGTH(code->co_name) : 0;
    bool brackets = size > 2 && PyUnicode_READ_CHAR(code->co_name, 0) == '<'
                    && PyUnicode_READ_CHAR(code->co_name, size - 1) == '>';
    PyObject *inner = code != NULL ? PyUnicode_Substring(code->co_name, brackets, size - brackets) : NULL;
    bool data = inner != NULL && PyUnicode_IsIdentifier(inner) == 0;
    Py_XDECREF(inner);
    PyErr_Clear();
    return data;
}

/* Was a function given the name of another, as functools.wraps() does? */
static bool
is_renamed(PyObject *function)
{
    PyObject *qualname = ((PyFunctionObject *)function)->func_qualname, *name = yagot_code_of(function)->co_name;
    Py_ssize_t size = PyUnicode_GET_LENGTH(qualname), rest = size - PyUnicode_GET_LENGTH(name);
    return rest < 0 || is_named_by_data(function) || PyUnicode_Tailmatch(qualname, name, 0, size, 1) != 1
           || (rest > 0 && PyUnicode_READ_CHAR(qualname, rest - 1) != '.');
}

/* Appends a function that goes by another's name: its own is that of its code, unless this was made at run time. */
static void
add_renamed(yagot_text *text, PyObject *function)
{
    PyObject *module = PyDict_GetItemString(((PyFunctionObject *)function)->func_globals, "__name__");
    yagot_text_add(text, "function ");
    yagot_text_add_str(text, module, YAGOT_NAME_LIMIT);
    yagot_text_add(text, ".");
    if (yagot_is_generated(function) || is_named_by_data(function)) {
        yagot_text_add(text, "\xE2\x80\xA6");
    }
    else {
        yagot_text_add_str(text, yagot_code_of(function)->co_name, YAGOT_NAME_LIMIT);
    }
}

char *
yagot_step_in_general(const yagot_step *step, const yagot_step *before, PyTypeObject *declares,
                      const char *made, bool any_name)
{
    yagot_text text = {0}, name = {0};
    const char *object = step->object;
    if (declares != NULL) {
        yagot_add_type_name(&name, declares);
        object = yagot_text_get(&name);
        add_unnumbered(&text, object, strlen(object));
    }
    else if (is_one_of_methods(step, before)
             || (is_python_method(step->head) && is_named_by_data(PyMethod_GET_FUNCTION(step->head)))) {
        yagot_text_add(&text, "method ");
        add_root(&text, Py_TYPE(PyMethod_GET_SELF(step->head)));
        yagot_text_add(&text, ".\xE2\x80\xA6");
    }
    else if (made != NULL) {
        bool function = PyFunction_Check(step->head);
        yagot_text_add(&text, function ? "function " : PyFrame_Check(step->head) ? "frame " : "generator ");
        yagot_text_add(&text, made);
    }
    else if (PyFunction_Check(step->head) && is_renamed(step->head)) {
        add_renamed(&text, step->head);
    }
    else if (PyType_Check(step->head)) {
        yagot_text_add(&text, "class ");
        yagot_add_type_name(&text, yagot_named_class((PyTypeObject *)step->head));
    }
    else {
        yagot_text_add(&text, object);
    }
    const char *path = step->general + strlen(step->object);
    if (any_name) {
        yagot_text_add(&text, ".\xE2\x80\xA6");
        path += 1 + strcspn(path + 1, ".[ ");
    }
    add_abstract_path(&text, path, yagot_is_plain_container(step->head), made == NULL);
    text.failed |= name.failed;
    yagot_text_fini(&name);
    return yagot_text_take(&text);
}
