/* setters.h - whose code sets an attribute, or hands out a method.
 *
 * In:  types, names and a cycle with its steps, which stay the caller's; none of their code is run.
 * Out: borrowed types and names. No exception is left behind; when memory is short less is found.
 */
#ifndef YAGOT_SETTERS_H
#define YAGOT_SETTERS_H

#include "explain/cycle.h"

/* Where a name is in a tuple; -1 if it is not. */
Py_ssize_t yagot_index_of(PyObject *tuple, PyObject *name);
/* The first class along the MRO that has the attribute or whose methods set it; not `set`: that mentions it at least.
 * NULL if there is none. */
PyTypeObject *yagot_class_with(PyTypeObject *type, PyObject *name, bool set);
/* Do the class's own methods set the attribute? */
bool yagot_methods_set(PyTypeObject *type, PyObject *name);
/* Or read it from their instance as a value, not to call it at once? */
bool yagot_methods_hand_out(PyTypeObject *type, PyObject *name);
/* The class of the descriptor by which instances of a type store the attribute, as those of ORMs do, if it was made by
 * a class statement and no method sets the attribute; or NULL. */
PyTypeObject *yagot_storing_descriptor(PyTypeObject *type, PyObject *name);
/* The class of an object on the cycle that sets the attribute: of what it adds to itself, as a container does. */
PyTypeObject *yagot_class_on_cycle(const yagot_cycle *cycle, PyObject *name);

typedef struct {
    PyObject *module;       /* the name of the module that sets the attribute, or NULL */
    PyObject *callable;     /* else: that of the first function that an object on the cycle has, or NULL */
    bool own;               /* it is the module of the type or one of its bases */
} yagot_setter;

/* Looks for code that sets an attribute of a type in the modules of all objects on the cycle: those of their classes,
 * and of the functions that they are or have, as functools.partial does. */
yagot_setter yagot_find_setter(PyTypeObject *type, PyObject *name, const yagot_cycle *cycle);
/* Does code of the project set an attribute of this name? `modules`: see makers.h. */
bool yagot_project_sets(PyObject *modules, PyObject *name);

#endif
