/* code.h - what code does, read from its instructions.
 *
 * In:  code and tracebacks, borrowed; nothing is run.
 * Out: calls of a visitor, and answers. No exception is left behind; when memory is short nothing is found.
 */
#ifndef YAGOT_CODE_H
#define YAGOT_CODE_H

#include "core.h"

typedef enum {
    YAGOT_STORED,
    YAGOT_READ,                 /* as a value, not to be called at once */
} yagot_access;

/* Visits the names of the attributes that code stores to or reads, as indices into its co_names, until the visitor
 * returns something other than 0; returns that, or 0. */
int yagot_visit_accesses(PyCodeObject *code, yagot_access access, int (*visit)(Py_ssize_t index, void *arg),
                         void *arg);
/* Does code give its local variable with a number a value? A parameter has one already. */
bool yagot_binds_variable(PyCodeObject *code, Py_ssize_t number);
/* Was a frame left by a raise statement, where a traceback says that it was left? */
bool yagot_was_left_by_raise(PyTracebackObject *traceback);

#endif
