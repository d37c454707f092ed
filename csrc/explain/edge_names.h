/* edge_names.h - private to edges.c: appends one reference to a name.
 *
 * In:  what the reference is called, borrowed.
 * Out: text and an edge in the name. All return true, so that a search can end with them; short memory marks the texts.
 */
#ifndef YAGOT_EDGE_NAMES_H
#define YAGOT_EDGE_NAMES_H

#include "explain/edges.h"

/* ".__mro__", ".__exit__": a field that the interpreter or a C type defines; the label begins with the dot. */
bool yagot_name_field(yagot_edge_name *name, const char *label);
/* The same without the dot in the label. */
bool yagot_name_member(yagot_edge_name *name, const char *member);
/* A reference that has a kind and no name of its own. */
bool yagot_name_role(yagot_edge_name *name, yagot_edge_kind kind, const char *label);
/* "[3]" */
bool yagot_name_index(yagot_edge_name *name, Py_ssize_t index);
/* ".left": an item of a tuple that its class has a name for */
bool yagot_name_item(yagot_edge_name *name, const char *field);
/* ".parent" */
bool yagot_name_attribute(yagot_edge_name *name, PyObject *attribute);
/* " local 'x'" */
bool yagot_name_local(yagot_edge_name *name, PyObject *variable);
/* "['key']", or ".key" where the dict is that of an instance. */
bool yagot_name_key(yagot_edge_name *name, PyObject *key, bool attributes);

#endif
