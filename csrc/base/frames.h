/* frames.h - the variables of frames, read without changing anything of them.
 *
 * In:  a frame, borrowed.
 * Out: calls of a visitor with borrowed objects, and the frame's dicts.
 * No exception is left behind.
 */
#ifndef YAGOT_FRAMES_H
#define YAGOT_FRAMES_H

#include "core.h"

/* Called with a variable's name and value, both borrowed; in_cell: the frame holds a cell, and that the value. Anything
 * but 0 ends the walk. */
typedef int (*yagot_variable_visitor)(PyObject *name, PyObject *value, bool in_cell, void *arg);

/* Visits the variables that are bound; what the visitor has ended with, or 0. No exception is left behind. */
int yagot_visit_variables(PyFrameObject *frame, yagot_variable_visitor visit, void *arg);
/* The module's dict that a frame runs in; a new reference. */
PyObject *yagot_frame_globals(PyFrameObject *frame);
/* The dict that code outside of functions keeps its variables in; borrowed, NULL if there is none or it cannot be asked
 * for without changing it. */
PyObject *yagot_frame_namespace(PyFrameObject *frame);
/* The dict that f_locals of a running function has made of its variables; borrowed, NULL if nobody has asked for it. */
PyObject *yagot_frame_copy(PyFrameObject *frame);

/* The qualified name of the function whose frame it is; a new reference. Before 3.11 code does not know it: it is that
 * of the function of the module that has the code, or in which it is defined; the plain name if there is none. */
PyObject *yagot_frame_qualname(PyFrameObject *frame);

/* The globals of a function, frame or generator; a new reference, or NULL. */
PyObject *yagot_globals_of(PyObject *object);

#endif
