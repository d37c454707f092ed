/* makers.h - whose code has made the references of a cycle: the project's, or somebody else's.
 *
 * `modules` is a dict, borrowed: the name of a module -> 0 for the project's, 1 for the standard library's, 2 for other
 * people's. A module that is not in it is the project's.
 *
 * In:  a cycle with its steps, which stays the caller's.
 * Out: the steps' makers and the cause in general, which the cycle owns.
 */
#ifndef YAGOT_MAKERS_H
#define YAGOT_MAKERS_H

#include "explain/cycle.h"

/* Could a reference from this object be of the project's making? */
bool yagot_may_be_projects(PyObject *modules, PyObject *object);
/* Whose the class and its bases are, and which of them their modules have under their names, as one number; YAGOT_NONE
 * if there are too many for that. */
uint32_t yagot_whose_classes(PyObject *modules, PyTypeObject *type);
/* Whose a function, frame or generator is, and how its code was made, as one number. */
uint32_t yagot_whose_code(PyObject *modules, PyObject *object);
/* Fills in the makers of all steps, whether one is of the project, and the cause in general; -1 when memory is
 * short. */
int yagot_find_makers(PyObject *modules, yagot_cycle *cycle);

#endif
