/* births.c - see births.h. */
#include "births.h"

/* -- the gc module -------------------------------------------------------------------------------- */

Py_ssize_t
yagot_call_number(PyObject *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    Py_ssize_t number = result != NULL ? PyLong_AsSsize_t(result) : -1;
    Py_XDECREF(result);
    return number;
}

/* Objects of one generation, or all that are not frozen (-1). New reference. */
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
        return hide(PyObject_CallNoArgs(self->state->gc_get_objects));
    }
    return hide(PyObject_CallFunction(self->state->gc_get_objects, "i", generation));
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
    PyObject *result = debug != 0 ? PyObject_CallFunction(state->gc_set_debug, "i", 0) : Py_NewRef(Py_None);
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    self->own = true;
    self->own_started = false;
    self->uncollectable_by_own = 0;
    result = PyObject_CallFunction(state->gc_collect, "i", generation);
    self->own = false;
    if (result != NULL && debug != 0) {
        Py_DECREF(result);
        result = PyObject_CallFunction(state->gc_set_debug, "n", debug);
    }
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
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
        list = hide(PyList_New(search.count));
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

/* Finds and explains the garbage of a snapshot. -1 with an exception set. */
int
yagot_look(yagot_ledger *self, yagot_snapshot *snapshot, yagot_found *found)
{
    yagot_forget_predictions(self);
    int result = yagot_find_garbage(snapshot, found);
    if (result == 0 && found->garbage > 0) {
        PyObject *tracing = self->is_tracing != NULL ? PyObject_CallNoArgs(self->is_tracing) : NULL;
        PyErr_Clear();
        result = yagot_explain(snapshot, &self->findings, tracing == Py_True ? self->get_traceback : NULL,
                               &self->predictions);
        Py_XDECREF(tracing);
    }
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

/* After a collection: which of the predicted objects are still there? They were resurrected, or have a
 * finalizer that the collector does not call. */
static int
find_survivors(yagot_ledger *self, int generation)
{
    yagot_idtable predicted;
    int result = yagot_idtable_init(&predicted);
    const yagot_prediction *items = self->predictions.items;
    for (uint32_t i = 0; i < self->predictions.count && result == 0; i++) {
        result = yagot_idtable_put(&predicted, items[i].address, i);
    }
    if (result < 0) {
        yagot_idtable_fini(&predicted);
        PyErr_NoMemory();
        return -1;
    }
    PyObject *list = yagot_get_objects(self, generation);
    if (list == NULL) {
        yagot_idtable_fini(&predicted);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && result == 0; i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        uint32_t index = yagot_idtable_get(&predicted, object);
        if (index == YAGOT_NONE || items[index].address != object || items[index].type != Py_TYPE(object)) {
            continue;
        }
        yagot_finding *finding = &self->findings.items[items[index].finding];
        finding->survivors++;
        finding->why = Py_TYPE(object)->tp_del != NULL
            ? "a finalizer of the old kind (tp_del) keeps the collector from releasing it"
            : finding->why != NULL ? finding->why
            : "it was unreachable and is alive after a collection: a finalizer resurrected it";
        result = yagot_finding_count(finding, items[index].name, true);
    }
    yagot_idtable_fini(&predicted);
    Py_DECREF(list);
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

int
yagot_check_predictions(yagot_ledger *self, int generation)
{
    int result = 0;
    if (self->predictions.finalizers) {
        result = find_survivors(self, generation);
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
