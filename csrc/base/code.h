/* code.h - what code does, read from its instructions.
 *
 * In:  code and tracebacks, borrowed; nothing is run.
 * Out: calls of a visitor, and answers. No exception is left behind; when memory is short nothing is found.
 */
#ifndef YAGOT_CODE_H
#define YAGOT_CODE_H

#include "core.h"

/* The names of code's local variables, its parameters first; a new reference to a tuple, or NULL. */
PyObject *yagot_variables_of(PyCodeObject *code);
/* Visits the names that code stores to as attributes, as indices into its co_names, until the visitor returns something
 * other than 0; returns that, or 0. */
int yagot_visit_stores(PyCodeObject *code, int (*visit)(Py_ssize_t index, void *arg), void *arg);
/* Does code read an attribute of what is in a variable, and do something else with it than call it or ask it for an
 * attribute? The attribute's name is an index into co_names; the variable may be one of a function around. */
bool yagot_hands_out(PyCodeObject *code, PyObject *variable, Py_ssize_t attribute);
/* Does code give its local variable with a number a value? A parameter has one already. */
bool yagot_binds_variable(PyCodeObject *code, Py_ssize_t number);
/* Was a frame left by a raise statement, where a traceback says that it was left? */
bool yagot_was_left_by_raise(PyTracebackObject *traceback);

#endif
