/* untrack.c - see untrack.h. */
#include "base/untrack.h"

#include "base/array.h"

typedef struct {
    PyTypeObject *type;
    PyObject **pending;         /* owned array; borrowed objects, which the tree holds */
    size_t count, room;
    bool failed;
} hiding;

static void
hide(hiding *h, PyObject *object)
{
    PyObject **grown = yagot_array_grow(h->pending, h->count, &h->room, sizeof *grown);
    if (grown == NULL) {
        h->failed = true;
        return;
    }
    h->pending = grown;
    h->pending[h->count++] = object;
    PyObject_GC_UnTrack(object);
}

/* What somebody else holds, too, is not the tree's alone: the one ast.Load() of all trees. */
static int
visit(PyObject *object, void *arg)
{
    hiding *h = arg;
    bool part = PyList_CheckExact(object) || PyDict_CheckExact(object) || PyObject_TypeCheck(object, h->type);
    if (part && Py_REFCNT(object) == 1 && yagot_is_tracked(object)) {
        hide(h, object);
    }
    return 0;
}

int
yagot_untrack_tree(PyObject *root, PyTypeObject *type)
{
    hiding h = {.type = type};
    hide(&h, root);
    while (h.count > 0 && !h.failed) {
        yagot_traverse(h.pending[--h.count], visit, &h);
    }
    PyMem_RawFree(h.pending);
    return h.failed ? -1 : 0;
}
