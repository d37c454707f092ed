/* edges.h - the name of a reference, as Python source would write it.
 *
 * In:  two living objects, borrowed; none of their code is run.
 * Out: text and edges that the yagot_edge_name owns. Short memory marks its texts; no exception is left behind.
 */
#ifndef YAGOT_EDGES_H
#define YAGOT_EDGES_H

#include "core.h"
#include "base/text.h"

#if PY_VERSION_HEX < 0x030C0000
#  include <structmember.h>
#endif

typedef enum {
    YAGOT_EDGE_UNKNOWN,
    YAGOT_EDGE_ATTRIBUTE,
    YAGOT_EDGE_FIELD,           /* of the interpreter's or a C type's own: __mro__, tb_frame */
    YAGOT_EDGE_ITEM,            /* of a named tuple, by its field's name */
    YAGOT_EDGE_KEY,             /* is a key of the dict */
    YAGOT_EDGE_MEMBER,          /* of a set */
    YAGOT_EDGE_LOCAL,
    YAGOT_EDGE_CELL,            /* a captured variable whose name is known */
    YAGOT_EDGE_ITERATED,
} yagot_edge_kind;

/* One reference of a path; its name is a part of the path's text, empty if it has none. */
typedef struct {
    yagot_edge_kind kind;
    uint32_t start, end;
} yagot_edge;

enum { YAGOT_MOST_EDGES = 8 };

/* A path of references, as text in two forms: as shown, and general, for causes: without indices and odd keys; and
 * as data, the first references of it. Zeroed to begin with. */
typedef struct {
    yagot_text shown, general;
    yagot_edge edges[YAGOT_MOST_EDGES];
    uint32_t count;
    uint32_t skip;              /* so many earlier attributes that lead to the same object are not meant */
} yagot_edge_name;

void yagot_edge_name_fini(yagot_edge_name *name);

/* Appends the name of the reference from one object to another: ".parent", "['key']", "[3]",
 * " local 'x'"; " ->" (an arrow) if it is not known. `is_part`: `from` was reached as a part of another object. Returns
 * true, and appends nothing, if `to` is a part of `from`. */
bool yagot_add_edge(yagot_edge_name *name, PyObject *from, PyObject *to, bool is_part);

/* Appends " (x)": the last reference is from a cell that stands for this variable. */
void yagot_name_variable(yagot_edge_name *name, PyObject *variable);

/* Is `to` an item of `from`, a list, tuple or dict of whatever class? */
bool yagot_is_item(PyObject *from, PyObject *to);
/* Is a member that a type declares an object? */
bool yagot_is_object_member(const PyMemberDef *member);
/* The variable that a cell of a function's closure stands for; a new reference, or NULL. */
PyObject *yagot_closure_variable(PyObject *function, PyObject *closure, PyObject *cell);

#endif
