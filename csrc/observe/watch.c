/* watch.c - see watch.h. */
#include "observe/watch.h"

typedef struct {
    PyObject_HEAD
    bool met;
} watch;

static int
watch_traverse(watch *self, visitproc visit, void *arg)
{
    self->met = true;
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
watch_dealloc(watch *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot watch_slots[] = {
    {Py_tp_dealloc, watch_dealloc},
    {Py_tp_traverse, watch_traverse},
    {0, NULL},
};

static PyType_Spec watch_spec = {
    .name = "yagot._core.Watch",
    .basicsize = sizeof(watch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = watch_slots,
};

int
yagot_watch_ready(PyObject *module, yagot_state *state)
{
    state->watch_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &watch_spec, NULL);
    return state->watch_type != NULL ? 0 : -1;
}

PyObject *
yagot_watch_new(yagot_state *state)
{
    watch *self = (watch *)state->watch_type->tp_alloc(state->watch_type, 0);
    if (self != NULL) {
        self->met = true;
    }
    return (PyObject *)self;
}

bool
yagot_watch_was_met(PyObject *object)
{
    return ((watch *)object)->met;
}

void
yagot_watch_reset(PyObject *object)
{
    ((watch *)object)->met = false;
}
