/* untrack.h - hides what yagot itself keeps from the collector, and from every look at all objects.
 *
 * In:  the root of a tree that is the caller's and stays so.
 * Out: the same objects, untracked. -1 without an exception when memory is short.
 */
#ifndef YAGOT_UNTRACK_H
#define YAGOT_UNTRACK_H

#include "core.h"

/* Hides a tree from the collector: the root, all instances of the type, lists and dicts that nobody else holds, and all
 * tuples. It has to be free of cycles. -1 when memory is short: then a part of it stays as it was. */
int yagot_untrack_tree(PyObject *root, PyTypeObject *type);

#endif
