/* unheld.c - see unheld.h.
 *
 * From a survivor's reference count every reference that can be found is subtracted (holder_walk.c). What is left over
 * is a reference that nobody holds: a missing Py_DECREF, or a place in C memory that cannot be seen. The two look
 * alike, so what is found here are suspects. They are kept, to see after a repetition of the test whether they
 * are still there.
 */
#include "find/unheld.h"

#include "find/holders.h"
#include "find/memory_scan.h"

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
           || PyContextToken_CheckExact(object) || strncmp(Py_TYPE(object)->tp_name, "hamt", 4) == 0
           || Py_REFCNT(object) > YAGOT_IMMORTAL;
}

static bool
is_held_from_outside(const yagot_snapshot *births, uint32_t i)
{
    const uint8_t flags = births->flags[i];
    return flags & YAGOT_REACHABLE && !(flags & (YAGOT_OWNER | YAGOT_OWNED | YAGOT_LATER)) && births->refs[i] > 0
           && !is_beyond_us(births->objects[i]);
}

Py_ssize_t
yagot_count_held(const yagot_ledger *self, const yagot_snapshot *births)
{
    Py_ssize_t count = 0;
    for (uint32_t i = 0; i < births->count; i++) {
        count += is_held_from_outside(births, i);
    }
    for (size_t i = 0; i < self->tracer.count; i++) {
        count += self->tracer.made[i].window == self->number && yagot_tracer_wants(&self->tracer.made[i]);
    }
    return count;
}

static int
ask_about(yagot_snapshot *wanted, PyObject *object, uint8_t flags)
{
    return yagot_snapshot_add(wanted, object, Py_REFCNT(object), flags) != YAGOT_NONE ? 0 : -1;
}

/* -- those that are held in known ways ------------------------------------------------------------ */

static bool
all_values_are_weakrefs(PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (!PyWeakref_CheckRefExact(value) || !PyLong_CheckExact(key)) {
            return false;
        }
    }
    return PyDict_GET_SIZE(dict) > 0;
}

/* warnings.filters: the C module keeps the list it has seen last. */
static bool
is_warnings_filters(PyObject *list)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (item == NULL || !PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 5
            || PyTuple_GET_ITEM(item, 0) == NULL || !PyUnicode_CheckExact(PyTuple_GET_ITEM(item, 0))) {
            return false;
        }
    }
    return PyList_GET_SIZE(list) > 0;
}

/* Held by the interpreter where nobody can look: a built-in type's subclasses, the filters of warnings, entries of
 * functools.lru_cache, which are in a list in C, too. */
static bool
is_interpreters_own(PyObject *object)
{
    return strcmp(Py_TYPE(object)->tp_name, "functools._lru_list_elem") == 0
           || (PyDict_CheckExact(object) && all_values_are_weakrefs(object))
           || (PyList_CheckExact(object) && is_warnings_filters(object));
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

/* What is left after a traversal of everything is looked for in the bodies of C objects and in C libraries. */
static int
look_in_memory(yagot_ledger *self, yagot_snapshot *births, yagot_holders *h)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(h->tracked); i++) {
        PyObject *object = PyList_GET_ITEM(h->tracked, i);
        if (self->native) {
            yagot_subtract_untracked(h, object);
        }
        uint32_t birth = yagot_snapshot_find(births, object);
        if (birth != YAGOT_NONE && births->flags[birth] & YAGOT_GARBAGE) {
            continue;           /* it may forget what it hides when it goes */
        }
        if (yagot_subtract_hidden(h, object) > 0
            && yagot_tell_hidden(self, yagot_c_type_of(h, object), object) < 0) {
            return -1;
        }
    }
    yagot_subtract_static(h);
    return 0;
}

/* -- the look ------------------------------------------------------------------------------------- */

/* Those of this window; at a boundary, where labels are told, all that were put off. */
static int
choose_untracked(yagot_ledger *self, yagot_snapshot *wanted)
{
    bool boundary = self->findings.labels != NULL;
    if (self->native) {
        PyType_ClearCache();    /* names that C code has asked for are there */
    }
    for (size_t i = 0; i < self->tracer.count; i++) {
        const yagot_made *made = &self->tracer.made[i];
        if (!yagot_tracer_wants(made) || (!boundary && made->window != self->number)) {
            continue;
        }
        if (ask_about(wanted, made->object, YAGOT_TRACED) < 0
            || (boundary && yagot_idtable_put(&self->labels, made->object, made->window - 1) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Asks about the births that something else holds, and about the suspects of an earlier look. */
static int
choose(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted)
{
    for (uint32_t i = 0; i < births->count; i++) {
        if (births->objects[i] != self->arguments && is_held_from_outside(births, i)
            && ask_about(wanted, births->objects[i], 0) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; self->earlier != NULL && i < PyList_GET_SIZE(self->earlier); i++) {
        if (ask_about(wanted, PyList_GET_ITEM(self->earlier, i), 0) < 0) {
            return -1;
        }
    }
    return choose_untracked(self, wanted);
}

static int
subtract_all(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, yagot_holders *h)
{
    h->wanted = wanted;
    h->untracked = self->native;
    h->plain_traverse = ((PyTypeObject *)self->state->python_class)->tp_traverse;
    Py_ssize_t frozen = yagot_call_number(self->state->gc_get_freeze_count);
    h->frozen = frozen != 0;
    if (frozen < 0) {
        return -1;
    }
    int result = yagot_holders_init(h);
    for (size_t i = 0; i < 3 && births->lists[i] != NULL; i++) {     /* our own lists hold them, too */
        yagot_traverse(births->lists[i], yagot_holders_visit, h);
    }
    if (result == 0) {
        result = yagot_holders_subtract(h);
    }
    self->stacks = h->stacks;
    if (result == 0 && count_suspects(wanted) > 0) {
        result = look_in_memory(self, births, h);
    }
    return result;
}

/* Keeps the suspects of the look before apart from those of this one; -1 with an exception set. The lists are known to
 * the collector: a library may ask gc.get_referrers() who holds an object before it gives up its own reference. */
static int
age_suspects(yagot_ledger *self)
{
    Py_CLEAR(self->recurring);
    Py_XSETREF(self->earlier, self->suspects);
    self->suspects = PyList_New(0);
    return self->suspects != NULL ? 0 : -1;
}

static int
add_to(PyObject *dict, const char *cause, Py_ssize_t references)
{
    PyObject *old = PyDict_GetItemString(dict, cause);
    PyObject *sum = PyLong_FromSsize_t(references + (old != NULL ? PyLong_AsSsize_t(old) : 0));
    int result = sum != NULL ? PyDict_SetItemString(dict, cause, sum) : -1;
    Py_XDECREF(sum);
    return result;
}

/* Which of the earlier suspects still have references that nobody holds, and how many. */
static int
count_recurring(yagot_ledger *self, yagot_snapshot *wanted)
{
    int result = 0;
    Py_XSETREF(self->recurring, PyDict_New());
    if (self->recurring == NULL) {
        return -1;
    }
    PyObject_GC_UnTrack(self->recurring);
    for (Py_ssize_t i = 0; result == 0 && self->earlier != NULL && i < PyList_GET_SIZE(self->earlier); i++) {
        PyObject *object = PyList_GET_ITEM(self->earlier, i);
        Py_ssize_t references = wanted->refs[yagot_snapshot_find(wanted, object)];
        if (references > 0) {
            char *cause = yagot_cause_of(object);
            result = cause != NULL ? add_to(self->recurring, cause, references) : -1;
            PyMem_RawFree(cause);
        }
    }
    return result;
}

int
yagot_find_unexplained(yagot_ledger *self, yagot_snapshot *births)
{
    yagot_snapshot wanted;
    yagot_holders h = {0};
    if (age_suspects(self) < 0 || yagot_show_old(self) < 0) {
        return -1;
    }
    yagot_tracer_pause(&self->tracer);
    h.tracked = yagot_get_all_objects(self);
    if (h.tracked == NULL) {
        return -1;
    }
    int result = yagot_snapshot_init(&wanted);
    if (result == 0 && (result = choose(self, births, &wanted)) == 0 && wanted.count > 0) {
        result = subtract_all(self, births, &wanted, &h);
        if (result == 0) {
            result = count_recurring(self, &wanted);
        }
        if (result == 0 && count_suspects(&wanted) > 0) {
            result = yagot_tell_suspects(self, births, &wanted);
        }
    }
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    yagot_snapshot_fini(&wanted);
    yagot_holders_fini(&h);
    Py_DECREF(h.tracked);
    return result;
}

int
yagot_label_suspects(yagot_ledger *self)
{
    PyObject *const lists[] = {self->suspects, self->earlier};
    for (size_t i = 0; i < 2; i++) {
        for (Py_ssize_t j = 0; lists[i] != NULL && j < PyList_GET_SIZE(lists[i]); j++) {
            if (yagot_label(self, PyList_GET_ITEM(lists[i], j), YAGOT_TOLD) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

void
yagot_forget_suspects(yagot_ledger *self)
{
    Py_CLEAR(self->suspects);
    Py_CLEAR(self->earlier);
    Py_CLEAR(self->recurring);
}

/* -- later ---------------------------------------------------------------------------------------- */

int
yagot_keep_held(yagot_ledger *self, const yagot_snapshot *births)
{
    Py_XSETREF(self->kept, PyList_New(0));
    for (uint32_t i = 0; self->kept != NULL && i < births->count; i++) {
        if (is_held_from_outside(births, i) && PyList_Append(self->kept, births->objects[i]) < 0) {
            return -1;
        }
    }
    return self->kept != NULL ? 0 : -1;
}

static int
look_later(yagot_ledger *self, yagot_snapshot *births)
{
    yagot_found found;
    PyObject *kept = self->kept;
    self->kept = NULL;
    PyObject_GC_UnTrack(kept);          /* the lists of a snapshot are hidden, and counted apart */
    if (yagot_snapshot_add_list(births, kept) < 0 || yagot_find_garbage(births, &found) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    int result = yagot_find_unexplained(self, births);
    yagot_tracer_forget(&self->tracer, self->number);
    return result;
}

PyObject *
yagot_late_references(yagot_ledger *self)
{
    yagot_snapshot births;
    if (self->kept == NULL) {
        return PyList_New(0);
    }
    if (yagot_findings_clear(&self->findings) < 0 || yagot_snapshot_init(&births) < 0) {
        return PyErr_NoMemory();
    }
    int gc_was_enabled = PyGC_Disable();
    int result = look_later(self, &births);
    yagot_snapshot_fini(&births);
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result == 0 ? yagot_findings_export(&self->findings) : NULL;
}
