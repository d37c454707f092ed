/* test_labels.c - see test_labels.h. */
#include "observe/test_labels.h"

int
yagot_labels_put(yagot_idtable *labels, const void *address, uint32_t label)
{
    uint32_t *slot = yagot_idtable_slot(labels, address);
    if (slot == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *slot = label;
    return 0;
}

static int
put_generation(yagot_idtable *labels, yagot_gc *gc, int generation, uint32_t label, uint32_t except)
{
    PyObject *list = yagot_gc_objects(gc, generation);
    int result = list != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        if (except == 0 || yagot_labels_get(labels, object) != except) {
            result = yagot_labels_put(labels, object, label);
        }
    }
    Py_XDECREF(list);
    return result;
}

int
yagot_labels_put_young(yagot_idtable *labels, yagot_gc *gc, uint32_t label, uint32_t except)
{
    int result = 0;
    for (int generation = 0; result == 0 && generation < (gc->state->generations ? 2 : 0); generation++) {
        result = put_generation(labels, gc, generation, label, except);
    }
    return result;
}

/* -- the objects behind the labels ---------------------------------------------------------------- */

typedef struct {
    yagot_idtable *labels;
    PyObject **objects;         /* owned array, and the references in it */
    Py_ssize_t count, room;
    bool failed;
} search;

static int
visit_object(PyObject *object, void *arg)
{
    search *s = arg;
    if (yagot_labels_get(s->labels, object) == 0) {
        return 1;
    }
    if (s->count == s->room) {
        Py_ssize_t room = s->room * 2 + 64;
        PyObject **grown = PyMem_RawRealloc(s->objects, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            s->failed = true;
            return 0;
        }
        s->objects = grown;
        s->room = room;
    }
    s->objects[s->count++] = Py_NewRef(object);
    return 1;
}

PyObject *
yagot_labels_objects(yagot_idtable *labels, yagot_gc *gc)
{
    search s = {.labels = labels};
    PyObject *list = NULL;
    if (yagot_gc_visit_all(gc, visit_object, &s) == 0 && !s.failed) {
        list = yagot_gc_new_hidden_list(s.count);
    }
    for (Py_ssize_t i = 0; i < s.count; i++) {
        if (list != NULL) {
            PyList_SET_ITEM(list, i, s.objects[i]);
        }
        else {
            Py_DECREF(s.objects[i]);
        }
    }
    PyMem_RawFree(s.objects);
    if (list == NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return list;
}
