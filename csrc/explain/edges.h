/* edges.h - the name of a reference, as Python source would write it. */
#ifndef YAGOT_EDGES_H
#define YAGOT_EDGES_H

#include "core.h"
#include "base/text.h"

/* A name in two forms: as shown, and general, for signatures: without indices and odd keys. */
typedef struct {
    yagot_text shown, general;
} yagot_edge_name;

/* Appends the name of the reference from one object to another: ".parent", "['key']", "[3]",
 * " local 'x'"; " ->" (an arrow) if it is not known. `is_part`: `from` was reached as a part of another object. Returns
 * true, and appends nothing, if `to` is a part of `from`. */
bool yagot_add_edge(yagot_edge_name *name, PyObject *from, PyObject *to, bool is_part);

/* Is `to` an item of `from`, a list, tuple or dict of whatever class? */
bool yagot_is_item(PyObject *from, PyObject *to);

#endif
