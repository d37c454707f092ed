/* gc_settings.c - observe: the collector as the gc module shows it, and its settings around a window. See births.h. */
#include "ledger/births.h"

enum { NEVER = 1 << 30 };

/* -- asking it ----------------------------------------------------------------------------------- */

Py_ssize_t
yagot_call_number(PyObject *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    Py_ssize_t number = result != NULL ? PyLong_AsSsize_t(result) : -1;
    Py_XDECREF(result);
    return number;
}

/* The list is ours: the collector need not know it, nor may it count as born. */
static PyObject *
hide(PyObject *list)
{
    if (list != NULL) {
        PyObject_GC_UnTrack(list);
    }
    return list;
}

PyObject *
yagot_get_objects(yagot_ledger *self, int generation)
{
    if (!self->state->generations) {
        return yagot_get_all_objects(self);
    }
    return hide(PyObject_CallFunction(self->state->gc_get_objects, "i", generation));
}

PyObject *
yagot_get_all_objects(yagot_ledger *self)
{
    return hide(PyObject_CallNoArgs(self->state->gc_get_objects));
}

PyObject *
yagot_new_hidden_list(Py_ssize_t size)
{
    return hide(PyList_New(size));
}

/* How many collections of any generation there were; -1 with an exception set. */
Py_ssize_t
yagot_count_collections(yagot_ledger *self)
{
    PyObject *stats = PyObject_CallNoArgs(self->state->gc_get_stats);
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; stats != NULL && i < PyList_GET_SIZE(stats); i++) {
        PyObject *number = PyDict_GetItemString(PyList_GET_ITEM(stats, i), "collections");
        count += number != NULL ? PyLong_AsSsize_t(number) : 0;
    }
    if (stats == NULL) {
        return -1;
    }
    Py_DECREF(stats);
    return count;
}

static int
set_debug(yagot_state *state, Py_ssize_t flags)
{
    PyObject *result = PyObject_CallFunction(state->gc_set_debug, "n", flags);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Collects for ourselves: whatever debug flags the test has set are off meanwhile, and gc.garbage does not
 * grow by what we report. Returns -1 with an exception set. */
int
yagot_collect(yagot_ledger *self, int generation)
{
    yagot_state *state = self->state;
    Py_ssize_t debug = yagot_call_number(state->gc_get_debug), kept = PyList_GET_SIZE(state->gc_garbage);
    if (debug == -1 && PyErr_Occurred()) {
        return -1;
    }
    PyObject *result;
    if (debug != 0 && set_debug(state, 0) < 0) {
        return -1;
    }
    self->own = true;
    self->own_started = false;
    self->uncollectable_by_own = 0;
    result = PyObject_CallFunction(state->gc_collect, "i", generation);
    self->own = false;
    bool collected = result != NULL && (debug == 0 || set_debug(state, debug) == 0);
    if (result == NULL && debug != 0) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        (void)set_debug(state, debug);
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF(result);
    if (!collected) {
        return -1;
    }
    if (!self->own_started) {
        self->incomplete = "another thread was collecting";
    }
    if (self->uncollectable_by_own > 0 && PyList_GET_SIZE(state->gc_garbage) > kept) {
        return PyList_SetSlice(state->gc_garbage, kept, PY_SSIZE_T_MAX, NULL);
    }
    return 0;
}

/* Moves a tracked object into the youngest generation. */
void
yagot_rejuvenate(PyObject *object)
{
    if (yagot_is_tracked(object)) {
        PyObject_GC_UnTrack(object);
        PyObject_GC_Track(object);
    }
}

/* -- its settings around a window ------------------------------------------------------------------ */

int
yagot_install_callback(yagot_ledger *self)
{
    PyObject *callbacks = self->state->gc_callbacks;
    if (self->callback == NULL) {
        self->callback = yagot_get_attribute((PyObject *)self, "_on_collection");
        if (self->callback == NULL) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(callbacks); i++) {
        if (PyList_GET_ITEM(callbacks, i) == self->callback) {
            return 0;
        }
    }
    return PyList_Append(callbacks, self->callback);
}

int
yagot_remove_callback(yagot_ledger *self)
{
    PyObject *callbacks = self->state->gc_callbacks;
    for (Py_ssize_t i = PyList_GET_SIZE(callbacks); i-- > 0;) {
        if (PyList_GET_ITEM(callbacks, i) == self->callback
            && PyList_SetSlice(callbacks, i, i + 1, NULL) < 0) {
            return -1;
        }
    }
    Py_CLEAR(self->callback);       /* it refers to us */
    return 0;
}

/* Keeps the automatic collector to the youngest generation; where there are none, switches it off. */
int
yagot_narrow_threshold(yagot_ledger *self)
{
    if (self->user_threshold == NULL) {     /* else memory was too short to give the last one back */
        self->user_threshold = PyObject_CallNoArgs(self->state->gc_get_threshold);
    }
    if (self->user_threshold == NULL) {
        return -1;
    }
    PyObject *zero = PyLong_FromLong(0);
    PyObject *first = self->state->generations ? PyTuple_GET_ITEM(self->user_threshold, 0) : zero;
    PyObject *result = zero == NULL ? NULL
        : PyObject_CallFunction(self->state->gc_set_threshold, "Oii", first, NEVER, NEVER);
    Py_XDECREF(zero);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Gives the thresholds back, unless the test has set its own. */
static int
restore_threshold(yagot_ledger *self)
{
    if (self->user_threshold == NULL) {
        return 0;
    }
    PyObject *now = PyObject_CallNoArgs(self->state->gc_get_threshold), *result = NULL;
    if (now == NULL) {
        return -1;
    }
    if (PyLong_AsLong(PyTuple_GET_ITEM(now, 1)) != NEVER) {
        result = Py_NewRef(Py_None);
    }
    else {
        /* threshold 0 may be the test's, 1 and 2 are ours */
        PyObject *first = PyTuple_GET_ITEM(self->state->generations ? now : self->user_threshold, 0);
        result = PyObject_CallFunction(self->state->gc_set_threshold, "OOO", first,
                                       PyTuple_GET_ITEM(self->user_threshold, 1),
                                       PyTuple_GET_ITEM(self->user_threshold, 2));
    }
    Py_DECREF(now);
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    Py_CLEAR(self->user_threshold);
    return 0;
}

int
yagot_show_old(yagot_ledger *self)
{
    if (self->state->generations) {
        return 0;
    }
    PyObject *result = PyObject_CallNoArgs(self->state->gc_unfreeze);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Undoes what begin() did to the collector. */
int
yagot_restore_collector(yagot_ledger *self)
{
    return yagot_show_old(self) < 0 ? -1 : restore_threshold(self);
}

int
yagot_set_old_aside(yagot_ledger *self)
{
    if (self->state->generations) {
        return yagot_collect(self, 1);
    }
    PyObject *result = PyObject_CallNoArgs(self->state->gc_freeze);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

