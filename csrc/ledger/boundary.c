/* boundary.c - observe: between tests, all objects. See births.h.
 *
 * An object that outlives its test can become garbage later. A table from address to a number, the test's, tells
 * whose it was; what is made between tests gets numbers, too, lest reused addresses mislead.
 */
#include "find/unheld.h"

static int
label_garbage(yagot_ledger *self, const yagot_snapshot *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->flags[i] & YAGOT_GARBAGE && yagot_label(self, all->objects[i], YAGOT_TOLD) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What is alive after a window; and what was told as garbage, but is held by owners still. */
int
yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births)
{
    for (uint32_t i = 0; self->number != 0 && i < births->count; i++) {
        const uint8_t flags = births->flags[i];
        bool told = flags & YAGOT_GARBAGE && flags & YAGOT_LATER;
        bool survivor = flags & YAGOT_REACHABLE && !(flags & (YAGOT_OWNER | YAGOT_OWNED));
        if ((told || survivor) && yagot_label(self, births->objects[i], told ? YAGOT_TOLD : self->number) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_label_young(yagot_ledger *self, uint32_t number)
{
    for (int generation = 0; generation < (self->state->generations ? 2 : 0); generation++) {
        PyObject *list = yagot_get_objects(self, generation);
        if (list == NULL) {
            return -1;
        }
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
            PyObject *object = PyList_GET_ITEM(list, i);
            bool told = yagot_idtable_get(&self->labels, object) + 1 == YAGOT_TOLD;
            if (!told && yagot_label(self, object, number) < 0) {
                Py_DECREF(list);
                return -1;
            }
        }
        Py_DECREF(list);
    }
    return 0;
}

/* Keeps for the look at references only what was put off; the rest is nobody's concern. */
static void
choose_put_off(yagot_ledger *self, yagot_snapshot *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t number = yagot_idtable_get(&self->labels, all->objects[i]) + 1;
        if (!yagot_is_put_off(self, all->objects[i], number)) {
            all->flags[i] |= YAGOT_LATER;       /* not asked about; it may hold others */
        }
    }
}

static int
look_at_all(yagot_ledger *self, yagot_snapshot *all, bool references, bool tell)
{
    yagot_found found;
    if (yagot_label_young(self, 0) < 0) {
        return -1;
    }
    PyObject *list = yagot_get_all_objects(self);
    if (list == NULL) {
        return -1;
    }
    if (yagot_snapshot_add_list(all, list) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    self->findings.labels = &self->labels;
    int result = yagot_look(self, all, &found);
    self->garbage = found.garbage;
    if (result == 0) {
        result = label_garbage(self, all);      /* some may survive the collection */
    }
    if (result == 0 && references) {
        choose_put_off(self, all);
        result = yagot_find_unexplained(self, all, tell);
        result = result == 0 ? yagot_put_off_again(self) : result;
    }
    self->findings.labels = NULL;
    return result;
}

PyObject *
yagot_check_boundary(yagot_ledger *self, bool references, bool tell)
{
    yagot_snapshot all;
    if (yagot_findings_clear(&self->findings) < 0 || yagot_snapshot_init(&all) < 0) {
        return PyErr_NoMemory();
    }
    int gc_was_enabled = PyGC_Disable();
    int result = look_at_all(self, &all, references && !YAGOT_FREE_THREADED, tell);
    yagot_snapshot_fini(&all);
    yagot_forget_predictions(self);
    yagot_forget_suspects(self);
    if (result == 0 && self->garbage > 0) {
        result = yagot_collect(self, 2);
        self->grown = 0;
    }
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result == 0 ? yagot_findings_export(&self->findings) : NULL;
}
