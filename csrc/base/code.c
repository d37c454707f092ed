/* code.c - see code.h. */
#include "base/code.h"

#include <opcode.h>

/* The instructions, as the compiler has made them; a new reference, or NULL. */
static PyObject *
instructions_of(PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *bytes = PyCode_GetCode(code);
#else
    PyObject *bytes = Py_NewRef(code->co_code);
#endif
    PyErr_Clear();
    if (bytes != NULL && !PyBytes_Check(bytes)) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

PyObject *
yagot_variables_of(PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *names = PyCode_GetVarnames(code);
    PyErr_Clear();
    return names;
#else
    return Py_NewRef(code->co_varnames);
#endif
}

/* An instruction for two variables has two numbers of four bits. */
enum { HALF = 4, SECOND = 15 };

/* Visits instructions with their arguments, until the visitor returns something other than 0. */
static int
visit_instructions(PyCodeObject *code, int (*visit)(int opcode, Py_ssize_t argument, void *), void *arg)
{
    PyObject *bytes = instructions_of(code);
    if (bytes == NULL) {
        return 0;
    }
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(bytes), *end = at + PyBytes_GET_SIZE(bytes);
    Py_ssize_t argument = 0;
    int result = 0;
    for (; at + 1 < end && result == 0; at += 2) {
        argument = argument << 8 | at[1];
        result = visit(at[0], argument, arg);
        argument = at[0] == EXTENDED_ARG ? argument : 0;
    }
    Py_DECREF(bytes);
    return result;
}

typedef struct {
    Py_ssize_t names;           /* how many the code has */
    int (*visit)(Py_ssize_t, void *);
    void *arg;
} store_visitor;

static int
visit_store(int opcode, Py_ssize_t argument, void *arg)
{
    store_visitor *v = arg;
    return opcode == STORE_ATTR && argument < v->names ? v->visit(argument, v->arg) : 0;
}

int
yagot_visit_stores(PyCodeObject *code, int (*visit)(Py_ssize_t, void *), void *arg)
{
    store_visitor v = {PyTuple_GET_SIZE(code->co_names), visit, arg};
    return visit_instructions(code, visit_store, &v);
}

/* -- attributes that are handed out --------------------------------------------------------------- */

typedef struct {
    PyCodeObject *code;
    PyObject *variable;
    Py_ssize_t attribute;
    bool loaded, read;          /* by the instruction before: the variable, its attribute */
} handing_out;

/* The number of the variable that an instruction leaves on top of the stack; -1 if none. Cells are counted with the
 * other variables from 3.11 on. */
static Py_ssize_t
variable_loaded(int opcode, Py_ssize_t argument)
{
    switch (opcode) {
    case LOAD_FAST:
#if PY_VERSION_HEX >= 0x030B0000
    case LOAD_DEREF:
#endif
#if PY_VERSION_HEX >= 0x030C0000
    case LOAD_FAST_CHECK:
#endif
#if PY_VERSION_HEX >= 0x030E0000
    case LOAD_FAST_BORROW:
#endif
        return argument;
#if PY_VERSION_HEX >= 0x030D0000
    case LOAD_FAST_LOAD_FAST:
    case STORE_FAST_LOAD_FAST:
#endif
#if PY_VERSION_HEX >= 0x030E0000
    case LOAD_FAST_BORROW_LOAD_FAST_BORROW:
#endif
#if PY_VERSION_HEX >= 0x030D0000
        return argument & SECOND;
#endif
    default:
        return -1;
    }
}

/* Is it the variable that is wanted? */
static bool
loads(const handing_out *h, int opcode, Py_ssize_t argument)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *names = h->code->co_localsplusnames;
#else
    PyObject *names = h->code->co_varnames;
    if (opcode == LOAD_DEREF) {
        Py_ssize_t cells = PyTuple_GET_SIZE(h->code->co_cellvars);
        names = argument < cells ? h->code->co_cellvars : h->code->co_freevars;
        argument -= argument < cells ? 0 : cells;
        opcode = LOAD_FAST;
    }
#endif
    Py_ssize_t number = variable_loaded(opcode, argument);
    return number >= 0 && number < PyTuple_GET_SIZE(names)
           && PyUnicode_Compare(PyTuple_GET_ITEM(names, number), h->variable) == 0;
}

/* Does an instruction read the wanted attribute of what is on top of the stack, not to call it at once? From 3.12 on
 * the argument says whether it is read to be called; before, that is another instruction. */
static bool
reads(const handing_out *h, int opcode, Py_ssize_t argument)
{
#if PY_VERSION_HEX >= 0x030C0000
    return opcode == LOAD_ATTR && argument == h->attribute << 1;
#else
    return opcode == LOAD_ATTR && argument == h->attribute;
#endif
}

/* Is an attribute of what is on top of the stack asked for, or nothing done with it? */
static bool
lets_go(int opcode)
{
#if PY_VERSION_HEX < 0x030C0000
    if (opcode == LOAD_METHOD) {
        return true;
    }
#endif
    return opcode == LOAD_ATTR || opcode == STORE_ATTR || opcode == DELETE_ATTR || opcode == POP_TOP;
}

static int
visit_handing_out(int opcode, Py_ssize_t argument, void *arg)
{
    handing_out *h = arg;
    bool between = opcode == EXTENDED_ARG;
#if PY_VERSION_HEX >= 0x030B0000
    between = between || opcode == CACHE;
#endif
    if (between) {
        return 0;
    }
    if (h->read && !lets_go(opcode)) {
        return 1;
    }
    h->read = h->loaded && reads(h, opcode, argument);
    h->loaded = loads(h, opcode, argument);
    return 0;
}

bool
yagot_hands_out(PyCodeObject *code, PyObject *variable, Py_ssize_t attribute)
{
    handing_out h = {.code = code, .variable = variable, .attribute = attribute};
    return visit_instructions(code, visit_handing_out, &h) != 0;
}

/* -- variables, and how a frame was left ---------------------------------------------------------- */

/* Does an instruction store to the local variable with the wanted number? */
static int
binds_variable(int opcode, Py_ssize_t argument, void *arg)
{
    Py_ssize_t wanted = *(Py_ssize_t *)arg;
    bool found = opcode == STORE_FAST && argument == wanted;
#if PY_VERSION_HEX >= 0x030D0000
    found |= (opcode == STORE_FAST_LOAD_FAST || opcode == STORE_FAST_STORE_FAST) && argument >> HALF == wanted;
    found |= opcode == STORE_FAST_STORE_FAST && (argument & SECOND) == wanted;
#endif
#if PY_VERSION_HEX >= 0x030B0000
    found |= opcode == STORE_DEREF && argument == wanted;
#endif
    return found;
}

bool
yagot_binds_variable(PyCodeObject *code, Py_ssize_t number)
{
    return visit_instructions(code, binds_variable, &number) != 0;
}

bool
yagot_was_left_by_raise(PyTracebackObject *traceback)
{
    PyCodeObject *code = traceback->tb_frame != NULL ? PyFrame_GetCode(traceback->tb_frame) : NULL;
    PyObject *bytes = code != NULL ? instructions_of(code) : NULL;
    bool known = bytes != NULL && traceback->tb_lasti >= 0 && traceback->tb_lasti < PyBytes_GET_SIZE(bytes);
    bool raised = known && (unsigned char)PyBytes_AS_STRING(bytes)[traceback->tb_lasti] == RAISE_VARARGS;
    Py_XDECREF(bytes);
    Py_XDECREF(code);
    return raised;
}
