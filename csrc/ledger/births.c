/* births.c - see births.h. */
#include "ledger/births.h"

/* -- the oldest generation ------------------------------------------------------------------------ */

int
yagot_limit_growth(yagot_ledger *self)
{
    self->grown += self->survivors;
    if (!self->state->generations || self->grown < YAGOT_FIRST_LIMIT || self->grown * 4 < self->old) {
        return 0;
    }
    PyObject *list = yagot_get_objects(self, 2);
    if (list == NULL) {
        return -1;
    }
    Py_ssize_t old = PyList_GET_SIZE(list);
    Py_DECREF(list);
    bool first = self->old == 0;
    self->old = old;
    if (first && self->grown * 4 < old) {
        return 0;
    }
    self->grown = 0;
    return yagot_collect(self, 2);
}

/* -- births in the oldest generation --------------------------------------------------------------- */

typedef struct {
    yagot_idtable *addresses;
    PyObject **objects;         /* owned array, and the references in it */
    Py_ssize_t count, room;
    bool failed;
} address_search;

static int
visit_candidate(PyObject *object, void *arg)
{
    address_search *search = arg;
    if (yagot_idtable_get(search->addresses, object) == YAGOT_NONE) {
        return 1;
    }
    if (search->count == search->room) {
        Py_ssize_t room = search->room * 2 + 64;
        PyObject **grown = PyMem_RawRealloc(search->objects, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            search->failed = true;
            return 0;
        }
        search->objects = grown;
        search->room = room;
    }
    search->objects[search->count++] = Py_NewRef(object);
    return 1;
}

static int
visit_candidates(yagot_ledger *self, address_search *search)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)self;
    PyUnstable_GC_VisitObjects(visit_candidate, search);    /* makes no list of the whole heap */
#else
    PyObject *all = yagot_get_objects(self, 2);
    if (all == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all) && !search->failed; i++) {
        (void)visit_candidate(PyList_GET_ITEM(all, i), search);
    }
    Py_DECREF(all);
#endif
    return search->failed ? -1 : 0;
}

/* Births that a collection has moved into the oldest generation, and maybe younger ones. Any object at a birth's
 * address is a birth: what was older had the address before. New reference: a list, hidden. */
static PyObject *
find_promoted(yagot_ledger *self)
{
    address_search search = {.addresses = &self->promoted};
    PyObject *list = NULL;
    if (visit_candidates(self, &search) == 0) {
        list = yagot_new_hidden_list(search.count);
    }
    for (Py_ssize_t i = 0; i < search.count; i++) {
        if (list != NULL) {
            PyList_SET_ITEM(list, i, search.objects[i]);
        }
        else {
            Py_DECREF(search.objects[i]);
        }
    }
    PyMem_RawFree(search.objects);
    if (list == NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return list;
}

/* -- owners --------------------------------------------------------------------------------------- */

void
yagot_drop_owners(yagot_ledger *self)
{
    PyMem_RawFree(self->owners);
    self->owners = NULL;
    self->owner_count = 0;
    Py_CLEAR(self->owner_tuple);
}

int
yagot_keep_owners(yagot_ledger *self, PyObject *tuple)
{
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    yagot_drop_owners(self);
    self->owners = PyMem_RawCalloc((size_t)count + 1, sizeof *self->owners);
    if (self->owners == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->owner_tuple = Py_NewRef(tuple);
    self->owner_count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        self->owners[i].object = PyTuple_GET_ITEM(tuple, i);
        if (yagot_owner_measure(&self->owners[i]) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* -- taking them ---------------------------------------------------------------------------------- */

static int
add_generation(yagot_ledger *self, yagot_snapshot *snapshot, int generation)
{
    PyObject *list = generation == 2 ? find_promoted(self) : yagot_get_objects(self, generation);
    if (list == NULL) {
        return -1;
    }
    if (yagot_snapshot_add_list(snapshot, list) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* The births that a collection of a generation will look at; 3: all births. */
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
    if (generation >= 2 && self->promoted_count > 0 && add_generation(self, snapshot, 2) < 0) {
        return -1;
    }
    if (generation >= 1 && add_generation(self, snapshot, 1) < 0) {
        return -1;
    }
    return add_generation(self, snapshot, 0);
}

int
yagot_keep_alive(yagot_ledger *self, const yagot_snapshot *births)
{
    Py_XSETREF(self->alive, PyList_New(0));
    for (uint32_t i = 0; self->alive != NULL && i < births->count; i++) {
        if (births->flags[i] & YAGOT_REACHABLE && !(births->flags[i] & (YAGOT_OWNER | YAGOT_OWNED))
            && PyList_Append(self->alive, births->objects[i]) < 0) {
            return -1;
        }
    }
    return self->alive != NULL ? 0 : -1;
}

int
yagot_remember_promoted(yagot_ledger *self, const yagot_snapshot *snapshot)
{
    if (self->promoted.pages == NULL && yagot_idtable_init(&self->promoted) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        uint32_t *slot = yagot_idtable_slot(&self->promoted, snapshot->objects[i]);
        if (slot == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        self->promoted_count += *slot == 0;
        *slot = 1;
    }
    return 0;
}

void
yagot_forget_promoted(yagot_ledger *self)
{
    if (self->promoted_count > 0) {
        yagot_idtable_fini(&self->promoted);
        self->promoted_count = 0;
    }
}

/* -- looking -------------------------------------------------------------------------------------- */

void
yagot_forget_predictions(yagot_ledger *self)
{
    PyMem_RawFree(self->predictions.items);
    self->predictions = (yagot_predictions){0};
}

PyObject *
yagot_tracing(yagot_ledger *self)
{
    PyObject *tracing = self->is_tracing != NULL ? PyObject_CallNoArgs(self->is_tracing) : NULL;
    PyErr_Clear();
    Py_XDECREF(tracing);        /* True and False live on */
    return tracing == Py_True ? self->get_traceback : NULL;
}

/* Finds and explains the garbage of a snapshot. -1 with an exception set. */
int
yagot_look(yagot_ledger *self, yagot_snapshot *snapshot, yagot_found *found)
{
    yagot_forget_predictions(self);
    int result = yagot_find_garbage(snapshot, found);
    if (result == 0 && found->garbage > 0) {
        result = yagot_explain(snapshot, &self->findings, yagot_tracing(self), &self->predictions);
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
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

/* What was predicted of an object, or NULL. */
static const yagot_prediction *
find_prediction(yagot_ledger *self, yagot_idtable *predicted, PyObject *object)
{
    uint32_t index = yagot_idtable_get(predicted, object);
    const yagot_prediction *item = index != YAGOT_NONE ? &self->predictions.items[index] : NULL;
    return item != NULL && item->address == object && item->type == Py_TYPE(object) ? item : NULL;
}

/* Only a finalizer resurrects: without one among a finding's survivors they are held in a way that we do not see. */
static void
note_finalizer(yagot_ledger *self, const yagot_prediction *item)
{
    const PyTypeObject *type = item != NULL ? item->type : NULL;
    if (type != NULL && (type->tp_finalize != NULL || type->tp_del != NULL)) {
        self->findings.items[item->finding].resurrects = true;
    }
}

int
yagot_label(yagot_ledger *self, PyObject *object, uint32_t number)
{
    uint32_t *slot = yagot_idtable_slot(&self->labels, object);
    if (slot == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *slot = number;
    return 0;
}

static int
count_survivor(yagot_ledger *self, const yagot_prediction *item, PyObject *object)
{
    yagot_finding *finding = &self->findings.items[item->finding];
    if (!finding->resurrects) {
        return 0;
    }
    finding->survivors++;
    finding->why = Py_TYPE(object)->tp_del != NULL
        ? "a finalizer of the old kind (tp_del) keeps the collector from releasing it"
        : finding->why != NULL ? finding->why
        : "it was unreachable and is alive after a collection: a finalizer resurrected it";
    return yagot_finding_count(finding, item->name, true) < 0 ? -1 : yagot_label(self, object, YAGOT_TOLD);
}

/* It may still go: it was told too early, and is looked at again when the window ends. */
static int
save_for_later(yagot_ledger *self, const yagot_prediction *item)
{
    yagot_predictions *saved = &self->saved;
    if ((saved->count & (saved->count - 1)) == 0) {         /* full at each power of two */
        yagot_prediction *grown = PyMem_RawRealloc(saved->items, (saved->count * 2u + 1u) * sizeof *grown);
        if (grown == NULL) {
            return -1;
        }
        saved->items = grown;
    }
    saved->items[saved->count++] = *item;
    yagot_finding_uncount(&self->findings.items[item->finding], item->name);
    self->garbage--;
    self->born--;
    return 0;
}

int
yagot_settle_saved(yagot_ledger *self, yagot_snapshot *births)
{
    for (uint32_t i = 0; i < self->saved.count; i++) {
        const yagot_prediction *item = &self->saved.items[i];
        uint32_t index = yagot_idtable_get(&births->table, item->address);
        PyObject *object = index != YAGOT_NONE ? births->objects[index] : NULL;
        if (object == NULL || object != item->address || item->type != Py_TYPE(object)
            || !(births->flags[index] & YAGOT_REACHABLE)) {
            continue;           /* gone, or garbage again, and told as such */
        }
        yagot_finding *finding = &self->findings.items[item->finding];
        finding->objects++;
        if (yagot_finding_count(finding, item->name, false) < 0 || count_survivor(self, item, object) < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    yagot_forget_saved(self);
    return 0;
}

void
yagot_forget_saved(yagot_ledger *self)
{
    PyMem_RawFree(self->saved.items);
    self->saved = (yagot_predictions){0};
}

/* After a collection: which of the predicted objects are still there? They were resurrected, or have a
 * finalizer that the collector does not call. */
static int
find_survivors(yagot_ledger *self, int generation, bool wait)
{
    yagot_idtable predicted;
    int result = index_predictions(self, &predicted);
    if (result < 0) {
        return -1;
    }
    PyObject *list = yagot_get_objects(self, generation);
    if (list == NULL) {
        yagot_idtable_fini(&predicted);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        note_finalizer(self, find_prediction(self, &predicted, PyList_GET_ITEM(list, i)));
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && result == 0; i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        const yagot_prediction *item = find_prediction(self, &predicted, object);
        if (item != NULL) {
            result = wait ? save_for_later(self, item) : count_survivor(self, item, object);
        }
    }
    yagot_idtable_fini(&predicted);
    Py_DECREF(list);
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

Py_ssize_t
yagot_count_predicted(yagot_ledger *self)
{
    yagot_idtable predicted;
    Py_ssize_t count = 0;
    int result = self->predictions.finalizers ? index_predictions(self, &predicted) : 0;
    if (!self->predictions.finalizers || result < 0) {
        return result;
    }
    PyObject *list = yagot_get_objects(self, 1);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        count += find_prediction(self, &predicted, PyList_GET_ITEM(list, i)) != NULL;
    }
    yagot_idtable_fini(&predicted);
    if (list == NULL) {
        return -1;
    }
    Py_DECREF(list);
    return count;
}

int
yagot_check_predictions(yagot_ledger *self, int generation, bool wait)
{
    int result = 0;
    if (self->predictions.finalizers) {
        result = find_survivors(self, generation, wait);
    }
    yagot_forget_predictions(self);
    return result;
}

void
yagot_describe(yagot_ledger *self)
{
    if (self->describe != NULL) {
        yagot_findings_describe(&self->findings, self->describe);
    }
}

/* -- having the garbage collected ------------------------------------------------------------------- */

void
yagot_gather_garbage(const yagot_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->flags[i] & YAGOT_GARBAGE) {
            yagot_rejuvenate(snapshot->objects[i]);
        }
    }
}

int
yagot_release_garbage(yagot_ledger *self)
{
    bool generations = self->state->generations;
    int result = yagot_collect(self, generations ? 0 : 2);
    Py_ssize_t left = result == 0 && generations ? yagot_count_predicted(self) : 0;
    if (result == 0 && left != 0) {
        result = left < 0 ? -1 : yagot_collect(self, 2);
    }
    return result == 0 ? yagot_check_predictions(self, left > 0 ? 2 : 1, false) : result;
}
