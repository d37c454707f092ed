/* ledger.c - observe: one test's window over the collector's generations.
 *
 * begin() moves everything young into the oldest generation; from then on the younger generations are the
 * ledger of what the test made. A callback looks before each collection inside the window, so that nothing
 * is hidden by it; end() looks once more, has the garbage collected, and sees what is still alive. The second
 * generation is not collected automatically while a window is open, lest its objects grow old unseen; when it
 * has doubled, its objects are moved back into the youngest, where the next automatic collection meets them.
 *
 * Without generations (see module.c) gc.freeze() sets the older objects aside instead.
 */
#include "births.h"

enum { NEVER = 1 << 30 };

/* -- the callback -------------------------------------------------------------------------------- */

static void
note_own_collection(yagot_ledger *self, bool start, PyObject *info)
{
    self->own_started = true;
    if (!start) {
        self->uncollectable_by_own = yagot_read_number(info, "uncollectable");
    }
}

PyDoc_STRVAR(on_collection_doc, "_on_collection($self, phase, info, /)\n--\n\nThe entry in gc.callbacks: looks before a collection hides anything.");

static PyObject *
ledger_on_collection(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a phase and a dict expected");
        return NULL;
    }
    bool start = PyUnicode_CompareWithASCIIString(args[0], "start") == 0;
    if (self->own) {
        note_own_collection(self, start, args[1]);
    }
    else if (self->open && !self->looking) {
        self->looking = true;
        int result = start ? yagot_before_collection(self, (int)yagot_read_number(args[1], "generation"))
                           : yagot_after_collection(self, args[1]);
        self->looking = false;
        if (result < 0) {
            PyErr_Clear();      /* never disturb what the test does */
            self->incomplete = "memory ran out while looking";
        }
    }
    Py_RETURN_NONE;
}

/* -- begin ---------------------------------------------------------------------------------------- */

static int
install_callback(yagot_ledger *self)
{
    PyObject *callbacks = self->state->gc_callbacks;
    if (self->callback == NULL) {
        self->callback = PyObject_GetAttrString((PyObject *)self, "_on_collection");
        if (self->callback == NULL) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(callbacks); i++) {
        if (PyList_GET_ITEM(callbacks, i) == self->callback) {
            return 0;
        }
    }
    return PyList_Append(callbacks, self->callback);
}

/* Keeps the automatic collector to the youngest generation; where there are none, switches it off. */
static int
narrow_threshold(yagot_ledger *self)
{
    Py_XSETREF(self->user_threshold, PyObject_CallNoArgs(self->state->gc_get_threshold));
    if (self->user_threshold == NULL) {
        return -1;
    }
    PyObject *zero = PyLong_FromLong(0);
    PyObject *first = self->state->generations ? PyTuple_GET_ITEM(self->user_threshold, 0) : zero;
    PyObject *result = zero == NULL ? NULL
        : PyObject_CallFunction(self->state->gc_set_threshold, "Oii", first, NEVER, NEVER);
    Py_XDECREF(zero);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Gives the thresholds back, unless the test has set its own. */
static int
restore_threshold(yagot_ledger *self)
{
    if (self->user_threshold == NULL) {
        return 0;
    }
    PyObject *now = PyObject_CallNoArgs(self->state->gc_get_threshold), *result = NULL;
    if (now == NULL) {
        return -1;
    }
    if (PyLong_AsLong(PyTuple_GET_ITEM(now, 1)) != NEVER) {
        result = Py_NewRef(Py_None);
    }
    else {
        /* threshold 0 may be the test's, 1 and 2 are ours */
        PyObject *first = PyTuple_GET_ITEM(self->state->generations ? now : self->user_threshold, 0);
        result = PyObject_CallFunction(self->state->gc_set_threshold, "OOO", first,
                                       PyTuple_GET_ITEM(self->user_threshold, 1),
                                       PyTuple_GET_ITEM(self->user_threshold, 2));
    }
    Py_DECREF(now);
    Py_XDECREF(result);
    Py_CLEAR(self->user_threshold);
    return result != NULL ? 0 : -1;
}

/* Undoes what begin() did to the collector. */
static int
restore_collector(yagot_ledger *self)
{
    if (!self->state->generations) {
        PyObject *result = PyObject_CallNoArgs(self->state->gc_unfreeze);
        if (result == NULL) {
            return -1;
        }
        Py_DECREF(result);
    }
    return restore_threshold(self);
}

static void
drop_owners(yagot_ledger *self)
{
    PyMem_RawFree(self->owners);
    self->owners = NULL;
    self->owner_count = 0;
    Py_CLEAR(self->owner_tuple);
}

/* Keeps the owners through the caller's tuple, so that their reference counts do not change. */
static int
keep_owners(yagot_ledger *self, PyObject *tuple)
{
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    drop_owners(self);
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

static int
set_old_aside(yagot_ledger *self)
{
    if (self->state->generations) {
        return yagot_collect(self, 1);
    }
    PyObject *result = PyObject_CallNoArgs(self->state->gc_freeze);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

PyDoc_STRVAR(begin_doc,
"begin($self, owners=(), /)\n--\n\n"
"Opens a window: what becomes tracked from now on counts as born in it.\n\n"
"owners is a tuple of objects to treat as released already when the window closes although somebody\n"
"still holds them, as a runner holds its test instance: no more references to them than now count.\n"
"Raises RuntimeError if a window is open.");

static PyObject *
ledger_begin(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count > 1 || (count == 1 && !PyTuple_CheckExact(args[0]))) {
        PyErr_SetString(PyExc_TypeError, "begin() takes one tuple");
        return NULL;
    }
    if (self->open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open already");
        return NULL;
    }
    self->incomplete = NULL;
    self->born = self->garbage = self->survivors = self->aged = self->seen = 0;
    self->aged_limit = YAGOT_FIRST_LIMIT;
    yagot_forget_promoted(self);
    yagot_forget_predictions(self);
    if (yagot_findings_clear(&self->findings) < 0) {
        return PyErr_NoMemory();
    }
    if (install_callback(self) < 0 || narrow_threshold(self) < 0) {
        return NULL;
    }
    self->frozen = yagot_call_number(self->state->gc_get_freeze_count);
    self->collections = yagot_count_collections(self);
    if (self->frozen < 0 || self->collections < 0 || set_old_aside(self) < 0
        || (count == 1 && keep_owners(self, args[0]) < 0)) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        (void)restore_collector(self);
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    self->collections += self->own_started && self->state->generations;
    self->open = true;
    Py_RETURN_NONE;
}

/* -- end ------------------------------------------------------------------------------------------ */

static int
note_what_was_missed(yagot_ledger *self)
{
    Py_ssize_t collections = yagot_count_collections(self), frozen = yagot_call_number(self->state->gc_get_freeze_count);
    if (collections < 0 || frozen < 0) {
        return -1;
    }
    if (collections - self->collections > self->seen) {
        self->incomplete = "a collection ran unseen (gc.callbacks was cleared)";
    }
    if (!self->state->generations || frozen <= self->frozen) {
        return 0;
    }
    /* freeze() leaves next to nothing in the generations; 3.12's collector moves some immortal objects there too */
    PyObject *old = yagot_get_objects(self, 2);
    if (old == NULL) {
        return -1;
    }
    if (PyList_GET_SIZE(old) < frozen - self->frozen) {
        self->incomplete = "gc.freeze() was called";
    }
    Py_DECREF(old);
    return 0;
}

/* Moves the garbage into the youngest generation, so that collecting that one releases it and whatever
 * survives is met in the next. */
static void
gather_garbage(yagot_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (snapshot->flags[i] & YAGOT_GARBAGE) {
            yagot_rejuvenate(snapshot->objects[i]);
        }
    }
}

static int
close_window(yagot_ledger *self)
{
    yagot_snapshot snapshot;
    yagot_found found = {0};
    int result = yagot_take_births(self, &snapshot, 3);
    uint32_t births = snapshot.count;
    if (result == 0 && yagot_add_owners(&snapshot, self->owners, self->owner_count) < 0) {
        PyErr_NoMemory();
        result = -1;
    }
    if (result == 0) {
        result = yagot_look(self, &snapshot, &found);
    }
    if (result == 0) {
        self->born += births;
        self->garbage += found.garbage;
        self->survivors = found.alive;
        if (self->state->generations) {
            gather_garbage(&snapshot);
        }
        yagot_describe(self);
    }
    yagot_snapshot_fini(&snapshot);
    if (result == 0 && found.garbage > 0) {
        result = yagot_collect(self, self->state->generations ? 0 : 2);
        if (result == 0) {
            result = yagot_check_predictions(self, 1);
        }
    }
    yagot_forget_predictions(self);
    return result;
}

static PyObject *
export_window(yagot_ledger *self)
{
    PyObject *findings = yagot_findings_export(&self->findings);
    if (findings == NULL) {
        return NULL;
    }
    return Py_BuildValue("{s:n,s:n,s:n,s:z,s:N}", "born", self->born, "survivors", self->survivors,
                         "garbage", self->garbage, "incomplete", self->incomplete, "findings", findings);
}

PyDoc_STRVAR(end_doc,
"end($self, /, look=True)\n--\n\n"
"Closes the window. Returns a dict: born, survivors, garbage (numbers of objects), incomplete (why the\n"
"window was not seen whole, or None) and findings (a list of dicts, see yagot.findings).\n\n"
"With look=False nothing is examined, and None returned. Raises RuntimeError if no window is open.");

static PyObject *
ledger_end(yagot_ledger *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"look", NULL};
    int wanted = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:end", names, &wanted)) {
        return NULL;
    }
    if (!self->open) {
        PyErr_SetString(PyExc_RuntimeError, "no window is open");
        return NULL;
    }
    /* An automatic collection that is due must not run now: nobody would look before it. */
    int gc_was_enabled = PyGC_Disable();
    self->looking = true;
    int result = 0;
    if (wanted) {
        result = note_what_was_missed(self);
        if (result == 0) {
            result = close_window(self);
        }
    }
    if (result == 0 && wanted && gc_was_enabled) {
        result = yagot_limit_growth(self);
    }
    self->looking = false;
    self->open = false;
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    drop_owners(self);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);     /* restoring must happen whatever went wrong */
    int restored = restore_collector(self);
    if (result < 0) {
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    if (restored < 0) {
        return NULL;
    }
    return wanted ? export_window(self) : Py_NewRef(Py_None);
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n--\n\n"
"Takes the callback out of gc.callbacks, and closes a window that is open.");

static PyObject *
ledger_close(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    bool was_open = self->open;
    self->open = false;
    drop_owners(self);
    if (was_open && restore_collector(self) < 0) {
        return NULL;
    }
    PyObject *callbacks = self->state->gc_callbacks;
    for (Py_ssize_t i = PyList_GET_SIZE(callbacks); i-- > 0;) {
        if (PyList_GET_ITEM(callbacks, i) == self->callback
            && PyList_SetSlice(callbacks, i, i + 1, NULL) < 0) {
            return NULL;
        }
    }
    Py_CLEAR(self->callback);       /* it refers to us */
    Py_RETURN_NONE;
}

/* -- the type ------------------------------------------------------------------------------------- */

static PyObject *
import_from(const char *module, const char *name)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *value = imported != NULL ? PyObject_GetAttrString(imported, name) : NULL;
    Py_XDECREF(imported);
    return value;
}

static PyObject *
ledger_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"describe", NULL};
    PyObject *describe = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:Ledger", names, &describe)) {
        return NULL;
    }
    PyObject *module = PyType_GetModule(type);
    yagot_ledger *self = module != NULL ? (yagot_ledger *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) {
        return NULL;
    }
    self->module = Py_NewRef(module);
    self->state = PyModule_GetState(module);
    self->is_tracing = import_from("_tracemalloc", "is_tracing");
    self->get_traceback = import_from("_tracemalloc", "_get_object_traceback");
    PyErr_Clear();              /* a build without tracemalloc: no allocation sites */
    if (yagot_findings_init(&self->findings) < 0
        || yagot_idtable_init(&self->promoted) < 0) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    }
    else if (describe != Py_None) {
        self->describe = Py_NewRef(describe);
        self->findings.wants_repr = true;
    }
    return (PyObject *)self;
}

static int
ledger_traverse(yagot_ledger *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->callback);
    Py_VISIT(self->get_traceback);
    Py_VISIT(self->is_tracing);
    Py_VISIT(self->describe);
    Py_VISIT(self->user_threshold);
    Py_VISIT(self->owner_tuple);
    return 0;
}

static int
ledger_clear(yagot_ledger *self)
{
    drop_owners(self);
    Py_CLEAR(self->callback);
    Py_CLEAR(self->get_traceback);
    Py_CLEAR(self->is_tracing);
    Py_CLEAR(self->describe);
    Py_CLEAR(self->user_threshold);
    return 0;
}

static void
ledger_dealloc(yagot_ledger *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)ledger_clear(self);
    yagot_forget_predictions(self);
    yagot_findings_fini(&self->findings);
    yagot_idtable_fini(&self->promoted);
    Py_CLEAR(self->module);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef ledger_methods[] = {
    {"begin", (PyCFunction)(void (*)(void))ledger_begin, METH_FASTCALL, begin_doc},
    {"end", (PyCFunction)(void (*)(void))ledger_end, METH_VARARGS | METH_KEYWORDS, end_doc},
    {"close", (PyCFunction)ledger_close, METH_NOARGS, close_doc},
    {"_on_collection", (PyCFunction)(void (*)(void))ledger_on_collection, METH_FASTCALL, on_collection_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(ledger_doc,
"Ledger(describe=None)\n--\n\n"
"Watches one window after the other: what is born in it, and what of that is garbage at its end.\n\n"
"describe is called for the objects of a cycle and returns a str to show; by default no code of theirs runs.");

static PyType_Slot ledger_slots[] = {
    {Py_tp_doc, (void *)ledger_doc},
    {Py_tp_new, ledger_new},
    {Py_tp_dealloc, ledger_dealloc},
    {Py_tp_traverse, ledger_traverse},
    {Py_tp_clear, ledger_clear},
    {Py_tp_methods, ledger_methods},
    {0, NULL},
};

static PyType_Spec ledger_spec = {
    .name = "yagot._core.Ledger",
    .basicsize = sizeof(yagot_ledger),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = ledger_slots,
};

int
yagot_ledger_ready(PyObject *module, yagot_state *state)
{
    state->ledger_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &ledger_spec, NULL);
    return state->ledger_type != NULL ? PyModule_AddType(module, state->ledger_type) : -1;
}
