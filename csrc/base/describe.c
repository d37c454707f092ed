/* describe.c - see describe.h.
 *
 * Only exact built-in types are asked anything, and only through C accessors known to run no Python
 * code; of everything else only the type's name is shown.
 */
#include "base/describe.h"

#include "base/frames.h"

#include <string.h>

PyObject *
yagot_type_dict(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *dict = PyType_GetDict(type);
    Py_XDECREF(dict);       /* the type keeps it */
    return dict;
#else
    return type->tp_dict;
#endif
}

PyObject *
yagot_type_lookup(PyTypeObject *type, const char *name)
{
    PyObject *mro = type->tp_mro, *found = NULL, *key = PyUnicode_InternFromString(name);
    Py_ssize_t size = mro != NULL && PyTuple_Check(mro) ? PyTuple_GET_SIZE(mro) : 0;
    for (Py_ssize_t i = 0; key != NULL && i < size && found == NULL; i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        PyObject *dict = PyType_Check(base) ? yagot_type_dict((PyTypeObject *)base) : NULL;
        found = dict != NULL ? PyDict_GetItem(dict, key) : NULL;
    }
    if (key == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(key);
    return found;
}

PyObject *
yagot_module_str(PyObject *module, const char *name)
{
    PyObject *dict = PyModule_GetDict(module);
    PyObject *value = dict != NULL ? PyDict_GetItemString(dict, name) : NULL;
    return value != NULL && PyUnicode_Check(value) ? value : NULL;
}

PyObject *
yagot_class_module(PyTypeObject *type)
{
    PyObject *dict = yagot_type_dict(type);
    return dict != NULL ? PyDict_GetItemString(dict, "__module__") : NULL;
}

bool
yagot_is_class_of(PyTypeObject *type, PyObject *name)
{
    PyObject *module = yagot_class_module(type);
    return module != NULL && PyUnicode_Check(module) && name != NULL && PyUnicode_Check(name)
           && PyUnicode_Compare(module, name) == 0;
}

void
yagot_add_type_name(yagot_text *text, PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        const char *name = type->tp_name;
        yagot_text_add(text, strncmp(name, "builtins.", 9) == 0 ? name + 9 : name);
        return;
    }
    PyObject *module = yagot_class_module(type);
    if (module != NULL && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        yagot_text_add_str(text, module, YAGOT_NAME_LIMIT);
        yagot_text_add(text, ".");
    }
    yagot_text_add_str(text, ((PyHeapTypeObject *)type)->ht_qualname, YAGOT_NAME_LIMIT);
}

bool
yagot_has_managed_dict(PyTypeObject *type)
{
#ifdef Py_TPFLAGS_MANAGED_DICT
    return (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
#else
    (void)type;
    return false;
#endif
}

PyObject *
yagot_inline_dict(PyObject *object)
{
#if YAGOT_MANAGED_DICTS_IN_PLACE
    return Py_TYPE(object)->tp_flags & Py_TPFLAGS_INLINE_VALUES ? yagot_existing_dict(object) : NULL;
#else
    (void)object;
    return NULL;
#endif
}

PyObject *
yagot_subclasses_dict(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (type->tp_flags & (1u << 1)) {       /* static and built in: the field is an index */
        return NULL;
    }
#endif
    return (PyObject *)type->tp_subclasses;
}

PyObject *
yagot_instance_dict(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (PyType_Check(object) || PyModule_Check(object)) {
        return NULL;
    }
    if (!yagot_has_managed_dict(type) || yagot_is_gentle()) {
        return yagot_existing_dict(object);
    }
    PyObject *dict = PyObject_GenericGetDict(object, NULL);
    if (dict == NULL) {
        PyErr_Clear();
        return NULL;
    }
    Py_DECREF(dict);        /* the object keeps it */
    return dict;
}

static PyObject *
read_attribute(PyObject *object, const char *name)
{
    PyObject *value = yagot_get_attribute(object, name);
    if (value == NULL) {
        PyErr_Clear();
    }
    return value;
}

PyObject *
yagot_suspended_frame(PyObject *object)
{
    const char *name = PyGen_CheckExact(object) ? "gi_frame" : PyCoro_CheckExact(object) ? "cr_frame"
                       : PyAsyncGen_CheckExact(object) ? "ag_frame" : NULL;
    PyObject *frame = name != NULL ? read_attribute(object, name) : NULL;
    if (frame != NULL && !PyFrame_Check(frame)) {
        Py_CLEAR(frame);    /* None: the generator has finished */
    }
    return frame;
}

bool
yagot_is_plain_container(PyObject *object)
{
    return PyList_CheckExact(object) || PyDict_CheckExact(object) || PyTuple_CheckExact(object)
           || PyAnySet_CheckExact(object) || PyCell_Check(object);
}

bool
yagot_is_part(PyObject *whole, PyObject *part)
{
    if (PyFrame_Check(part) && yagot_is_generator(whole)) {
        PyObject *frame = yagot_suspended_frame(whole);
        Py_XDECREF(frame);
        return frame == part;
    }
    return PyDict_CheckExact(part) && !yagot_is_plain_container(whole) && yagot_instance_dict(whole) == part;
}

PyCodeObject *
yagot_code_of(PyObject *object)
{
    PyObject *code = NULL;
    if (PyFunction_Check(object)) {
        return (PyCodeObject *)PyFunction_GET_CODE(object);
    }
    if (PyFrame_Check(object)) {
        code = (PyObject *)PyFrame_GetCode((PyFrameObject *)object);
    }
    else if (yagot_is_generator(object)) {
        code = read_attribute(object, PyGen_CheckExact(object) ? "gi_code"
                                      : PyCoro_CheckExact(object) ? "cr_code" : "ag_code");
    }
    Py_XDECREF(code);       /* the object keeps it */
    return code != NULL && PyCode_Check(code) ? (PyCodeObject *)code : NULL;
}

/* -- what an object is ---------------------------------------------------------------------------- */

static void
add_module_prefix(yagot_text *text, PyObject *globals)
{
    PyObject *module = globals != NULL && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    if (module != NULL && PyUnicode_Check(module)) {
        yagot_text_add_str(text, module, YAGOT_NAME_LIMIT);
        yagot_text_add(text, ".");
    }
}

/* Appends a qualified name without the comprehensions that the function was made in: from 3.12 on they are no
 * functions, and not in it. */
static void
add_qualname(yagot_text *text, PyObject *qualname)
{
    PyObject *name = Py_XNewRef(qualname);
#if PY_VERSION_HEX < 0x030C0000
    static const char *const kinds[] = {"<listcomp>.", "<setcomp>.", "<dictcomp>."};
    bool may_have = name != NULL && PyUnicode_Check(name)
                    && PyUnicode_FindChar(name, '<', 0, PyUnicode_GET_LENGTH(name), 1) >= 0;
    for (size_t i = 0; may_have && i < sizeof kinds / sizeof *kinds && name != NULL; i++) {
        PyObject *kind = PyUnicode_FromString(kinds[i]), *nothing = PyUnicode_FromString("");
        PyObject *rest = kind != NULL && nothing != NULL ? PyUnicode_Replace(name, kind, nothing, -1) : NULL;
        Py_XDECREF(kind);
        Py_XDECREF(nothing);
        Py_SETREF(name, rest);
    }
    text->failed |= name == NULL && qualname != NULL;
    PyErr_Clear();
#endif
    yagot_text_add_str(text, name, YAGOT_NAME_LIMIT);
    Py_XDECREF(name);
}

static void
add_frame(yagot_text *text, PyFrameObject *frame)
{
    PyObject *globals = yagot_frame_globals(frame), *name = yagot_frame_qualname(frame);
    yagot_text_add(text, "frame ");
    add_module_prefix(text, globals);
    add_qualname(text, name);
    Py_DECREF(name);
    Py_XDECREF(globals);
}

static void
add_generator(yagot_text *text, PyObject *object)
{
    yagot_text_add(text, PyGen_CheckExact(object) ? "generator " : PyCoro_CheckExact(object) ? "coroutine "
                         : "async_generator ");
    PyObject *name = read_attribute(object, "__qualname__");
    add_qualname(text, name);
    Py_XDECREF(name);
}

void
yagot_add_object(yagot_text *text, PyObject *object)
{
    if (PyFunction_Check(object)) {
        PyFunctionObject *function = (PyFunctionObject *)object;
        yagot_text_add(text, "function ");
        add_module_prefix(text, function->func_globals);
        add_qualname(text, function->func_qualname);
    }
    else if (PyType_Check(object)) {
        yagot_text_add(text, "class ");
        yagot_add_type_name(text, (PyTypeObject *)object);
    }
    else if (PyFrame_Check(object)) {
        add_frame(text, (PyFrameObject *)object);
    }
    else if (yagot_is_generator(object)) {
        add_generator(text, object);
    }
    else if (PyMethod_Check(object) && PyFunction_Check(PyMethod_GET_FUNCTION(object))) {
        yagot_text_add(text, "method ");
        add_qualname(text, ((PyFunctionObject *)PyMethod_GET_FUNCTION(object))->func_qualname);
    }
    else if (PyModule_CheckExact(object)) {
        yagot_text_add(text, "module ");
        yagot_text_add_str(text, yagot_module_str(object, "__name__"), YAGOT_NAME_LIMIT);
    }
    else if (PyCFunction_CheckExact(object)) {
        yagot_text_addf(text, "builtin %.80s", ((PyCFunctionObject *)object)->m_ml->ml_name);
    }
    else {
        yagot_add_type_name(text, Py_TYPE(object));
    }
}

/* -- what is in it -------------------------------------------------------------------------------- */

static void
add_value(yagot_text *text, PyObject *value)
{
    if (value == NULL) {
        yagot_text_add(text, "NULL");           /* C code never filled the place */
    }
    else if (value == Py_None || PyBool_Check(value)) {
        yagot_text_add(text, value == Py_None ? "None" : value == Py_True ? "True" : "False");
    }
    else if (PyUnicode_CheckExact(value)) {
        yagot_text_add(text, "'");
        yagot_text_add_str(text, value, YAGOT_VALUE_LIMIT);
        yagot_text_add(text, "'");
    }
    else if (PyLong_CheckExact(value)) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow == 0) {
            yagot_text_addf(text, "%lld", number);
        }
        else {
            yagot_text_add(text, "int of many digits");
        }
    }
    else if (PyFloat_CheckExact(value)) {
        yagot_text_addf(text, "%g", PyFloat_AS_DOUBLE(value));
    }
    else if (PyBytes_CheckExact(value)) {
        yagot_text_addf(text, "bytes of length %zd", PyBytes_GET_SIZE(value));
    }
    else {
        yagot_add_object(text, value);
    }
}

enum { SHOWN_ITEMS = 4 };

static void
add_dict_items(yagot_text *text, PyObject *dict, const char *separator)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    int shown = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (shown == SHOWN_ITEMS) {
            yagot_text_add(text, ", \xE2\x80\xA6");
            break;
        }
        yagot_text_add(text, shown++ > 0 ? ", " : "");
        if (*separator == '=' && PyUnicode_CheckExact(key)) {
            yagot_text_add_str(text, key, YAGOT_VALUE_LIMIT);
        }
        else {
            add_value(text, key);
        }
        yagot_text_add(text, separator);
        add_value(text, value);
    }
}

static void
add_sequence(yagot_text *text, PyObject **items, Py_ssize_t size)
{
    for (Py_ssize_t i = 0; i < size && i < SHOWN_ITEMS; i++) {
        yagot_text_add(text, i > 0 ? ", " : "");
        add_value(text, items[i]);
    }
    if (size > SHOWN_ITEMS) {
        yagot_text_add(text, ", \xE2\x80\xA6");
    }
}

static void
add_count(yagot_text *text, Py_ssize_t count, const char *end)
{
    yagot_text_addf(text, "%zd item%s%s", count, count == 1 ? "" : "s", end);
}

void
yagot_add_contents(yagot_text *text, PyObject *object)
{
    if (PyDict_Check(object)) {
        add_count(text, PyDict_GET_SIZE(object), ": ");
        add_dict_items(text, object, ": ");
    }
    else if (PyList_Check(object) || PyTuple_Check(object)) {
        Py_ssize_t size = Py_SIZE(object);
        add_count(text, size, ": ");
        add_sequence(text, PyList_Check(object) ? ((PyListObject *)object)->ob_item
                                                : ((PyTupleObject *)object)->ob_item, size);
    }
    else if (PyAnySet_Check(object)) {
        add_count(text, PySet_GET_SIZE(object), "");
    }
    else if (PyUnicode_CheckExact(object) || PyLong_CheckExact(object) || PyFloat_CheckExact(object)
             || PyBytes_CheckExact(object)) {
        add_value(text, object);
    }
    else if (!PyFunction_Check(object)) {
        PyObject *dict = yagot_instance_dict(object);
        if (dict != NULL && PyDict_Check(dict) && PyDict_GET_SIZE(dict) > 0) {
            add_dict_items(text, dict, "=");
        }
    }
}

/* -- where it was defined ------------------------------------------------------------------------- */

static bool
add_code(yagot_text *text, PyCodeObject *code)
{
    if (code == NULL) {
        return false;
    }
    yagot_text_add_str(text, code->co_filename, 400);
    yagot_text_addf(text, ":%d", code->co_firstlineno);
    return true;
}

/* The file of the module that a class says it is from; borrowed, or NULL. */
static PyObject *
module_file(PyObject *class_dict)
{
    PyObject *name = PyDict_GetItemString(class_dict, "__module__");
    PyObject *modules = PyImport_GetModuleDict();
    if (name == NULL || !PyUnicode_CheckExact(name) || modules == NULL || !PyDict_CheckExact(modules)) {
        return NULL;
    }
    PyObject *module = PyDict_GetItem(modules, name);
    return module != NULL && PyModule_Check(module) ? yagot_module_str(module, "__file__") : NULL;
}

static bool
is_in_file(PyCodeObject *code, PyObject *file)
{
    return file == NULL || PyUnicode_Compare(code->co_filename, file) == 0;
}

/* The method of a class that comes first in its file; NULL if it has none. What a decorator has made is elsewhere. */
static PyCodeObject *
first_method(PyObject *class_dict)
{
    PyObject *key, *value, *file = module_file(class_dict);
    PyCodeObject *first = NULL;
    Py_ssize_t position = 0;
    while (PyDict_Next(class_dict, &position, &key, &value)) {
        PyCodeObject *code = PyFunction_Check(value) ? yagot_code_of(value) : NULL;
        if (code != NULL && code->co_filename != NULL && PyUnicode_READ_CHAR(code->co_filename, 0) != '<'
            && is_in_file(code, file)
            && (first == NULL || code->co_firstlineno < first->co_firstlineno)) {
            first = code;
        }
    }
    return first;
}

/* Not a shared library, where lines mean nothing. */
static bool
is_source(PyObject *file)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(file);
    return length < 3 || PyUnicode_READ_CHAR(file, length - 3) != '.' || PyUnicode_READ_CHAR(file, length - 2) != 's'
           || PyUnicode_READ_CHAR(file, length - 1) != 'o';
}

/* The line of a class is known from 3.13 on (__firstlineno__); before, that of its first method must do. */
static void
add_class(yagot_text *text, PyTypeObject *type)
{
    PyObject *dict = yagot_type_dict(type);
    if (dict == NULL) {
        return;
    }
    PyCodeObject *method = first_method(dict);
    PyObject *file = method != NULL ? method->co_filename : module_file(dict);
    PyObject *line = PyDict_GetItemString(dict, "__firstlineno__");
    if (file == NULL || !PyUnicode_Check(file) || !is_source(file)) {
        return;
    }
    yagot_text_add_str(text, file, 400);
    if (line != NULL && PyLong_CheckExact(line)) {
        yagot_text_addf(text, ":%ld", PyLong_AsLong(line));
    }
    else {
        yagot_text_addf(text, ":%d", method != NULL ? method->co_firstlineno : 1);
    }
}

void
yagot_add_definition(yagot_text *text, PyObject *object)
{
    if (add_code(text, yagot_code_of(object))) {
        return;
    }
    if (PyMethod_Check(object) && add_code(text, yagot_code_of(PyMethod_GET_FUNCTION(object)))) {
        return;
    }
    PyTypeObject *type = PyType_Check(object) ? (PyTypeObject *)object : Py_TYPE(object);
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        add_class(text, type);
    }
}
