/* births.c - what was made in a window. See ledger.h. */
#include "ledger/ledger.h"

/* -- dropped objects ------------------------------------------------------------------------------ */

void
yagot_forget_dropped(yagot_dropped_objects *dropped)
{
    PyMem_RawFree(dropped->items);
    dropped->items = NULL;
    dropped->count = 0;
    Py_CLEAR(dropped->tuple);
}

int
yagot_keep_dropped(yagot_dropped_objects *dropped, PyObject *tuple)
{
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    yagot_forget_dropped(dropped);
    dropped->items = PyMem_RawCalloc((size_t)count + 1, sizeof *dropped->items);
    if (dropped->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    dropped->tuple = Py_NewRef(tuple);
    dropped->count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        dropped->items[i].object = PyTuple_GET_ITEM(tuple, i);
        if (yagot_measure_dropped(&dropped->items[i]) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* -- taking them ---------------------------------------------------------------------------------- */

static int
take_marker_out(yagot_window *window, PyObject *list)
{
    for (Py_ssize_t i = 0; !window->met && window->marker != NULL && i < PyList_GET_SIZE(list); i++) {
        if (PyList_GET_ITEM(list, i) == window->marker) {
            window->met = true;
            return PyList_SetSlice(list, i, i + 1, NULL);
        }
    }
    return 0;
}

/* Steals the list, which is NULL if an exception is set. */
static int
add_births(yagot_ledger *self, yagot_snapshot *snapshot, PyObject *list)
{
    if (list != NULL && take_marker_out(&self->window, list) < 0) {
        Py_CLEAR(list);
    }
    return yagot_take_list(snapshot, list);
}

/* Births that a collection has moved into generation 2, and maybe younger ones. Any object at a birth's address is a
 * birth: what was older had the address before. */
static PyObject *
list_promoted(yagot_ledger *self, yagot_gc_search *promoted)
{
    return promoted != NULL && promoted->done ? yagot_gc_take_found(promoted)
           : yagot_gc_objects_in(&self->gc, &self->window.promoted.table);
}

int
yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation, yagot_gc_search *promoted)
{
    int result = 0;
    if (yagot_snapshot_init(snapshot) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    self->window.met = false;
    if (self->state->generations) {
        if (generation >= 2 && self->window.promoted.count > 0) {
            result = add_births(self, snapshot, list_promoted(self, promoted));
        }
        if (result == 0 && generation >= 1) {
            result = add_births(self, snapshot, yagot_gc_objects(&self->gc, 1));
        }
    }
    return result < 0 ? -1 : add_births(self, snapshot, yagot_gc_objects(&self->gc, 0));
}

/* Nobody has labelled what has grown old: where it is, something of an earlier test may have been. Nobody is blamed for
 * what imports in this window have made. */
void
yagot_forget_labels(yagot_ledger *self)
{
    if (self->labels.on) {
        yagot_labels_forget(&self->labels, yagot_label_of_import(&self->labels, self->window.open));
    }
}

/* Then the births are where old objects are, or were, and nobody can tell them apart. */
void
yagot_note_freezing(yagot_ledger *self)
{
    yagot_window *w = &self->window;
    if (w->met || w->collecting) {
        return;
    }
    if (w->incomplete == NULL) {
        w->incomplete = "gc.freeze() was called";
    }
    yagot_forget_labels(self);
}

int
yagot_look_for_freezing(yagot_ledger *self)
{
    PyObject *youngest = yagot_gc_generation(&self->gc, 0);
    self->window.met = false;
    int result = youngest == NULL ? -1 : take_marker_out(&self->window, youngest);
    if (result == 0) {
        yagot_note_freezing(self);
    }
    Py_XDECREF(youngest);
    return result;
}

int
yagot_remember_promoted(yagot_promoted *promoted, const yagot_snapshot *snapshot)
{
    int result = promoted->table.pages == NULL ? yagot_idtable_init(&promoted->table) : 0;
    for (uint32_t i = 0; result == 0 && i < snapshot->count; i++) {
        promoted->count += yagot_idtable_get(&promoted->table, snapshot->objects[i]) == YAGOT_NONE;
        result = yagot_idtable_put(&promoted->table, snapshot->objects[i], 0);
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

/* -- at the window's end -------------------------------------------------------------------------- */

static bool
is_birth(const yagot_snapshot *births, uint32_t i)
{
    return !(births->flags[i] & (YAGOT_DROPPED | YAGOT_BY_DROPPED));
}

PyObject *
yagot_list_alive(const yagot_snapshot *births)
{
    PyObject *alive = PyList_New(0);
    for (uint32_t i = 0; alive != NULL && i < births->count; i++) {
        bool survives = (births->flags[i] & (YAGOT_REACHABLE | YAGOT_LATER)) == YAGOT_REACHABLE && is_birth(births, i);
        if (survives && PyList_Append(alive, births->objects[i]) < 0) {
            Py_CLEAR(alive);
        }
    }
    return alive;
}

/* Also what was reported as garbage, but is held by dropped objects still. */
int
yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births)
{
    for (uint32_t i = 0; self->window.label != 0 && i < births->count; i++) {
        PyObject *object = births->objects[i];
        const uint8_t flags = births->flags[i];
        bool reported = flags & YAGOT_GARBAGE && flags & YAGOT_LATER;
        bool survivor = flags & YAGOT_REACHABLE && is_birth(births, i);
        uint32_t before = yagot_labels_get(&self->labels, object);
        bool imported = before == yagot_label_of_import(&self->labels, true);
        self->heap.grown += reported;
        if ((reported || (survivor && !imported))
            && yagot_labels_put(&self->labels, object, reported ? YAGOT_REPORTED : self->window.label) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_label_unjudged(yagot_ledger *self)
{
    yagot_snapshot births;
    int result = yagot_take_births(self, &births, 3, NULL);
    for (uint32_t i = 0; result == 0 && i < births.count; i++) {
        result = yagot_labels_put(&self->labels, births.objects[i], YAGOT_REPORTED);
    }
    yagot_snapshot_fini(&births);
    return result;
}
