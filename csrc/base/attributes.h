/* attributes.h - names of attributes, without making anything.
 *
 * Naming a reference may make an object that Python makes when it is asked, an instance's dict. The collector would
 * count it: while somebody else's collection waits for us, we are gentle, and do without. A generator's frame is not
 * tracked.
 *
 * In:  objects and code, borrowed.
 * Out: borrowed names and dicts, or NULL. No exception is left behind; when memory is short nothing is found.
 */
#ifndef YAGOT_ATTRIBUTES_H
#define YAGOT_ATTRIBUTES_H

#include "core.h"

/* Per thread. What was learnt of classes is forgotten when gentleness ends: they may go then. */
void yagot_be_gentle(bool gentle);
bool yagot_is_gentle(void);

/* The name of the attribute of an instance with a managed dict that has a value: one of those that the methods of its
 * classes or of the value's assign to, the functions that are running, or others of the modules that these are from.
 * Borrowed; NULL if none of them leads to the value. */
PyObject *yagot_guess_attribute(PyObject *object, PyObject *value);
/* The dict of an instance if it has been made, found without making it. Borrowed, or NULL. */
PyObject *yagot_existing_dict(PyObject *object);

#endif
