/* births.c - what was made in a window. See ledger.h. */
#include "ledger/ledger.h"

/* -- owners --------------------------------------------------------------------------------------- */

void
yagot_drop_owners(yagot_window *window)
{
    PyMem_RawFree(window->owners);
    window->owners = NULL;
    window->owner_count = 0;
    Py_CLEAR(window->owner_tuple);
}

int
yagot_keep_owners(yagot_ledger *self, PyObject *tuple)
{
    yagot_window *w = &self->window;
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    yagot_drop_owners(w);
    w->owners = PyMem_RawCalloc((size_t)count + 1, sizeof *w->owners);
    if (w->owners == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    w->owner_tuple = Py_NewRef(tuple);
    w->owner_count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        w->owners[i].object = PyTuple_GET_ITEM(tuple, i);
        if (yagot_owner_measure(&w->owners[i]) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* -- taking them ---------------------------------------------------------------------------------- */

/* Generation 2: births that a collection has moved there, and maybe younger ones. Any object at a birth's address is a
 * birth: what was older had the address before. */
static int
add_generation(yagot_ledger *self, yagot_snapshot *snapshot, int generation)
{
    PyObject *list = generation == 2 ? yagot_labels_objects(&self->window.promoted, &self->gc)
                                     : yagot_gc_objects(&self->gc, generation);
    return yagot_take_list(snapshot, list);
}

int
yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation)
{
    if (yagot_snapshot_init(snapshot) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    if (!self->state->generations) {
        return add_generation(self, snapshot, 0);
    }
    if (generation >= 2 && self->window.promoted_count > 0 && add_generation(self, snapshot, 2) < 0) {
        return -1;
    }
    if (generation >= 1 && add_generation(self, snapshot, 1) < 0) {
        return -1;
    }
    return add_generation(self, snapshot, 0);
}

int
yagot_remember_promoted(yagot_ledger *self, const yagot_snapshot *snapshot)
{
    yagot_window *w = &self->window;
    if (w->promoted.pages == NULL && yagot_idtable_init(&w->promoted) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        uint32_t *slot = yagot_idtable_slot(&w->promoted, snapshot->objects[i]);
        if (slot == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        w->promoted_count += *slot == 0;
        *slot = 1;
    }
    return 0;
}

/* -- at the window's end -------------------------------------------------------------------------- */

static bool
is_birth(const yagot_snapshot *births, uint32_t i)
{
    return !(births->flags[i] & (YAGOT_OWNER | YAGOT_OWNED));
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

/* Also what was reported as garbage, but is held by owners still. */
int
yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births)
{
    for (uint32_t i = 0; self->number != 0 && i < births->count; i++) {
        PyObject *object = births->objects[i];
        const uint8_t flags = births->flags[i];
        bool reported = flags & YAGOT_GARBAGE && flags & YAGOT_LATER;
        bool survivor = flags & YAGOT_REACHABLE && is_birth(births, i);
        uint32_t before = yagot_labels_get(&self->labels, object);
        bool imported = before == yagot_label_of_window(self->test, YAGOT_IMPORT);
        if ((reported || (survivor && !imported))
            && yagot_label(self, object, reported ? YAGOT_TOLD : self->number) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_label_unjudged(yagot_ledger *self)
{
    yagot_snapshot births;
    int result = yagot_take_births(self, &births, 3);
    for (uint32_t i = 0; result == 0 && i < births.count; i++) {
        result = yagot_label(self, births.objects[i], YAGOT_TOLD);
    }
    yagot_snapshot_fini(&births);
    return result;
}
