/* frames.c - see frames.h.
 *
 * A frame's f_locals is a dict that belongs to the program before 3.13: a debugger keeps its changes there, and exec()
 * the variables of the code that it runs. Asking for it overwrites it, so the variables are read where they are.
 */
#include "base/frames.h"

#include "base/describe.h"

#if PY_VERSION_HEX >= 0x030C0000

static PyObject *
read_variable(PyFrameObject *frame, PyCodeObject *code, Py_ssize_t i)
{
    PyObject *value = PyFrame_GetVar(frame, PyTuple_GET_ITEM(code->co_localsplusnames, i));
    PyErr_Clear();              /* NameError: unbound */
    Py_XDECREF(value);          /* the frame keeps it */
    return value;
}

PyObject *
yagot_frame_namespace(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    bool plain = !(code->co_flags & CO_OPTIMIZED) && code->co_nlocalsplus == 0;
    PyObject *namespace = plain ? PyFrame_GetLocals(frame) : NULL;
    Py_DECREF(code);
    PyErr_Clear();
    Py_XDECREF(namespace);      /* the frame keeps it */
    return namespace;
}

#if PY_VERSION_HEX < 0x030D0000
/* The beginning of what 3.12 keeps of a call; no other version has this layout. A frame object's second field leads
 * there. */
typedef struct {
    PyCodeObject *code;
    void *previous;
    PyObject *function, *globals, *builtins, *locals;
    PyFrameObject *object;
    void *instruction;
    int stack_top;
    uint16_t return_offset;
    char owner;
} call_of_3_12;

enum { FRAME_HAS_IT = 2 };      /* an owner: the call has ended, and the frame object kept its variables */

PyObject *
yagot_frame_copy(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    const call_of_3_12 *call = ((void **)((PyObject *)frame + 1))[1];
    bool belongs = call != NULL && call->code == code && (call->object == frame || call->owner == FRAME_HAS_IT);
    bool copied = belongs && code->co_flags & CO_OPTIMIZED;
    Py_DECREF(code);
    return copied ? call->locals : NULL;
}
#else
PyObject *
yagot_frame_copy(PyFrameObject *Py_UNUSED(frame))
{
    return NULL;                /* there is none: f_locals is a proxy */
}
#endif

#elif PY_VERSION_HEX >= 0x030B0000

/* What 3.11 keeps of a call; no other version has this layout. A frame object's second field leads there. */
typedef struct {
    PyObject *function, *globals, *builtins, *locals;
    PyCodeObject *code;
    PyFrameObject *object;
    void *previous, *instruction;
    int stack_top;
    bool entry;
    char owner;
    PyObject *variables[1];
} call_of_3_11;

enum { FRAME_HAS_IT = 2 };      /* an owner: the call has ended, and the frame object kept its variables */

/* NULL unless it leads back to the frame. */
static const call_of_3_11 *
call_of(PyFrameObject *frame, const PyCodeObject *code)
{
    const call_of_3_11 *call = ((void **)((PyObject *)frame + 1))[1];
    bool belongs = call != NULL && call->code == code && (call->object == frame || call->owner == FRAME_HAS_IT);
    return belongs ? call : NULL;
}

static PyObject *
read_variable(PyFrameObject *frame, PyCodeObject *code, Py_ssize_t i)
{
    const call_of_3_11 *call = call_of(frame, code);
    PyObject *value = call != NULL ? call->variables[i] : NULL;
    return value != NULL && PyCell_Check(value) ? PyCell_GET(value) : value;
}

PyObject *
yagot_frame_namespace(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    const call_of_3_11 *call = call_of(frame, code);
    PyObject *namespace = call != NULL && !(code->co_flags & CO_OPTIMIZED) ? call->locals : NULL;
    Py_DECREF(code);
    return namespace;
}

PyObject *
yagot_frame_copy(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    const call_of_3_11 *call = call_of(frame, code);
    PyObject *copy = call != NULL && code->co_flags & CO_OPTIMIZED ? call->locals : NULL;
    Py_DECREF(code);
    return copy;
}

#endif

#if PY_VERSION_HEX >= 0x030B0000

enum { IN_CELL = 0x40 | 0x80 };         /* a kind of variable: a cell of the function's own or of an outer one */

int
yagot_visit_variables(PyFrameObject *frame, yagot_variable_visitor visit, void *arg)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    int result = 0;
    for (Py_ssize_t i = 0; i < code->co_nlocalsplus && result == 0; i++) {
        bool in_cell = PyBytes_AS_STRING(code->co_localspluskinds)[i] & IN_CELL;
        PyObject *value = read_variable(frame, code, i);
        if (value != NULL) {
            result = visit(PyTuple_GET_ITEM(code->co_localsplusnames, i), value, in_cell, arg);
        }
    }
    Py_DECREF(code);
    return result;
}

#else

static int
visit_names(PyFrameObject *frame, Py_ssize_t *place, PyObject *names, yagot_variable_visitor visit, void *arg)
{
    int result = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names) && result == 0; i++) {
        PyObject *value = frame->f_localsplus[(*place)++];
        bool in_cell = value != NULL && PyCell_Check(value);
        value = in_cell ? PyCell_GET(value) : value;
        result = value != NULL ? visit(PyTuple_GET_ITEM(names, i), value, in_cell, arg) : 0;
    }
    return result;
}

int
yagot_visit_variables(PyFrameObject *frame, yagot_variable_visitor visit, void *arg)
{
    PyCodeObject *code = frame->f_code;
    Py_ssize_t place = 0;
    int result = visit_names(frame, &place, code->co_varnames, visit, arg);
    result = result != 0 ? result : visit_names(frame, &place, code->co_cellvars, visit, arg);
    return result != 0 ? result : visit_names(frame, &place, code->co_freevars, visit, arg);
}

PyObject *
yagot_frame_namespace(PyFrameObject *frame)
{
    return frame->f_code->co_flags & CO_OPTIMIZED ? NULL : frame->f_locals;
}

PyObject *
yagot_frame_copy(PyFrameObject *frame)
{
    return frame->f_code->co_flags & CO_OPTIMIZED ? frame->f_locals : NULL;
}

#endif

PyObject *
yagot_frame_globals(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030B0000
    return PyFrame_GetGlobals(frame);
#else
    return Py_NewRef(frame->f_globals);
#endif
}

#if PY_VERSION_HEX >= 0x030B0000

PyObject *
yagot_frame_qualname(PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *name = Py_NewRef(code->co_qualname);
    Py_DECREF(code);
    return name;
}

#else

enum { MOST_NESTED = 8 };

typedef struct {
    PyCodeObject *code;         /* borrowed: whose name is sought */
    PyObject *module;           /* borrowed: the name of its module, or NULL */
    PyObject *qualname;         /* owned: what has been found, or NULL */
} name_search;

/* Is it this code, or in it? */
static void
search_code(name_search *s, PyCodeObject *code, PyObject *qualname, int depth)
{
    const char *between = code->co_flags & CO_OPTIMIZED ? ".<locals>." : ".";
    if (code == s->code) {
        s->qualname = Py_NewRef(qualname);
    }
    for (Py_ssize_t i = 0; depth < MOST_NESTED && i < PyTuple_GET_SIZE(code->co_consts) && s->qualname == NULL; i++) {
        PyObject *item = PyTuple_GET_ITEM(code->co_consts, i);
        PyObject *name = PyCode_Check(item) ? ((PyCodeObject *)item)->co_name : NULL;
        PyObject *inner = name != NULL ? PyUnicode_FromFormat("%U%s%U", qualname, between, name) : NULL;
        if (inner != NULL) {
            search_code(s, (PyCodeObject *)item, inner, depth + 1);
        }
        Py_XDECREF(inner);
    }
}

/* What a function has for __wrapped__, as functools.wraps() leaves it; borrowed, or NULL. */
static PyObject *
wrapped_by(PyObject *function)
{
    PyObject *dict = ((PyFunctionObject *)function)->func_dict;
    return dict != NULL ? PyDict_GetItemString(dict, "__wrapped__") : NULL;
}

static int
visit_function(PyObject *value, void *arg)
{
    name_search *s = arg;
    for (int i = 0; i < MOST_NESTED && value != NULL && PyFunction_Check(value) && s->qualname == NULL; i++) {
        PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(value);
        if (PyUnicode_Compare(code->co_filename, s->code->co_filename) == 0) {
            search_code(s, code, ((PyFunctionObject *)value)->func_qualname, 0);
        }
        value = wrapped_by(value);
    }
    return s->qualname != NULL;
}

static void
search_names(name_search *s, PyObject *dict, int depth)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (dict != NULL && s->qualname == NULL && PyDict_Next(dict, &position, &key, &value)) {
        PyObject *module = PyType_Check(value) ? yagot_class_module((PyTypeObject *)value) : NULL;
        if (module != NULL && depth < MOST_NESTED && PyUnicode_CheckExact(module)
            && PyUnicode_Compare(module, s->module) == 0) {
            search_names(s, yagot_type_dict((PyTypeObject *)value), depth + 1);
        }
        else if (visit_function(value, s) == 0 && !PyType_Check(value) && !PyModule_Check(value)
                 && !yagot_is_plain_container(value)) {
            yagot_traverse(value, visit_function, s);   /* what wraps a function: a class method, a property */
        }
    }
}

PyObject *
yagot_frame_qualname(PyFrameObject *frame)
{
    PyObject *globals = frame->f_globals;
    name_search s = {.code = frame->f_code, .module = PyDict_GetItemString(globals, "__name__")};
    if (s.module != NULL && PyUnicode_CheckExact(s.module)) {
        search_names(&s, globals, 0);
    }
    PyErr_Clear();
    return s.qualname != NULL ? s.qualname : Py_NewRef(s.code->co_name);
}

#endif

PyObject *
yagot_globals_of(PyObject *object)
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
