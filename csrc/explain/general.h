/* general.h - a step of a cycle in general, as causes have it.
 *
 * In:  steps and types, which stay the caller's; none of their code is run.
 * Out: a text that the caller frees with PyMem_RawFree, NULL when memory is short.
 */
#ifndef YAGOT_GENERAL_H
#define YAGOT_GENERAL_H

#include "explain/cycle.h"

/* Does the module of a class, made by a class statement, have it under its name? If not, it was made at run time. */
bool yagot_is_named(PyTypeObject *type);

/* The class that causes name for another: itself, or its nearest base that its module has under its name; others were
 * made at run time. Borrowed. */
PyTypeObject *yagot_named_class(PyTypeObject *type);

/* Is the file of some code, of a function, frame or generator, no file of Python's? */
bool yagot_is_generated(PyObject *object);

/* A step in general; `before` is the one that leads to it. `declares`: the class to name for an attribute, or NULL;
 * `made`: what stands for code that was made at run time, or NULL if it was not; `any_name`: the attribute's name is
 * data. */
char *yagot_step_in_general(const yagot_step *step, const yagot_step *before, PyTypeObject *declares,
                            const char *made, bool any_name);

#endif
