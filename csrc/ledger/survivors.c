/* survivors.c - what a collection should have released and did not. See ledger.h.
 *
 * A look predicts what the next collection will release. What is still there after it was saved by a finalizer: it is
 * uncollectable if the finalizer has stored a reference to it where one can stay. What only objects hold that were made
 * during the collection (a traceback, a warning that somebody records) is held for a moment: it was garbage, and
 * will be again.
 */
#include "ledger/ledger.h"

#include "base/array.h"

/* -- predicting ----------------------------------------------------------------------------------- */

void
yagot_predictions_forget(yagot_predictions *predictions)
{
    PyMem_RawFree(predictions->items);
    *predictions = (yagot_predictions){0};
}

PyObject *
yagot_tracing(const yagot_ledger *self)
{
    PyObject *is_tracing = self->settings.is_tracing;
    PyObject *tracing = is_tracing != NULL ? PyObject_CallNoArgs(is_tracing) : NULL;
    PyErr_Clear();
    Py_XDECREF(tracing);        /* True and False live on */
    return tracing == Py_True ? self->settings.get_traceback : NULL;
}

/* Is there anything among the garbage that somebody is to be told of? What earlier looks have reported waits for the
 * collector, mostly until its test's instance has gone. */
static bool
has_news(yagot_snapshot *snapshot, const yagot_attribution *a)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->flags[i] & YAGOT_GARBAGE
            && yagot_is_to_be_told(a, yagot_labels_get(a->labels, snapshot->objects[i]))) {
            return true;
        }
    }
    return false;
}

int
yagot_look(yagot_ledger *self, yagot_findings *findings, const yagot_attribution *attribution,
           yagot_snapshot *snapshot, yagot_found *found)
{
    yagot_predictions_forget(&self->predictions);
    int result = yagot_find_garbage(snapshot, found);
    if (result == 0 && found->garbage > 0 && (!attribution->between || has_news(snapshot, attribution))) {
        result = yagot_explain(snapshot, findings, attribution, yagot_tracing(self), &self->predictions);
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

int
yagot_look_at_births(yagot_ledger *self, yagot_snapshot *births, yagot_found *found)
{
    const yagot_attribution attribution = {&self->labels, yagot_label_of_import(&self->labels, true), false};
    return yagot_look(self, &self->findings, &attribution, births, found);
}

void
yagot_describe(yagot_ledger *self)
{
    if (self->settings.describe != NULL) {
        yagot_findings_describe(&self->findings, self->settings.describe);
    }
}

static int
index_predictions(yagot_ledger *self, yagot_idtable *predicted)
{
    int result = yagot_idtable_init(predicted);
    for (uint32_t i = 0; i < self->predictions.count && result == 0; i++) {
        result = yagot_idtable_put(predicted, self->predictions.items[i].address, i);
    }
    if (result < 0) {
        yagot_idtable_fini(predicted);
        PyErr_NoMemory();
    }
    return result;
}

static bool
has_finalizer(const PyTypeObject *type)
{
    return type->tp_finalize != NULL || type->tp_del != NULL;
}

/* Is it the object that was predicted to go, and not one that was made at its address since? The collector marks
 * what it has finalized. */
static bool
was_finalized(PyObject *object)
{
    return Py_TYPE(object)->tp_finalize == NULL || PyObject_GC_IsFinalized(object);
}

/* What was predicted of an object, or NULL. */
static const yagot_prediction *
find_prediction(yagot_ledger *self, yagot_idtable *predicted, PyObject *object)
{
    uint32_t index = yagot_idtable_get(predicted, object);
    const yagot_prediction *item = index != YAGOT_NONE ? &self->predictions.items[index] : NULL;
    bool same = item != NULL && item->address == object && item->type == Py_TYPE(object);
    return same && (self->predictions.partial || was_finalized(object)) ? item : NULL;
}

/* -- resurrected, or held for a moment ------------------------------------------------------------ */

/* The predicted objects among those of a generation: a new list that the collector does not know. */
static PyObject *
list_survivors(yagot_ledger *self, yagot_idtable *predicted, int generation)
{
    PyObject *all = yagot_gc_objects(&self->gc, generation);
    Py_ssize_t count = 0, next = 0;
    for (Py_ssize_t i = 0; all != NULL && i < PyList_GET_SIZE(all); i++) {
        count += find_prediction(self, predicted, PyList_GET_ITEM(all, i)) != NULL;
    }
    PyObject *list = all != NULL ? yagot_gc_new_hidden_list(count) : NULL;
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(all); i++) {
        PyObject *object = PyList_GET_ITEM(all, i);
        if (find_prediction(self, predicted, object) != NULL) {
            PyList_SET_ITEM(list, next++, Py_NewRef(object));
        }
    }
    Py_XDECREF(all);
    return list;
}

static int
visit_dict(PyObject *child, void *arg)
{
    bool own = PyDict_CheckExact(child) && Py_REFCNT(child) == 1 && yagot_is_tracked(child);
    return own && yagot_snapshot_add(arg, child, 1, 0) == YAGOT_NONE ? -1 : 0;
}

/* The dicts of instances: they were made when the cycle was described, and hold what the instances held. */
static int
add_dicts(yagot_snapshot *survivors, uint32_t count)
{
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        traverseproc traverse = Py_TYPE(survivors->objects[i])->tp_traverse;
        if (traverse != NULL && yagot_can_traverse(survivors->objects[i])) {
            result = traverse(survivors->objects[i], visit_dict, survivors) < 0 ? -1 : 0;
        }
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

/* Finds out which survivors something older than the collection holds, or a survivor that is held so: those are
 * flagged as reachable. What the collection itself has made is in the youngest generation: it is no reason, but for a
 * plain container, which a finalizer may have made to store it in. */
static int
find_stored(yagot_ledger *self, yagot_snapshot *survivors, PyObject *list)
{
    yagot_found found;
    Py_ssize_t count = PyList_GET_SIZE(list);
    if (yagot_take_list(survivors, list) < 0) {
        return -1;
    }
    PyObject *made = yagot_gc_youngest(&self->gc);
    if (yagot_take_list(survivors, made) < 0) {
        return -1;
    }
    if (add_dicts(survivors, (uint32_t)count) < 0) {    /* last: one may be among what was made */
        return -1;
    }
    for (uint32_t i = 0; i < survivors->count; i++) {
        PyObject *object = survivors->objects[i];
        if (i < (uint32_t)count) {
            survivors->refs[i] += Py_TYPE(object)->tp_del != NULL;      /* the collector does not even try */
        }
        else if (!PyList_CheckExact(object) && !PyDict_CheckExact(object) && !PyAnySet_CheckExact(object)) {
            survivors->refs[i] = PY_SSIZE_T_MIN / 2;    /* whoever holds it, it is no reason */
        }
    }
    if (yagot_find_garbage(survivors, &found) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* -- survivors ------------------------------------------------------------------------------------ */

static int
count_survivor(yagot_ledger *self, const yagot_prediction *item, PyObject *object)
{
    yagot_finding *finding = &self->findings.items[item->finding];
    finding->why = Py_TYPE(object)->tp_del != NULL
        ? "a finalizer of the old kind (tp_del) keeps the collector from releasing it"
        : finding->why != NULL ? finding->why
        : "it was unreachable and is alive after a collection: a finalizer resurrected it";
    return item->name != NULL && yagot_finding_count(finding, item->name, true) < 0 ? -1
           : yagot_labels_put(&self->labels, object, YAGOT_REPORTED);
}

/* It may still go: it was reported too early, and is looked at again when the window ends. */
static int
save_for_later(yagot_ledger *self, const yagot_prediction *item)
{
    yagot_predictions *saved = &self->window.saved;
    yagot_prediction *grown = yagot_array_grow(saved->items, saved->count, &saved->room, sizeof *grown);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    saved->items = grown;
    saved->items[saved->count++] = *item;
    return 0;
}

static void
uncount(yagot_ledger *self, const yagot_prediction *item)
{
    yagot_finding *finding = &self->findings.items[item->finding];
    if (item->name != NULL) {
        yagot_finding_uncount(finding, item->name);
    }
    yagot_finding_take_share(finding, &item->share);
    self->window.counts.garbage--;
    self->window.counts.born--;
}

/* Only a finalizer resurrects: does one of a finding's survivors have one? Else they are held in a way that we do not
 * see. */
static void
note_finalizers(yagot_ledger *self, yagot_idtable *predicted, const yagot_snapshot *survivors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const yagot_prediction *item = find_prediction(self, predicted, survivors->objects[i]);
        if (item != NULL && survivors->flags[i] & YAGOT_REACHABLE && has_finalizer(item->type)) {
            self->findings.items[item->finding].resurrects = true;
        }
    }
}

static int
sort_survivors(yagot_ledger *self, yagot_idtable *predicted, yagot_snapshot *survivors, uint32_t count, bool wait)
{
    int result = 0;
    note_finalizers(self, predicted, survivors, count);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        PyObject *object = survivors->objects[i];
        const yagot_prediction *item = find_prediction(self, predicted, object);
        bool stored = item != NULL && survivors->flags[i] & YAGOT_REACHABLE;
        if (item != NULL && !stored && self->predictions.partial) {
            uncount(self, item);        /* the next look finds it again */
        }
        else if (item != NULL && wait) {
            yagot_prediction saved = *item;
            saved.stored = stored;
            uncount(self, item);
            result = save_for_later(self, &saved);
        }
        else if (stored && self->findings.items[item->finding].resurrects) {
            result = count_survivor(self, item, object);
        }
        else if (item != NULL) {
            result = yagot_labels_put(&self->labels, object, YAGOT_REPORTED);     /* garbage again when it is let go */
        }
    }
    return result;
}

static int
find_survivors(yagot_ledger *self, int generation, bool wait)
{
    yagot_idtable predicted;
    yagot_snapshot survivors;
    if (index_predictions(self, &predicted) < 0) {
        return -1;
    }
    int result = -1;
    PyObject *list = list_survivors(self, &predicted, generation);
    Py_ssize_t count = list != NULL ? PyList_GET_SIZE(list) : 0;
    if (count == 0) {
        result = list != NULL ? 0 : -1;
        Py_XDECREF(list);
    }
    else if (yagot_snapshot_init(&survivors) < 0) {
        Py_DECREF(list);
        PyErr_NoMemory();
    }
    else {
        result = find_stored(self, &survivors, list);
        if (result == 0) {
            result = sort_survivors(self, &predicted, &survivors, (uint32_t)count, wait);
        }
        yagot_snapshot_fini(&survivors);
    }
    yagot_idtable_fini(&predicted);
    return result;
}

int
yagot_check_predictions(yagot_ledger *self, int generation, bool wait)
{
    const yagot_predictions *predictions = &self->predictions;
    bool any = predictions->finalizers || (predictions->partial && predictions->count > 0);
    int result = any ? find_survivors(self, generation, wait) : 0;
    yagot_predictions_forget(&self->predictions);
    return result;
}

enum { SAVED = 1, REUSED };

/* Numbers the addresses of what was saved. */
static int
number_saved(const yagot_predictions *saved, PyObject *young, yagot_idtable *numbers)
{
    int result = yagot_idtable_init(numbers);
    for (uint32_t i = 0; i < saved->count && result == 0; i++) {
        result = yagot_idtable_set_number(numbers, saved->items[i].address, SAVED);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(young) && result == 0; i++) {
        bool reused = yagot_idtable_number(numbers, PyList_GET_ITEM(young, i)) == SAVED;
        result = reused ? yagot_idtable_set_number(numbers, PyList_GET_ITEM(young, i), REUSED) : 0;
    }
    return result;
}

/* What is among the youngest was made since the collection that was survived: it only has a survivor's address. */
int
yagot_forget_reused(yagot_ledger *self)
{
    yagot_predictions *saved = &self->window.saved;
    yagot_idtable numbers;
    if (saved->count == 0) {
        return 0;
    }
    PyObject *young = yagot_gc_youngest(&self->gc);
    if (young == NULL) {
        return -1;
    }
    int result = number_saved(saved, young, &numbers);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < saved->count && result == 0; i++) {
        if (yagot_idtable_number(&numbers, saved->items[i].address) == SAVED) {
            saved->items[kept++] = saved->items[i];
        }
    }
    if (result == 0) {
        saved->count = kept;
    }
    else {
        PyErr_NoMemory();
    }
    yagot_idtable_fini(&numbers);
    Py_DECREF(young);
    return result;
}

/* -- at the window's end -------------------------------------------------------------------------- */

int
yagot_expect_saved(yagot_ledger *self)
{
    int result = 0;
    for (uint32_t i = 0; i < self->predictions.count && result == 0; i++) {
        yagot_prediction saved = self->predictions.items[i];
        saved.by_collector = true;
        result = save_for_later(self, &saved);
    }
    yagot_predictions_forget(&self->predictions);
    return result;
}

/* The collector has kept it because the suite wanted so. If it is garbage again, it was counted anew; if it is garbage
 * later, it is reported already. */
static int
settle_collectors(yagot_ledger *self, const yagot_prediction *item, const yagot_snapshot *births, uint32_t index)
{
    if (index != YAGOT_NONE && births->flags[index] & YAGOT_GARBAGE) {
        uncount(self, item);
    }
    else if (index != YAGOT_NONE) {
        return yagot_labels_put(&self->labels, births->objects[index], YAGOT_REPORTED);
    }
    return 0;
}

static int
settle_resurrected(yagot_ledger *self, const yagot_prediction *item, const yagot_snapshot *births, uint32_t index)
{
    yagot_finding *finding = &self->findings.items[item->finding];
    if (index == YAGOT_NONE || !(births->flags[index] & YAGOT_REACHABLE) || !was_finalized(births->objects[index])) {
        return 0;               /* gone, or garbage again, and reported as such */
    }
    self->window.counts.garbage++;
    self->window.counts.born++;
    yagot_finding_add_share(finding, &item->share);
    if (item->name != NULL && yagot_finding_count(finding, item->name, false) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return item->stored && finding->resurrects ? count_survivor(self, item, births->objects[index]) : 0;
}

int
yagot_settle_saved(yagot_ledger *self, yagot_snapshot *births)
{
    int result = yagot_forget_reused(self);
    for (uint32_t i = 0; i < self->window.saved.count && result == 0; i++) {
        const yagot_prediction *item = &self->window.saved.items[i];
        uint32_t index = yagot_idtable_get(&births->table, item->address);
        PyObject *object = index != YAGOT_NONE ? births->objects[index] : NULL;
        if (object != item->address || item->type != Py_TYPE(object)) {
            index = YAGOT_NONE;
        }
        if (item->by_collector) {
            result = settle_collectors(self, item, births, index);
        }
        else {
            result = settle_resurrected(self, item, births, index);
        }
    }
    yagot_predictions_forget(&self->window.saved);
    return result;
}
