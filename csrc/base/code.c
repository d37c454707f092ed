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
    yagot_access access;
    Py_ssize_t names;           /* how many the code has */
    int (*visit)(Py_ssize_t, void *);
    void *arg;
} access_visitor;

/* The index of the attribute's name in an instruction that accesses it so; -1 of all others. From 3.12 on the argument
 * says also whether the attribute is read to be called; before, that is another instruction. */
static Py_ssize_t
name_in(yagot_access access, int opcode, Py_ssize_t argument)
{
    if (access == YAGOT_STORED) {
        return opcode == STORE_ATTR ? argument : -1;
    }
#if PY_VERSION_HEX >= 0x030C0000
    return opcode == LOAD_ATTR && (argument & 1) == 0 ? argument >> 1 : -1;
#else
    return opcode == LOAD_ATTR ? argument : -1;
#endif
}

static int
visit_access(int opcode, Py_ssize_t argument, void *arg)
{
    access_visitor *v = arg;
    Py_ssize_t index = name_in(v->access, opcode, argument);
    return index >= 0 && index < v->names ? v->visit(index, v->arg) : 0;
}

int
yagot_visit_accesses(PyCodeObject *code, yagot_access access, int (*visit)(Py_ssize_t, void *), void *arg)
{
    access_visitor v = {access, PyTuple_GET_SIZE(code->co_names), visit, arg};
    return visit_instructions(code, visit_access, &v);
}

/* Does an instruction store to the local variable with the wanted number? Two of them have two numbers of four bits. */
static int
binds_variable(int opcode, Py_ssize_t argument, void *arg)
{
    enum { HALF = 4, ONE = 15 };
    Py_ssize_t wanted = *(Py_ssize_t *)arg;
    bool found = opcode == STORE_FAST && argument == wanted;
#if PY_VERSION_HEX >= 0x030D0000
    found |= (opcode == STORE_FAST_LOAD_FAST || opcode == STORE_FAST_STORE_FAST) && argument >> HALF == wanted;
    found |= opcode == STORE_FAST_STORE_FAST && (argument & ONE) == wanted;
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
