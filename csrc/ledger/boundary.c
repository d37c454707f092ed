/* boundary.c - between windows: what has outlived its test, and is garbage now. See ledger.h.
 *
 * Labels say whose an object was. What is made between windows belongs to the next one, as made before it. Before a
 * full collection only the labelled objects are examined, which an older object can only make look alive; at a boundary
 * all objects are.
 */
#include "ledger/suspects.h"

#include "observe/watch.h"

static int
label_garbage(yagot_labels *labels, const yagot_snapshot *all, uint32_t except)
{
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t label = yagot_labels_get(labels, all->objects[i]);
        if (all->flags[i] & YAGOT_GARBAGE && label != 0 && label != except
            && yagot_labels_put(labels, all->objects[i], YAGOT_REPORTED) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Explains the garbage among objects that earlier windows have left; it is reported once. 1 if there is any, 0 if
 * not. */
static int
look_late(yagot_ledger *self, yagot_snapshot *all)
{
    yagot_found found;
    const yagot_attribution attribution = {
        .labels = &self->labels,
        .import = self->window.open ? yagot_label_of_import(&self->labels, true) : 0,
        .between = true,
    };
    int result = yagot_look(self, &self->late, &attribution, all, &found);
    yagot_predictions_forget(&self->predictions);
    if (result == 0 && found.garbage > 0) {
        result = label_garbage(&self->labels, all, attribution.import) < 0 ? -1 : 1;
    }
    return result;
}

/* Adds the objects of the younger generations up to one. */
static int
add_young(yagot_ledger *self, yagot_snapshot *all, int oldest)
{
    int result = 0;
    for (int generation = 0; result == 0 && generation <= oldest; generation++) {
        result = yagot_take_list(all, yagot_gc_objects(&self->gc, generation));
    }
    return result;
}

/* All tracked objects are gone through once for both: those with labels, and what else is searched for. */
static int
add_labelled(yagot_ledger *self, yagot_snapshot *all, yagot_gc_search *further)
{
    yagot_gc_search labelled = {.table = &self->labels.table};
    yagot_gc_search *const both[] = {&labelled, further};
    return yagot_gc_search_all(&self->gc, both, further != NULL ? 2 : 1) < 0 ? -1
           : yagot_take_list(all, yagot_gc_take_found(&labelled));
}

/* Labelled objects, or young ones only. Births of an open window may hold what earlier tests have left; what is garbage
 * among them alone has no label, and is left to the window. */
static int
look_before_collection(yagot_ledger *self, bool labelled, int oldest, yagot_gc_search *further)
{
    yagot_snapshot all;
    if (!self->labels.on || !self->state->generations) {
        return 0;
    }
    if (yagot_snapshot_init(&all) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *watch = self->gc.watch;
    bool unmet = watch != NULL && !yagot_watch_was_met(watch);
    int result = labelled ? add_labelled(self, &all, further) : 0;
    if (result == 0) {
        result = add_young(self, &all, oldest);
    }
    if (result == 0) {
        result = look_late(self, &all);
    }
    if (unmet) {
        yagot_watch_reset(watch);       /* by this look, and by no collection */
    }
    yagot_snapshot_fini(&all);
    return result;
}

int
yagot_look_at_labelled(yagot_ledger *self, yagot_gc_search *further)
{
    return look_before_collection(self, true, 1, further);
}

int
yagot_look_at_young(yagot_ledger *self, int generation)
{
    return look_before_collection(self, false, generation, NULL);
}

/* -- at a boundary -------------------------------------------------------------------------------- */

/* Keeps for the look at references only what was put off; the rest is nobody's concern. */
static void
choose_put_off(yagot_ledger *self, yagot_snapshot *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t label = yagot_labels_get(&self->labels, all->objects[i]);
        if (!yagot_is_put_off(&self->put_off, all->objects[i], label)) {
            all->flags[i] |= YAGOT_LATER;       /* not asked about; it may hold others */
        }
    }
}

int
yagot_label_young(yagot_ledger *self)
{
    return yagot_imports_end(&self->imports, &self->labels, &self->gc, false) < 0 ? -1
           : yagot_labels_put_young(&self->labels, &self->gc, yagot_label_between(&self->labels));
}

static int
look_at_all(yagot_ledger *self, yagot_snapshot *all, bool references, bool report)
{
    if (yagot_label_young(self) < 0) {
        return -1;
    }
    if (yagot_take_list(all, yagot_gc_all_objects(&self->gc)) < 0) {
        return -1;
    }
    self->looked_at += all->count;
    int result = look_late(self, all) < 0 ? -1 : 0;
    if (result == 0 && references) {
        choose_put_off(self, all);
        result = yagot_find_suspects(self, all, &(yagot_question){.boundary = true, .report = report});
        result = result == 0 ? yagot_put_off_again(self) : result;
    }
    return result;
}

/* The late findings, then those of references: a list. */
static PyObject *
export_boundary(yagot_ledger *self)
{
    PyObject *list = yagot_findings_export(&self->late);
    PyObject *references = list != NULL ? yagot_findings_export(&self->findings) : NULL;
    if (references == NULL || PyList_SetSlice(list, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, references) < 0
        || yagot_findings_clear(&self->late) < 0) {
        Py_CLEAR(list);
    }
    Py_XDECREF(references);
    return list;
}

PyObject *
yagot_check_boundary(yagot_ledger *self, bool references, bool report)
{
    yagot_snapshot all;
    if (yagot_findings_clear(&self->findings) < 0 || yagot_snapshot_init(&all) < 0) {
        return PyErr_NoMemory();
    }
    bool gc_was_enabled = yagot_begin_look(self), generations = self->state->generations;
    int result = look_at_all(self, &all, references && !YAGOT_FREE_THREADED, report);
    bool garbage = result == 0 && self->late.count > 0;
    if (garbage && generations) {
        yagot_gather_garbage(&all);
    }
    yagot_snapshot_fini(&all);
    yagot_forget_suspects(self);
    if (garbage) {
        result = generations ? yagot_gc_set_old_aside(&self->gc, true) : yagot_collect_fully(self);
    }
    yagot_end_look(self, gc_was_enabled);
    return result == 0 ? export_boundary(self) : NULL;
}
