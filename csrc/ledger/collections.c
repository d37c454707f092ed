/* collections.c - observe: what happens around a collection inside a window. See births.h. */
#include "ledger/births.h"
#include "base/describe.h"

/* Brings the births of generation 1 back into generation 0. */
static int
bring_back(yagot_ledger *self)
{
    PyObject *list = yagot_get_objects(self, 1);
    if (list == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        yagot_rejuvenate(PyList_GET_ITEM(list, i));
    }
    Py_DECREF(list);
    self->aged = 0;
    return 0;
}

/* After a young collection its survivors are in generation 1: when they have doubled, bring them back. */
static void
let_age(yagot_ledger *self, Py_ssize_t alive, bool all)
{
    self->aged += alive;
    if (all) {
        self->aged_limit = alive * 2 > YAGOT_FIRST_LIMIT ? alive * 2 : YAGOT_FIRST_LIMIT;
    }
}

int
yagot_before_collection(yagot_ledger *self, int generation)
{
    yagot_snapshot snapshot;
    yagot_found found;
    self->seen++;
    bool all = self->state->generations && generation == 0 && self->aged >= self->aged_limit;
    if (all && bring_back(self) < 0) {
        return -1;
    }
    int result = yagot_take_births(self, &snapshot, generation);
    if (result == 0) {
        yagot_be_gentle(generation > 0);        /* the test will see how many objects are collected */
        result = yagot_look(self, &snapshot, &found);
        yagot_be_gentle(false);
    }
    if (result == 0) {
        self->born += found.garbage;
        self->garbage += found.garbage;
        if (generation == 0) {
            let_age(self, (Py_ssize_t)snapshot.count - found.garbage, all);
        }
        else if (self->state->generations) {
            result = yagot_remember_promoted(self, &snapshot);
            self->aged = 0;
        }
    }
    if (result == 0) {
        yagot_describe(self);
    }
    yagot_snapshot_fini(&snapshot);
    return result;
}

Py_ssize_t
yagot_read_number(PyObject *info, const char *key)
{
    PyObject *number = PyDict_Check(info) ? PyDict_GetItemString(info, key) : NULL;
    return number != NULL && PyLong_Check(number) ? PyLong_AsSsize_t(number) : 0;
}

int
yagot_after_collection(yagot_ledger *self, PyObject *info)
{
    Py_ssize_t debug = yagot_call_number(self->state->gc_get_debug);
    if (debug == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (debug & 32) {           /* DEBUG_SAVEALL: the test wanted its garbage kept */
        yagot_forget_predictions(self);
        return 0;
    }
    return yagot_check_predictions(self, yagot_read_number(info, "generation") >= 1 ? 2 : 1, true);
}
