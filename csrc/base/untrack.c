/* untrack.c - see untrack.h. */
#include "base/untrack.h"

#include "base/array.h"

typedef struct {
    PyTypeObject *type;
    yagot_objects pending;      /* the tree holds them */
    bool failed;
} hiding;

static void
hide(hiding *h, PyObject *object)
{
    if (yagot_objects_add(&h->pending, object) < 0) {
        h->failed = true;
        return;
    }
    PyObject_GC_UnTrack(object);
}

/* What somebody else holds, too, is not the tree's alone: the one ast.Load() of all trees. A tuple stays as it is. */
static int
visit(PyObject *object, void *arg)
{
    hiding *h = arg;
    bool part = PyList_CheckExact(object) || PyDict_CheckExact(object) || PyObject_TypeCheck(object, h->type);
    if (((part && Py_REFCNT(object) == 1) || PyTuple_Check(object)) && yagot_is_tracked(object)) {
        hide(h, object);
    }
    return 0;
}

int
yagot_untrack_tree(PyObject *root, PyTypeObject *type)
{
    hiding h = {.type = type};
    hide(&h, root);
    while (h.pending.count > 0 && !h.failed) {
        yagot_traverse(h.pending.items[--h.pending.count], visit, &h);
    }
    yagot_objects_fini(&h.pending);
    return h.failed ? -1 : 0;
}
