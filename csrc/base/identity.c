/* identity.c - see identity.h. */
#include "base/identity.h"

#include "base/describe.h"
#include "base/frames.h"

#include <string.h>

typedef struct {
    yagot_text module, qualname;
} names;

static void
add_globals_name(names *n, PyObject *globals)
{
    PyObject *module = globals != NULL && PyDict_Check(globals) ? PyDict_GetItemString(globals, "__name__") : NULL;
    yagot_text_add_str(&n->module, module, YAGOT_NAME_LIMIT);
}

static void
identify_function(names *n, PyObject *function)
{
    add_globals_name(n, ((PyFunctionObject *)function)->func_globals);
    yagot_text_add_str(&n->qualname, ((PyFunctionObject *)function)->func_qualname, YAGOT_NAME_LIMIT);
}

static void
add_frame_module(names *n, PyFrameObject *frame)
{
    PyObject *globals = yagot_frame_globals(frame);
    add_globals_name(n, globals);
    Py_XDECREF(globals);
}

static void
add_code_name(names *n, PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030B0000
    yagot_text_add_str(&n->qualname, code != NULL ? code->co_qualname : NULL, YAGOT_NAME_LIMIT);
#else
    yagot_text_add_str(&n->qualname, code != NULL ? code->co_name : NULL, YAGOT_NAME_LIMIT);
#endif
}

static void
identify_generator(names *n, PyObject *generator)
{
    PyObject *frame = yagot_suspended_frame(generator);
    if (frame != NULL) {
        add_frame_module(n, (PyFrameObject *)frame);
        Py_DECREF(frame);
    }
    add_code_name(n, yagot_code_of(generator));
}

static void
identify_builtin(names *n, PyObject *object)
{
    PyCFunctionObject *function = (PyCFunctionObject *)object;
    yagot_text_add_str(&n->module, function->m_module, YAGOT_NAME_LIMIT);
    yagot_text_add(&n->qualname, function->m_ml->ml_name);
}

static void
identify_static_type(names *n, const char *name)
{
    const char *dot = strrchr(name, '.');
    yagot_text_add_bytes(&n->module, dot != NULL ? name : "builtins", dot != NULL ? (size_t)(dot - name) : 8);
    yagot_text_add(&n->qualname, dot != NULL ? dot + 1 : name);
}

static void
identify_type(names *n, PyTypeObject *type)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        identify_static_type(n, type->tp_name);
        return;
    }
    yagot_text_add_str(&n->module, yagot_class_module(type), YAGOT_NAME_LIMIT);
    yagot_text_add_str(&n->qualname, ((PyHeapTypeObject *)type)->ht_qualname, YAGOT_NAME_LIMIT);
}

static const char *
identify_generator_kind(PyObject *object)
{
    return PyGen_CheckExact(object) ? "generator" : PyCoro_CheckExact(object) ? "coroutine" : "async_generator";
}

/* What is in the code of functions, running or not. NULL if the object is none of these. */
static const char *
identify_code(names *n, PyObject *object)
{
    if (PyFunction_Check(object)) {
        identify_function(n, object);
        return "function";
    }
    if (PyFrame_Check(object)) {
        PyObject *name = yagot_frame_qualname((PyFrameObject *)object);
        add_frame_module(n, (PyFrameObject *)object);
        yagot_text_add_str(&n->qualname, name, YAGOT_NAME_LIMIT);
        Py_DECREF(name);
        return "frame";
    }
    if (yagot_is_generator(object)) {
        identify_generator(n, object);
        return identify_generator_kind(object);
    }
    if (PyMethod_Check(object) && PyFunction_Check(PyMethod_GET_FUNCTION(object))) {
        identify_function(n, PyMethod_GET_FUNCTION(object));
        return "method";
    }
    if (PyCFunction_CheckExact(object)) {
        identify_builtin(n, object);
        return "builtin";
    }
    return NULL;
}

static const char *
identify(names *n, PyObject *object)
{
    const char *kind = identify_code(n, object);
    if (kind != NULL) {
        return kind;
    }
    if (PyType_Check(object)) {
        identify_type(n, (PyTypeObject *)object);
        return "class";
    }
    if (PyModule_CheckExact(object)) {
        add_globals_name(n, PyModule_GetDict(object));
        return "module";
    }
    identify_type(n, Py_TYPE(object));
    return yagot_is_plain_container(object) ? "container" : "instance";
}

static int
line_of(PyObject *object)
{
    if (PyFrame_Check(object)) {
        return PyFrame_GetLineNumber((PyFrameObject *)object);
    }
    PyObject *line = PyTraceBack_Check(object) ? yagot_get_attribute(object, "tb_lineno") : NULL;
    long number = line != NULL && PyLong_Check(line) ? PyLong_AsLong(line) : 0;
    Py_XDECREF(line);
    PyErr_Clear();
    return (int)number;
}

int
yagot_identify(PyObject *object, yagot_identity *identity)
{
    names n = {{0}, {0}};
    identity->kind = identify(&n, object);
    identity->line = line_of(object);
    identity->module = yagot_text_take(&n.module);
    identity->qualname = yagot_text_take(&n.qualname);
    return identity->module != NULL && identity->qualname != NULL ? 0 : -1;
}

void
yagot_identity_fini(yagot_identity *identity)
{
    PyMem_RawFree(identity->module);
    PyMem_RawFree(identity->qualname);
    *identity = (yagot_identity){0};
}
