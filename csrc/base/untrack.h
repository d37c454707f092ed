/* untrack.h - what yagot itself keeps need not be looked at by any collection, nor by any look at all objects. */
#ifndef YAGOT_UNTRACK_H
#define YAGOT_UNTRACK_H

#include "core.h"

/* Hides a tree from the collector: the root, and all instances of the type, lists and dicts that nobody else holds. It
 * has to be free of cycles. -1 when memory is short: then a part of it stays as it was. */
int yagot_untrack_tree(PyObject *root, PyTypeObject *type);

#endif
