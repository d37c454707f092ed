/* suspects.c - see suspects.h.
 *
 * From a survivor's reference count every reference that can be found is subtracted (holder_walk.c). What is left over
 * is a reference that nobody holds: a missing Py_DECREF, or a place in C memory that cannot be seen. The two look
 * alike, so what is found here are suspects. They are kept, to see after a repetition of the test whether they
 * are still there.
 */
#include "ledger/suspects.h"

#include "base/describe.h"
#include "find/holders.h"
#include "find/memory_scan.h"
#include "find/reach.h"

#include <string.h>

/* -- which survivors to ask about ----------------------------------------------------------------- */

/* Compared by characters: a name may have some that no encoding takes. */
static bool
starts_with(PyObject *text, const char *prefix)
{
    Py_ssize_t length = (Py_ssize_t)strlen(prefix);
    bool same = PyUnicode_GET_LENGTH(text) > length;
    for (Py_ssize_t i = 0; i < length && same; i++) {
        same = PyUnicode_READ_CHAR(text, i) == (Py_UCS4)prefix[i];
    }
    return same;
}

/* Our own functions and methods, which are being called. */
static bool
is_ours(PyObject *object)
{
    if (PyCFunction_Check(object)) {
        PyObject *self = PyCFunction_GET_SELF(object);
        return self != NULL && strncmp(Py_TYPE(self)->tp_name, "yagot.", 6) == 0;
    }
    if (PyMethod_Check(object)) {
        object = PyMethod_GET_FUNCTION(object);
    }
    PyObject *module = PyFunction_Check(object) ? ((PyFunctionObject *)object)->func_module : NULL;
    return module != NULL && PyUnicode_Check(module) && starts_with(module, "yagot.");
}

/* Frames and cells are held by running frames in ways that cannot be seen, contexts by threads. */
static bool
is_beyond_us(PyObject *object)
{
    return is_ours(object) || PyFrame_Check(object) || PyCell_Check(object) || PyContext_CheckExact(object)
           || PyContextToken_CheckExact(object) || yagot_is_context_piece(object)
           || Py_REFCNT(object) > YAGOT_IMMORTAL;
}

static bool
is_held_from_outside(const yagot_snapshot *births, uint32_t i)
{
    const uint8_t flags = births->flags[i];
    return flags & YAGOT_REACHABLE && !(flags & (YAGOT_DROPPED | YAGOT_BY_DROPPED | YAGOT_LATER)) && births->refs[i] > 0
           && !is_beyond_us(births->objects[i]);
}

Py_ssize_t
yagot_count_candidates(const yagot_ledger *self, const yagot_snapshot *births)
{
    Py_ssize_t count = 0;
    for (uint32_t i = 0; i < births->count; i++) {
        count += is_held_from_outside(births, i);
    }
    for (size_t i = 0; i < self->tracer.count; i++) {
        count += self->tracer.made[i].window == self->window.label && yagot_tracer_wants(&self->tracer.made[i]);
    }
    return count;
}

static int
ask_about(yagot_snapshot *wanted, PyObject *object, uint8_t flags)
{
    return yagot_snapshot_add(wanted, object, Py_REFCNT(object), flags) != YAGOT_NONE ? 0 : -1;
}

/* -- those that are held in known ways ------------------------------------------------------------ */

/* Entries of functools.lru_cache are in a list in C, too. */
static bool
is_interpreters_own(PyObject *object)
{
    return strcmp(Py_TYPE(object)->tp_name, "functools._lru_list_elem") == 0;
}

static uint32_t
count_suspects(yagot_snapshot *wanted)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wanted->count; i++) {
        if (wanted->refs[i] > 0 && is_interpreters_own(wanted->objects[i])) {
            wanted->refs[i] = 0;
        }
        count += wanted->refs[i] > 0;
    }
    return count;
}

/* -- what is left after a traversal of everything ------------------------------------------------- */

typedef struct {
    yagot_ledger *ledger;
    yagot_snapshot *births;
    const yagot_question *question;
    yagot_reach reach;
    bool blind;                 /* memory cannot be searched */
} memory_look;

static bool
is_garbage(const memory_look *look, PyObject *object)
{
    uint32_t birth = yagot_snapshot_find(look->births, object);
    return birth != YAGOT_NONE && look->births->flags[birth] & YAGOT_GARBAGE;
}

/* Looks into the tracked objects' bodies. A ledger knows all objects. */
static int
look_into_bodies(memory_look *look, bool garbage)
{
    yagot_ledger *self = look->ledger;
    yagot_holders *h = look->reach.h;
    for (size_t i = 0; i < h->tracked.count; i++) {
        PyObject *object = h->tracked.items[i];
        if (Py_TYPE(object) == self->state->ledger_type || is_garbage(look, object) != garbage) {
            continue;
        }
        if (self->settings.native) {
            yagot_subtract_untracked(h, object);
        }
        if (yagot_subtract_hidden(h, object) > 0 && !garbage
            && yagot_report_hidden(self, yagot_c_type_of(h, object), object, look->question->boundary) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Looks where these lead to. What is suspended has a stack of frames: if none is met there, nobody knows what it
 * holds. */
static void
look_beyond_bodies(memory_look *look, bool garbage)
{
    yagot_holders *h = look->reach.h;
    for (size_t i = 0; yagot_holders_wanted(h) && i < h->tracked.count; i++) {
        PyObject *object = h->tracked.items[i];
        if (Py_TYPE(object) != look->ledger->state->ledger_type && is_garbage(look, object) == garbage) {
            size_t frames = look->reach.frames;
            yagot_reach_object(&look->reach, object);
            h->stacks |= yagot_is_suspended(object) && look->reach.frames == frames;
        }
    }
}

/* The label of the first window that has made any of what is wanted. What has none is of the last window, or of a
 * further run of its test; at a boundary nobody knows then: 0. */
static uint32_t
first_label(const memory_look *look)
{
    yagot_ledger *self = look->ledger;
    const yagot_snapshot *wanted = look->reach.h->wanted;
    uint32_t first = yagot_label_of_window(self->labels.test, YAGOT_TEST);
    for (uint32_t i = 0; i < wanted->count; i++) {
        uint32_t label = yagot_labels_get(&self->labels, wanted->objects[i]);
        first = label < first && (label != 0 || look->question->boundary) ? label : first;
    }
    return first;
}

/* All places that hold what is in them, those that are soon searched first. */
static int
look_in_memory(memory_look *look)
{
    yagot_reach *r = &look->reach;
    int opened = yagot_reach_init(r, r->h);
    look->blind = opened > 0;
    if (opened < 0 || look_into_bodies(look, false) < 0) {
        return -1;
    }
    if (!look->blind && yagot_holders_wanted(r->h)) {
        yagot_reach_statics(r);
    }
    if (look->blind || !yagot_holders_wanted(r->h)) {
        return r->failed ? -1 : 0;
    }
    if (yagot_reach_pass_over_shown(r, look->births) < 0) {
        return -1;
    }
    look_beyond_bodies(look, false);
    for (size_t i = 0; i < r->h->opaque.count; i++) {
        yagot_reach_object(r, r->h->opaque.items[i]);
    }
    if (yagot_holders_wanted(r->h)) {
        yagot_reach_beyond_statics(r);
    }
    if (yagot_holders_wanted(r->h)) {
        r->asleep = &look->ledger->asleep;
        r->since = first_label(look);
        yagot_reach_stacks(r);
    }
    return r->failed ? -1 : 0;
}

/* Garbage does not always release what it hides when it goes. What is found there is looked at again, and not
 * reported. */
static int
look_into_garbage(memory_look *look)
{
    PyObject *const ours[] = {look->ledger->suspects.found, look->ledger->suspects.earlier};    /* they have grown */
    for (size_t i = 0; i < 2 && !look->blind; i++) {
        if (yagot_reach_pass_over(&look->reach, ((PyListObject *)ours[i])->ob_item) < 0) {
            return -1;
        }
    }
    int result = yagot_holders_wanted(look->reach.h) ? look_into_bodies(look, true) : 0;
    if (result == 0 && !look->blind) {
        look_beyond_bodies(look, true);
    }
    return look->reach.failed ? -1 : result;
}

/* -- the look ------------------------------------------------------------------------------------- */

/* Those of this window; at a boundary, those that were put off. */
static int
choose_untracked(yagot_ledger *self, yagot_snapshot *wanted, bool boundary)
{
    if (self->settings.native) {
        PyType_ClearCache();    /* names that C code has asked for are there */
    }
    for (size_t i = 0; i < self->tracer.count; i++) {
        const yagot_made *made = &self->tracer.made[i];
        if (!yagot_tracer_wants(made)
            || (boundary ? !yagot_is_put_off(&self->put_off, made->object, made->window)
                         : made->window != self->window.label)) {
            continue;
        }
        if (ask_about(wanted, made->object, YAGOT_TRACED) < 0
            || (boundary && yagot_labels_put(&self->labels, made->object, made->window) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Asks about the births that something else holds, and about the suspects of earlier looks. */
static int
choose(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, bool boundary)
{
    for (uint32_t i = 0; i < births->count; i++) {
        if (is_held_from_outside(births, i) && ask_about(wanted, births->objects[i], 0) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->suspects.earlier); i++) {
        if (ask_about(wanted, PyList_GET_ITEM(self->suspects.earlier, i), 0) < 0) {
            return -1;
        }
    }
    return choose_untracked(self, wanted, boundary);
}

static int
subtract_shown(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, yagot_holders *h)
{
    h->wanted = wanted;
    h->untracked = self->settings.native;
    h->plain_traverse = ((PyTypeObject *)self->state->python_class)->tp_traverse;
    Py_ssize_t frozen = yagot_gc_number(self->state->gc_get_freeze_count);
    h->frozen = frozen != 0;
    if (frozen < 0) {
        return -1;
    }
    int result = yagot_holders_init(h);
    for (size_t i = 0; i < 3 && births->lists[i] != NULL; i++) {     /* our own lists hold them, too */
        yagot_traverse(births->lists[i], yagot_holders_visit, h);
    }
    return result == 0 ? yagot_holders_subtract(h) : result;
}

/* Keeps the suspects of this look apart from the earlier ones; -1 with an exception set. The lists are known to
 * the collector: a library may ask gc.get_referrers() who holds an object before it gives up its own reference. */
static int
age_suspects(yagot_suspects *s)
{
    if (s->earlier == NULL && (s->earlier = PyList_New(0)) == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; s->found != NULL && i < PyList_GET_SIZE(s->found); i++) {
        if (PyList_Append(s->earlier, PyList_GET_ITEM(s->found, i)) < 0) {
            return -1;
        }
    }
    Py_XSETREF(s->found, PyList_New(0));
    return s->found != NULL ? 0 : -1;
}

/* Notes which objects have references left over, before garbage is looked into. */
static int
keep_suspects(yagot_suspects *suspects, yagot_snapshot *births, yagot_snapshot *wanted)
{
    for (uint32_t i = 0; i < wanted->count; i++) {
        PyObject *object = wanted->objects[i];
        bool asked = wanted->flags[i] & YAGOT_TRACED || yagot_snapshot_find(births, object) != YAGOT_NONE;
        if (wanted->refs[i] <= 0) {
            continue;
        }
        wanted->flags[i] |= YAGOT_SUSPECT;
        if (asked && PyList_Append(suspects->found, object) < 0) {
            return -1;
        }
    }
    return 0;
}

typedef struct {
    Py_ssize_t objects, left, unheld, references;
} recurrence;

static int
add_to(PyObject *dict, const char *cause, const recurrence *more)
{
    PyObject *before = PyDict_GetItemString(dict, cause);
    recurrence sum = {0};
    if (before != NULL && !PyArg_ParseTuple(before, "nnnn", &sum.objects, &sum.left, &sum.unheld, &sum.references)) {
        return -1;
    }
    PyObject *tuple = Py_BuildValue("(nnnn)", sum.objects + more->objects, sum.left + more->left,
                                    sum.unheld + more->unheld, sum.references + more->references);
    int result = tuple != NULL ? PyDict_SetItemString(dict, cause, tuple) : -1;
    Py_XDECREF(tuple);
    return result;
}

/* What has become of the earlier suspects, by cause: a new dict, or NULL with an exception set or without one. */
static PyObject *
count_recurring(const yagot_suspects *suspects, yagot_snapshot *wanted)
{
    PyObject *recurring = PyDict_New();
    int result = 0;
    if (recurring == NULL) {
        return NULL;
    }
    PyObject_GC_UnTrack(recurring);
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(suspects->earlier); i++) {
        PyObject *object = PyList_GET_ITEM(suspects->earlier, i);
        uint32_t index = yagot_snapshot_find(wanted, object);
        Py_ssize_t references = wanted->refs[index] > 0 ? wanted->refs[index] : 0;
        const recurrence one = {1, wanted->flags[index] & YAGOT_SUSPECT ? 1 : 0, references > 0, references};
        char *cause = yagot_cause_of(object);
        result = cause != NULL ? add_to(recurring, cause, &one) : -1;
        PyMem_RawFree(cause);
    }
    if (result < 0) {
        Py_CLEAR(recurring);
    }
    return recurring;
}

/* All that is done of a look once there are objects to ask about. */
static int
look_for_holders(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, yagot_holders *h,
                 const yagot_question *question)
{
    memory_look look = {.ledger = self, .births = births, .question = question, .reach.h = h};
    for (uint32_t i = 0; i < wanted->count; i++) {
        wanted->refs[i] = Py_REFCNT(wanted->objects[i]);        /* an earlier question may have counted them down */
    }
    int result = subtract_shown(self, births, wanted, h);
    if (result == 0 && count_suspects(wanted) > 0) {
        result = look_in_memory(&look);
        result = result == 0 ? keep_suspects(&self->suspects, births, wanted) : result;
        result = result == 0 ? look_into_garbage(&look) : result;
        yagot_reach_fini(&look.reach);
    }
    self->suspects.blind = h->stacks;
    if (result == 0 && question->recurring != NULL) {
        *question->recurring = count_recurring(&self->suspects, wanted);
        result = *question->recurring != NULL ? 0 : -1;
    }
    bool report = result == 0 && question->report && count_suspects(wanted) > 0;
    return report ? yagot_report_suspects(self, births, wanted, question->boundary) : result;
}

/* Does the data of the interpreter and of libraries hold all that the tracked objects do not? At a boundary all of them
 * have been looked at, so that nothing has to be walked again. The counts are of no use afterwards. 1, 0, or -1 when
 * memory is short. */
static int
are_held_by_statics(yagot_snapshot *births, yagot_snapshot *wanted)
{
    yagot_holders h = {.wanted = wanted};
    yagot_reach reach = {0};
    int result = yagot_holders_init(&h);
    for (uint32_t i = 0; i < wanted->count && result == 0; i++) {
        uint32_t index = yagot_snapshot_find(births, wanted->objects[i]);
        wanted->refs[i] = index != YAGOT_NONE ? births->refs[index] : Py_REFCNT(wanted->objects[i]);
    }
    int opened = result == 0 ? yagot_reach_init(&reach, &h) : 1;
    if (opened == 0) {
        yagot_reach_statics(&reach);
        result = !yagot_holders_wanted(&h);
    }
    yagot_reach_fini(&reach);
    yagot_holders_fini(&h);
    return opened < 0 || reach.failed ? -1 : result;
}

int
yagot_find_suspects(yagot_ledger *self, yagot_snapshot *births, const yagot_question *question)
{
    yagot_snapshot wanted;
    yagot_holders h = {0};
    if (age_suspects(&self->suspects) < 0 || yagot_gc_show_old(&self->gc) < 0) {
        return -1;
    }
    (void)yagot_tracer_pause(&self->tracer);
    bool all_held = false;
    int result = yagot_snapshot_init(&wanted);
    result = result == 0 ? choose(self, births, &wanted, question->boundary) : result;
    if (result == 0 && wanted.count > 0 && question->boundary) {
        int held = are_held_by_statics(births, &wanted);
        result = held < 0 ? -1 : 0;
        all_held = held > 0;
    }
    if (result == 0 && wanted.count > 0 && !all_held) {
        result = yagot_gc_borrow_all(&self->gc, &h.tracked);
        self->looked_at += (Py_ssize_t)h.tracked.count;
        result = result == 0 ? look_for_holders(self, births, &wanted, &h, question) : -1;
    }
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    yagot_snapshot_fini(&wanted);
    yagot_holders_fini(&h);
    return result;
}

int
yagot_label_suspects(yagot_ledger *self)
{
    PyObject *const lists[] = {self->suspects.found, self->suspects.earlier};
    for (size_t i = 0; i < 2; i++) {
        for (Py_ssize_t j = 0; lists[i] != NULL && j < PyList_GET_SIZE(lists[i]); j++) {
            if (yagot_labels_put(&self->labels, PyList_GET_ITEM(lists[i], j), YAGOT_REPORTED) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

void
yagot_forget_suspects(yagot_ledger *self)
{
    Py_CLEAR(self->suspects.found);
    Py_CLEAR(self->suspects.earlier);
    if (self->suspects.kept == NULL) {      /* else the window's untracked objects wait for a look, too */
        yagot_tracer_keep(&self->tracer, &self->put_off.table);
    }
}
