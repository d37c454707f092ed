/* gc_control.c - see gc_control.h. */
#include "observe/gc_control.h"

#include "observe/watch.h"

enum { SAVE_ALL = 32 };         /* gc.DEBUG_SAVEALL */

/* -- asking it ----------------------------------------------------------------------------------- */

Py_ssize_t
yagot_gc_number(PyObject *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    Py_ssize_t number = result != NULL ? PyLong_AsSsize_t(result) : -1;
    Py_XDECREF(result);
    return number;
}

Py_ssize_t
yagot_gc_read_number(PyObject *info, const char *key)
{
    PyObject *number = PyDict_Check(info) ? PyDict_GetItemString(info, key) : NULL;
    return number != NULL && PyLong_Check(number) ? PyLong_AsSsize_t(number) : 0;
}

/* How many collections of any generation there were. */
static Py_ssize_t
count_collections(const yagot_gc *gc)
{
    PyObject *stats = PyObject_CallNoArgs(gc->state->gc_get_stats);
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; stats != NULL && i < PyList_GET_SIZE(stats); i++) {
        count += yagot_gc_read_number(PyList_GET_ITEM(stats, i), "collections");
    }
    if (stats == NULL) {
        return -1;
    }
    Py_DECREF(stats);
    return count;
}

/* Counting takes as long as all else that is done for a test that leaves nothing. */
static bool
none_has_run(const yagot_gc *gc)
{
    return gc->watch != NULL && gc->seen == 0 && !gc->thaws && !yagot_watch_was_met(gc->watch);
}

int
yagot_gc_has_missed(yagot_gc *gc)
{
    if (none_has_run(gc)) {
        return 0;
    }
    Py_ssize_t collections = count_collections(gc);
    if (collections < 0) {
        return -1;
    }
    bool missed = collections - gc->counted > gc->seen;
    gc->counted = collections;
    gc->seen = 0;
    gc->just_counted = true;
    return missed;
}

int
yagot_gc_saves_all(yagot_gc *gc)
{
    Py_ssize_t debug = yagot_gc_number(gc->state->gc_get_debug);
    return debug == -1 && PyErr_Occurred() ? -1 : (debug & SAVE_ALL) != 0;
}

/* -- lists of objects ----------------------------------------------------------------------------- */

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
yagot_gc_new_hidden_list(Py_ssize_t size)
{
    return hide(PyList_New(size));
}

PyObject *
yagot_gc_all_objects(yagot_gc *gc)
{
    /* without the argument, the first call would make a tuple of keywords for good */
    return hide(PyObject_CallOneArg(gc->state->gc_get_objects, Py_None));
}

/* Those of a list that are not old: a new list. Steals the list, which is NULL if an exception is set. */
static PyObject *
leave_out_old(yagot_gc *gc, PyObject *list)
{
    Py_ssize_t young = 0, next = 0;
    if (list == NULL || gc->old.pages == NULL) {
        return list;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        young += !yagot_gc_passes_for_old(gc, PyList_GET_ITEM(list, i));
    }
    PyObject *kept = yagot_gc_new_hidden_list(young);
    for (Py_ssize_t i = 0; kept != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        if (!yagot_gc_passes_for_old(gc, object)) {
            PyList_SET_ITEM(kept, next++, Py_NewRef(object));
        }
    }
    Py_DECREF(list);
    return kept;
}

PyObject *
yagot_gc_generation(yagot_gc *gc, int generation)
{
    return hide(PyObject_CallFunction(gc->state->gc_get_objects, "i", generation));
}

PyObject *
yagot_gc_objects(yagot_gc *gc, int generation)
{
    const bool generations = gc->state->generations;
    return leave_out_old(gc, generations ? yagot_gc_generation(gc, generation) : yagot_gc_all_objects(gc));
}

PyObject *
yagot_gc_youngest(yagot_gc *gc)
{
    return YAGOT_FREE_THREADED ? yagot_gc_new_hidden_list(0) : leave_out_old(gc, yagot_gc_generation(gc, 0));
}

Py_ssize_t
yagot_gc_count_young(yagot_gc *gc)
{
    PyObject *counts = PyObject_CallNoArgs(gc->state->gc_get_count);
    PyObject *young = counts != NULL && PyTuple_Check(counts) ? PyTuple_GetItem(counts, 0) : NULL;
    Py_ssize_t count = young != NULL ? PyLong_AsSsize_t(young) : -1;
    Py_XDECREF(counts);
    return count;
}

int
yagot_gc_visit_all(yagot_gc *gc, int (*visit)(PyObject *, void *), void *arg)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)gc;
    PyUnstable_GC_VisitObjects(visit, arg);
#else
    PyObject *all = yagot_gc_all_objects(gc);
    if (all == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all) && visit(PyList_GET_ITEM(all, i), arg); i++) {
    }
    Py_DECREF(all);
#endif
    return 0;
}

static int
count_one(PyObject *object, void *count)
{
    (void)object;
    ++*(Py_ssize_t *)count;
    return 1;
}

Py_ssize_t
yagot_gc_count_all(yagot_gc *gc)
{
    Py_ssize_t count = 0;
    return yagot_gc_visit_all(gc, count_one, &count) < 0 ? -1 : count;
}

typedef struct {
    yagot_gc_search *const *items;
    size_t count;
    bool failed;
} searches;

static int
visit_object(PyObject *object, void *arg)
{
    searches *s = arg;
    for (size_t i = 0; i < s->count && !s->failed; i++) {
        yagot_gc_search *search = s->items[i];
        if (search->table == NULL || yagot_idtable_number(search->table, object) != 0) {
            s->failed = yagot_objects_add(&search->found, object) < 0;
        }
    }
    return !s->failed;
}

int
yagot_gc_search_all(yagot_gc *gc, yagot_gc_search *const *items, size_t count)
{
    searches s = {.items = items, .count = count};
    bool visited = yagot_gc_visit_all(gc, visit_object, &s) == 0;
    for (size_t i = 0; i < count; i++) {
        items[i]->done = visited && !s.failed;
        if (!items[i]->done) {
            yagot_objects_fini(&items[i]->found);
        }
    }
    if (s.failed) {
        PyErr_NoMemory();
    }
    return visited && !s.failed ? 0 : -1;
}

PyObject *
yagot_gc_take_found(yagot_gc_search *search)
{
    PyObject *list = yagot_gc_new_hidden_list((Py_ssize_t)search->found.count);
    for (size_t i = 0; list != NULL && i < search->found.count; i++) {
        PyList_SET_ITEM(list, (Py_ssize_t)i, Py_NewRef(search->found.items[i]));
    }
    yagot_objects_fini(&search->found);
    search->done = false;
    return list;
}

PyObject *
yagot_gc_objects_in(yagot_gc *gc, yagot_idtable *table)
{
    yagot_gc_search search = {.table = table}, *const one[] = {&search};
    return yagot_gc_search_all(gc, one, 1) == 0 ? yagot_gc_take_found(&search) : NULL;
}

int
yagot_gc_borrow_all(yagot_gc *gc, yagot_objects *objects)
{
    yagot_gc_search search = {0}, *const one[] = {&search};
    int result = yagot_gc_search_all(gc, one, 1);
    *objects = search.found;
    return result;
}

/* -- collecting ----------------------------------------------------------------------------------- */

static int
set_debug(yagot_state *state, Py_ssize_t flags)
{
    PyObject *result = PyObject_CallFunction(state->gc_set_debug, "n", flags);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Collects without debug flags, and gives them back whatever happens. */
static int
collect_without(yagot_gc *gc, int generation, Py_ssize_t debug)
{
    yagot_state *state = gc->state;
    if (debug != 0 && set_debug(state, 0) < 0) {
        return -1;
    }
    gc->own = true;
    gc->own_started = false;
    gc->own_uncollectable = 0;
    PyObject *result = PyObject_CallFunction(state->gc_collect, "i", generation);
    gc->own = false;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int restored = debug != 0 ? set_debug(state, debug) : 0;
    if (result == NULL) {
        PyErr_Restore(type, value, traceback);
    }
    bool collected = result != NULL && restored == 0;
    Py_XDECREF(result);
    return collected ? 0 : -1;
}

/* Steals the list. An object that is made where one of these was passes for old. */
static int
remember_old(yagot_gc *gc, PyObject *list)
{
    int result = list != NULL ? yagot_idtable_init(&gc->old) : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = yagot_idtable_put(&gc->old, PyList_GET_ITEM(list, i), 0);
    }
    if (result < 0 && list != NULL) {
        PyErr_NoMemory();
    }
    Py_XDECREF(list);
    return result;
}

/* What a collection has met is in an older generation now. */
int
yagot_gc_remember_made_meanwhile(yagot_gc *gc)
{
    if (!gc->state->generations) {
        return 0;
    }
    PyObject *young = yagot_gc_generation(gc, 0);
    yagot_idtable_fini(&gc->old);
    if (young != NULL && PyList_GET_SIZE(young) == 0) {
        Py_DECREF(young);
        return 0;
    }
    return remember_old(gc, young);
}

int
yagot_gc_collect(yagot_gc *gc, int generation)
{
    yagot_state *state = gc->state;
    Py_ssize_t kept = PyList_GET_SIZE(state->gc_garbage), debug = yagot_gc_number(state->gc_get_debug);
    if ((debug == -1 && PyErr_Occurred()) || collect_without(gc, generation, debug & SAVE_ALL ? 0 : debug) < 0) {
        return -1;
    }
    bool saved = gc->own_uncollectable > 0 && !(debug & SAVE_ALL) && PyList_GET_SIZE(state->gc_garbage) > kept;
    if (saved && PyList_SetSlice(state->gc_garbage, kept, PY_SSIZE_T_MAX, NULL) < 0) {
        return -1;
    }
    return gc->own_started && generation > 0 && yagot_gc_remember_made_meanwhile(gc) < 0 ? -1 : gc->own_started;
}

void
yagot_gc_rejuvenate(PyObject *object)
{
    if (yagot_is_tracked(object)) {
        PyObject_GC_UnTrack(object);
        PyObject_GC_Track(object);
    }
}

PyObject *
yagot_gc_new_marker(yagot_gc *gc)
{
    return gc->watch != NULL ? Py_NewRef(gc->watch) : yagot_gc_new_hidden_list(0);
}

/* -- around a window ------------------------------------------------------------------------------ */

static Py_ssize_t
find_callback(const yagot_gc *gc)
{
    PyObject *callbacks = gc->state->gc_callbacks;
    for (Py_ssize_t i = PyList_GET_SIZE(callbacks); i-- > 0;) {
        if (PyList_GET_ITEM(callbacks, i) == gc->callback) {
            return i;
        }
    }
    return -1;
}

int
yagot_gc_install_callback(yagot_gc *gc, PyObject *object)
{
    if (gc->callback == NULL) {
        gc->callback = yagot_get_attribute(object, "_on_collection");
        if (gc->callback == NULL) {
            return -1;
        }
    }
    if (gc->watch == NULL && gc->state->generations && (gc->watch = yagot_watch_new(gc->state)) == NULL) {
        return -1;
    }
    return find_callback(gc) < 0 ? PyList_Append(gc->state->gc_callbacks, gc->callback) : 0;
}

int
yagot_gc_remove_callback(yagot_gc *gc)
{
    for (Py_ssize_t i; (i = find_callback(gc)) >= 0;) {
        if (PyList_SetSlice(gc->state->gc_callbacks, i, i + 1, NULL) < 0) {
            return -1;
        }
    }
    Py_CLEAR(gc->callback);     /* it refers to the ledger */
    return 0;
}

static int
call(PyObject *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Thawing would thaw what the application has frozen: so what is old is remembered instead. */
static int
remember_all_as_old(yagot_gc *gc)
{
    yagot_idtable_fini(&gc->old);
    return remember_old(gc, yagot_gc_all_objects(gc));
}

/* What is young is frozen and thawed, and so old: no collection has to go through it. 1 if that was done, 0 if not. */
static int
move_young(yagot_gc *gc)
{
    Py_ssize_t frozen = gc->thaws ? 0 : yagot_gc_number(gc->state->gc_get_freeze_count);
    gc->thaws |= frozen > 0;
    if (frozen < 0 || gc->thaws) {
        return frozen < 0 ? -1 : 0;
    }
    yagot_idtable_fini(&gc->old);       /* all that is in it is old now */
    return call(gc->state->gc_freeze) < 0 || call(gc->state->gc_unfreeze) < 0 ? -1 : 1;
}

int
yagot_gc_set_old_aside(yagot_gc *gc, bool garbage)
{
    if (gc->state->generations) {
        int moved = garbage ? 0 : move_young(gc);
        int result = moved < 0 || (moved == 0 && yagot_gc_collect(gc, 1) < 0) ? -1 : 0;
        if (gc->watch != NULL) {
            yagot_gc_rejuvenate(gc->watch);
        }
        if (gc->watch != NULL && gc->just_counted && !garbage) {    /* nothing has run any code since */
            yagot_watch_reset(gc->watch);
        }
        gc->just_counted = false;
        return result;
    }
    if (gc->set_aside && garbage) {     /* a full one: of what is not set aside */
        return yagot_gc_collect(gc, 2) < 0 ? -1 : 0;
    }
    Py_ssize_t frozen = gc->set_aside ? 0 : yagot_gc_number(gc->state->gc_get_freeze_count);
    if (frozen < 0) {
        return -1;
    }
    if (frozen > 0) {
        return remember_all_as_old(gc);
    }
    gc->set_aside = call(gc->state->gc_freeze) == 0;
    return gc->set_aside ? 0 : -1;
}

int
yagot_gc_let_age(yagot_gc *gc)
{
    int moved = move_young(gc);
    return moved != 0 ? (moved < 0 ? -1 : 0) : yagot_gc_collect(gc, 0) < 0 ? -1 : 0;
}

int
yagot_gc_show_old(yagot_gc *gc)
{
    if (gc->state->generations) {
        return 0;
    }
    yagot_idtable_fini(&gc->old);
    if (!gc->set_aside || call(gc->state->gc_unfreeze) == 0) {
        gc->set_aside = false;
        return 0;
    }
    return -1;
}
