/* window.c - one test's window: begin and end. See ledger.h.
 *
 * begin() moves everything young into the oldest generation; from then on the younger generations hold what the test
 * has made. end() looks at that, has the garbage collected, and sees what is still alive. Without generations (see
 * module.c) gc.freeze() sets the older objects aside instead.
 */
#include "ledger/suspects.h"

#include "base/keys.h"

/* -- begin ---------------------------------------------------------------------------------------- */

/* Did a collection run that the callback has not seen? 1 if so, 0 if not. */
static int
forget_unseen(yagot_ledger *self)
{
    int missed = yagot_gc_has_missed(&self->gc);
    if (missed > 0) {
        yagot_forget_labels(self);
    }
    return missed;
}

int
yagot_start_labelling(yagot_ledger *self, uint32_t young)
{
    if (self->labels.on) {
        return 0;
    }
    if (yagot_gc_install_callback(&self->gc, (PyObject *)self) < 0
        || yagot_imports_install(&self->imports, (PyObject *)self) < 0
        || (young != 0 && yagot_labels_put_young(&self->labels, &self->gc, young) < 0)
        || yagot_gc_collect(&self->gc, 2) < 0 || forget_unseen(self) < 0) {
        return -1;
    }
    self->labels.on = true;
    return 0;
}

/* What was made since the last window belongs to this one, as made before it; its garbage is looked at before it
 * goes. 0 if there is none, 1 if there may be. */
static int
label_what_is_there(yagot_ledger *self, uint32_t test)
{
    if (test != 0 && yagot_start_labelling(self, yagot_label_of_window(test, YAGOT_BEFORE)) < 0) {
        return -1;
    }
    if (!self->labels.on) {
        return 1;
    }
    self->labels.test = test != 0 ? test - 1 : self->labels.test;
    return yagot_labels_put_young(&self->labels, &self->gc, yagot_label_between(&self->labels)) < 0 ? -1
           : yagot_look_at_young(self, 1);
}

static int
open_window(yagot_ledger *self, PyObject *dropped, uint32_t test)
{
    yagot_window *w = &self->window;
    if (yagot_gc_install_callback(&self->gc, (PyObject *)self) < 0
        || yagot_imports_install(&self->imports, (PyObject *)self) < 0
        || yagot_imports_end(&self->imports, &self->labels, &self->gc, false) < 0 || forget_unseen(self) < 0) {
        return -1;
    }
    int garbage = label_what_is_there(self, test);
    /* without generations no boundary looks at what earlier tests have left */
    bool forgets = !self->state->generations && test != 0;
    int put_off = forgets ? yagot_forget_put_off(&self->put_off) : yagot_sort_out_young(self);
    yagot_imports_show_markers(&self->imports);
    if (garbage < 0 || put_off < 0 || (w->marker = yagot_gc_new_marker(&self->gc)) == NULL
        || yagot_gc_set_old_aside(&self->gc, garbage > 0) < 0
        || (dropped != NULL && yagot_keep_dropped(&w->dropped, dropped) < 0)) {
        return -1;
    }
    if (!yagot_is_tracked(w->marker)) {
        PyObject_GC_Track(w->marker);
    }
    w->label = test != 0 ? yagot_label_of_window(test, YAGOT_TEST) : 0;
    if (test != 0) {
        self->labels.test = test;
        yagot_asleep_note(&self->asleep, w->label);
    }
    return self->settings.native ? yagot_tracer_resume(&self->tracer, w->label) : 0;
}

/* Undoes what open_window() did. Keeps an exception that is set; -1 if there is one, or a new one. */
static int
restore(yagot_ledger *self)
{
    PyObject *type, *value, *traceback;
    self->window.open = false;
    PyErr_Fetch(&type, &value, &traceback);
    yagot_forget_dropped(&self->window.dropped);
    Py_CLEAR(self->window.marker);
    int result = yagot_gc_show_old(&self->gc);
    if (type != NULL) {
        PyErr_Restore(type, value, traceback);
        result = -1;
    }
    return result;
}

int
yagot_window_begin(yagot_ledger *self, PyObject *dropped, uint32_t test)
{
    yagot_window_fini(&self->window);
    Py_CLEAR(self->suspects.kept);
    yagot_predictions_forget(&self->predictions);
    if (yagot_findings_clear(&self->findings) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    self->looking = true;
    int result = open_window(self, dropped, test);
    self->looking = false;
    if (result < 0) {
        (void)restore(self);
        return -1;
    }
    self->window.open = true;
    return 0;
}

int
yagot_window_pause(yagot_ledger *self)
{
    self->labels.test -= self->window.label != 0;       /* what is made now is made before that test */
    if (yagot_imports_end(&self->imports, &self->labels, &self->gc, false) < 0) {
        return -1;
    }
    (void)yagot_tracer_pause(&self->tracer);
    return restore(self);
}

void
yagot_window_fini(yagot_window *window)
{
    yagot_forget_dropped(&window->dropped);
    yagot_predictions_forget(&window->saved);
    yagot_idtable_fini(&window->promoted.table);
    Py_CLEAR(window->marker);
    *window = (yagot_window){0};
}

/* -- end ------------------------------------------------------------------------------------------ */

static int
note_what_was_missed(yagot_ledger *self)
{
    int unseen = forget_unseen(self);
    if (unseen < 0) {
        return -1;
    }
    if (unseen) {
        self->window.incomplete = "a collection ran unseen (gc.callbacks was cleared)";
    }
    return 0;
}

/* Has the garbage collected, and looks for what has survived; unless the suite wants it saved: then it goes where the
 * suite looks for it, and that is all. */
static int
release_garbage(yagot_ledger *self)
{
    int saves_all = yagot_gc_saves_all(&self->gc);
    int collected = saves_all < 0 ? -1 : yagot_gc_collect(&self->gc, self->state->generations ? 0 : 2);
    if (collected == 0) {
        self->window.incomplete = "another thread was collecting";
    }
    return collected < 0 ? -1 : saves_all ? 0 : yagot_check_predictions(self, 1, false);
}

/* What the snapshot shows, while its objects live. */
static int
examine(yagot_ledger *self, yagot_snapshot *births, const yagot_wishes *wishes, yagot_results *results)
{
    if (yagot_label_survivors(self, births) < 0 || yagot_settle_saved(self, births) < 0) {
        return -1;
    }
    self->window.counts.candidates = yagot_count_candidates(self, births);
    if (self->state->generations) {
        yagot_gather_garbage(births);
    }
    yagot_describe(self);
    if ((wishes->keep || wishes->references) && yagot_keep_survivors(&self->suspects, births) < 0) {
        return -1;
    }
    results->alive = wishes->alive ? yagot_list_alive(births) : NULL;
    return results->alive == NULL && wishes->alive ? -1 : 0;
}

static int
look(yagot_ledger *self, const yagot_wishes *wishes, yagot_results *results)
{
    yagot_window *w = &self->window;
    yagot_snapshot births;
    yagot_found found = {0};
    int result = yagot_take_births(self, &births, 3, NULL);
    Py_ssize_t born = births.count;
    if (result == 0 && yagot_add_dropped(&births, w->dropped.items, w->dropped.count) < 0) {
        PyErr_NoMemory();
        result = -1;
    }
    if (result == 0) {
        yagot_note_freezing(self);
        result = yagot_look_at_births(self, &births, &found);
    }
    if (result == 0) {
        w->counts.born += born;
        w->counts.garbage += found.garbage;
        w->counts.survivors = found.alive;
        self->heap.grown += found.alive;
        self->closing->garbage = found.garbage;
        result = examine(self, &births, wishes, results);
    }
    yagot_snapshot_fini(&births);
    return result;
}

/* All has been looked at: what is left to do may release garbage, and so run the suite's code. */
static int
release(yagot_ledger *self)
{
    const yagot_wishes *wishes = self->closing->wishes;
    self->closing->released = true;
    int result = self->closing->garbage > 0 ? release_garbage(self) : 0;
    yagot_predictions_forget(&self->predictions);
    /* the garbage is gone */
    if (result == 0 && wishes->references) {
        result = yagot_look_at_kept(self, &self->closing->results->recurring);
    }
    /* what a test has made that did not pass, or that runs once more, is not judged */
    bool unjudged = self->labels.on && (!wishes->look || self->window.label == 0);
    if (result == 0 && unjudged) {
        result = yagot_label_unjudged(self);
    }
    else if (result == 0 && self->labels.on && self->closing->runs_code) {
        /* nobody's: what finalizers and the releaser have made is not what had its address before */
        result = yagot_labels_unlabel_young(&self->labels, &self->gc, yagot_label_window(self->window.label));
    }
    if (result == 0 && self->labels.on) {
        bool garbage = unjudged || self->closing->runs_code;
        yagot_imports_show_markers(&self->imports);
        result = yagot_gc_set_old_aside(&self->gc, garbage);    /* so that what is young later was made later */
    }
    return result == 0 && wishes->look && self->closing->gc_was_enabled ? yagot_limit_growth(self) : result;
}

int
yagot_window_release(yagot_ledger *self)
{
    return self->closing == NULL || self->closing->released ? 0 : release(self);
}

/* Has it done by the function that the caller has given for it; which may fail, or not do it. */
static int
release_by(yagot_ledger *self, PyObject *releaser)
{
    PyObject *function = yagot_get_attribute((PyObject *)self, "_release");
    PyObject *returned = function != NULL ? PyObject_CallOneArg(releaser, function) : NULL;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int result = yagot_window_release(self);
    if (returned == NULL) {
        PyErr_Restore(type, value, traceback);
        result = -1;
    }
    Py_XDECREF(returned);
    Py_XDECREF(function);
    return result;
}

static int
close_window(yagot_ledger *self)
{
    const yagot_wishes *wishes = self->closing->wishes;
    if (yagot_imports_end(&self->imports, &self->labels, &self->gc, true) < 0) {
        return -1;
    }
    if (wishes->look && (note_what_was_missed(self) < 0 || look(self, wishes, self->closing->results) < 0)) {
        return -1;
    }
    bool has_garbage = !wishes->look || self->closing->garbage > 0;     /* without a look nobody knows */
    int releases = has_garbage ? 1 : yagot_heap_has_grown(self);
    if (releases < 0) {
        return -1;
    }
    self->closing->runs_code = releases;
    return releases && wishes->releaser != NULL ? release_by(self, wishes->releaser) : release(self);
}

int
yagot_window_end(yagot_ledger *self, const yagot_wishes *wishes, yagot_results *results)
{
    yagot_rest_wait(&self->rest);
    if (!yagot_tracer_pause(&self->tracer)) {
        self->window.incomplete = "another tracer of references, as tracemalloc's, came after yagot's";
    }
    /* An automatic collection that is due must not run now: nobody would look before it. */
    yagot_closing closing = {.wishes = wishes, .results = results, .gc_was_enabled = yagot_begin_look(self)};
    self->closing = &closing;
    int result = close_window(self);
    self->closing = NULL;
    bool repeated = wishes->references && self->window.label == 0;
    if (!wishes->look || !(wishes->references || wishes->keep) || repeated) {
        yagot_tracer_keep(&self->tracer, &self->put_off.table);
    }
    yagot_end_look(self, closing.gc_was_enabled);
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return restore(self);
}

/* -- the result ----------------------------------------------------------------------------------- */

static const char *const key_names[YAGOT_WINDOW_KEYS] = {
    "alive", "recurring", "findings", "incomplete", "candidates", "born", "survivors", "garbage",
};

PyObject *
yagot_window_export(yagot_ledger *self, const yagot_results *results)
{
    const yagot_counts *n = &self->window.counts;
    const char *incomplete = self->window.incomplete;
    PyObject *const values[YAGOT_WINDOW_KEYS] = {
        results->alive != NULL ? results->alive : PyList_New(0),
        results->recurring != NULL ? results->recurring : PyDict_New(),
        yagot_findings_export(&self->findings),
        incomplete != NULL ? PyUnicode_FromString(incomplete) : Py_NewRef(Py_None),
        PyLong_FromSsize_t(n->candidates), PyLong_FromSsize_t(n->born), PyLong_FromSsize_t(n->survivors),
        PyLong_FromSsize_t(n->garbage),
    };
    bool has_keys = yagot_keys_init(self->keys, key_names, YAGOT_WINDOW_KEYS) == 0;
    PyObject *dict = has_keys ? PyDict_New() : NULL;
    for (size_t i = 0; i < YAGOT_WINDOW_KEYS; i++) {
        if (dict == NULL) {
            Py_XDECREF(values[i]);
        }
        else if (yagot_keys_set(dict, self->keys[i], values[i]) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

int
yagot_window_drop(yagot_ledger *self)
{
    yagot_tracer_fini(&self->tracer);
    return self->window.open ? restore(self) : 0;
}
