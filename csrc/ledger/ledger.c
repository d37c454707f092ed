/* ledger.c - observe: one test's window over the collector's generations.
 *
 * begin() moves everything young into the oldest generation; from then on the younger generations are the ledger of
 * what the test made. A callback looks before each collection inside the window, so that nothing is hidden by it;
 * end() looks once more, has the garbage collected, and sees what is still alive. The second generation is not
 * collected automatically while a window is open, lest its objects grow old unseen: see collections.c.
 *
 * Without generations (see module.c) gc.freeze() sets the older objects aside instead.
 */
#include "find/unheld.h"

#include <structmember.h>

/* -- the callback -------------------------------------------------------------------------------- */

PyDoc_STRVAR(on_collection_doc,
"_on_collection($self, phase, info, /)\n--\n\nThe entry in gc.callbacks: looks before a collection hides anything.");

static PyObject *
ledger_on_collection(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a phase and a dict expected");
        return NULL;
    }
    bool start = PyUnicode_CompareWithASCIIString(args[0], "start") == 0;
    if (self->own) {
        self->own_started = true;
        self->uncollectable_by_own = start ? 0 : yagot_read_number(args[1], "uncollectable");
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

/* Labels what was made since the last window; what was garbage before the first one is nobody's. */
static int
label_what_is_there(yagot_ledger *self, uint32_t number)
{
    bool first = self->number == 0;
    self->number = number * 2;
    if (number != 0 && yagot_label_young(self, number * 2 - 1) < 0) {
        return -1;
    }
    return number != 0 && first ? yagot_collect(self, 2) : 0;
}

PyDoc_STRVAR(begin_doc,
"begin($self, owners=(), number=0, /)\n--\n\n"
"Opens a window: what becomes tracked from now on counts as born in it.\n\n"
"owners is a tuple of objects to treat as released already when the window closes although somebody\n"
"still holds them, as a runner holds its test instance: no more references to them than now count.\n"
"number, if not 0, is the test's, from 1 on: check() tells by it who made an object.\n"
"Raises RuntimeError if a window is open.");

static PyObject *
ledger_begin(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count > 2 || (count >= 1 && !PyTuple_CheckExact(args[0]))) {
        PyErr_SetString(PyExc_TypeError, "begin() takes a tuple and a number");
        return NULL;
    }
    unsigned long number = count == 2 ? PyLong_AsUnsignedLong(args[1]) : 0;
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (self->open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open already");
        return NULL;
    }
    self->incomplete = NULL;
    self->born = self->garbage = self->survivors = self->aged = self->seen = 0;
    self->aged_limit = YAGOT_FIRST_LIMIT;
    Py_CLEAR(self->kept);
    yagot_forget_saved(self);
    yagot_forget_promoted(self);
    yagot_forget_predictions(self);
    if (yagot_findings_clear(&self->findings) < 0) {
        return PyErr_NoMemory();
    }
    if (yagot_install_callback(self) < 0 || label_what_is_there(self, (uint32_t)number) < 0
        || yagot_narrow_threshold(self) < 0
        || (self->frozen = yagot_call_number(self->state->gc_get_freeze_count)) < 0
        || (self->collections = yagot_count_collections(self)) < 0 || yagot_set_old_aside(self) < 0
        || (count >= 1 && yagot_keep_owners(self, args[0]) < 0)) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        (void)yagot_restore_collector(self);
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    self->collections += self->own_started && self->state->generations;
    if (self->native && yagot_tracer_resume(&self->tracer, self->number) < 0) {
        return NULL;
    }
    self->open = true;
    Py_RETURN_NONE;
}

/* -- end ------------------------------------------------------------------------------------------ */

static int
note_what_was_missed(yagot_ledger *self)
{
    Py_ssize_t frozen, collections = yagot_count_collections(self);
    if (collections < 0 || (frozen = yagot_call_number(self->state->gc_get_freeze_count)) < 0) {
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
        result = yagot_settle_saved(self, &snapshot);
    }
    if (result == 0) {
        self->held = yagot_count_held(self, &snapshot);
        self->born += births;
        self->garbage += found.garbage;
        self->survivors = found.alive;
        if (self->state->generations) {
            yagot_gather_garbage(&snapshot);
        }
        yagot_describe(self);
        result = yagot_label_survivors(self, &snapshot);
    }
    if (result == 0 && (self->wants_kept || self->wants_references)) {
        result = yagot_keep_held(self, &snapshot);
    }
    if (result == 0 && self->wants_alive) {
        result = yagot_keep_alive(self, &snapshot);
    }
    yagot_snapshot_fini(&snapshot);
    if (result == 0 && found.garbage > 0) {
        result = yagot_release_garbage(self);
    }
    yagot_forget_predictions(self);
    return result == 0 && self->wants_references ? yagot_look_at_kept(self) : result;   /* the garbage is gone */
}

static PyObject *
export_window(yagot_ledger *self)
{
    PyObject *findings = yagot_findings_export(&self->findings);
    if (findings == NULL) {
        return NULL;
    }
    PyObject *recurring = self->recurring != NULL ? self->recurring : PyDict_New();
    PyObject *alive = self->alive != NULL ? self->alive : PyList_New(0);
    self->recurring = self->alive = NULL;
    return Py_BuildValue("{s:N,s:n,s:n,s:n,s:n,s:N,s:z,s:N}", "alive", alive, "held", self->held, "born", self->born,
                         "survivors", self->survivors, "garbage", self->garbage, "recurring", recurring,
                         "incomplete", self->incomplete, "findings", findings);
}

PyDoc_STRVAR(end_doc,
"end($self, /, look=True, references=False, alive=False, keep=False)\n--\n\n"
"Closes the window. Returns a dict: born, survivors, held, garbage (numbers of objects), incomplete (why the\n"
"window was not seen whole, or None), findings (a list of dicts, see yagot.findings), recurring.\n\n"
"With references, survivors that have references which nobody holds are found, too; they are kept until\n"
"forget() or put_off(). recurring tells by cause what has become of those that earlier looks have found: how many\n"
"objects these were, how many still have such references, to how many of these no place in memory leads that could\n"
"hold them, and by how many references.\n"
"With alive, the births that are alive are in a list, alive. They live as long as that.\n"
"With keep, births that something else holds are kept until references() looks at them, or begin().\n"
"With look=False nothing is examined, and None returned. Raises RuntimeError if no window is open.");

static PyObject *
ledger_end(yagot_ledger *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"look", "references", "alive", "keep", NULL};
    int wanted = 1, references = 0, alive = 0, keep = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pppp:end", names, &wanted, &references, &alive, &keep)) {
        return NULL;
    }
    self->arguments = keywords;         /* none of the births that are asked about */
    self->wants_references = references && !YAGOT_FREE_THREADED;
    self->wants_alive = alive;
    self->wants_kept = keep && !YAGOT_FREE_THREADED;
    if (!self->open) {
        PyErr_SetString(PyExc_RuntimeError, "no window is open");
        return NULL;
    }
    yagot_tracer_pause(&self->tracer);
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
    if (result == 0 && self->number != 0) {
        if (!wanted) {
            result = yagot_label_young(self, YAGOT_TOLD);   /* a test that did not pass is not judged */
        }
        if (result == 0) {
            result = yagot_set_old_aside(self);     /* so that what is young later was made later */
        }
    }
    if (result == 0 && wanted && gc_was_enabled) {
        result = yagot_limit_growth(self);
    }
    if (!wanted || !(references || keep) || (references && self->number == 0)) {
        yagot_tracer_keep(&self->tracer, &self->put_off);
    }
    self->looking = false;
    self->open = false;
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    yagot_drop_owners(self);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);     /* restoring must happen whatever went wrong */
    int restored = yagot_restore_collector(self);
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
    yagot_tracer_fini(&self->tracer);
    yagot_drop_owners(self);
    if (was_open && yagot_restore_collector(self) < 0) {
        return NULL;
    }
    if (yagot_remove_callback(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(check_doc,
"check($self, /, references=False, tell=True)\n--\n\n"
"Looks at all objects, between windows, and collects what is garbage. Returns a list of findings as end() does,\n"
"each with a label: twice the number of the test that made the objects, or that less one for what was made\n"
"between the test before and it. With references, what was put off is looked at again; with tell, it is among the\n"
"findings. Raises RuntimeError if a window is open.");

static PyObject *
ledger_check(yagot_ledger *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"references", "tell", NULL};
    int references = 0, tell = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pp:check", names, &references, &tell)) {
        return NULL;
    }
    if (self->open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open");
        return NULL;
    }
    return yagot_check_boundary(self, references, tell);
}

PyDoc_STRVAR(references_doc,
"references($self, /)\n--\n\n"
"After end() with keep: a list of findings, as end() with references has them. Raises RuntimeError if a window\n"
"is open.");

static PyObject *
ledger_references(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    if (self->open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open");
        return NULL;
    }
    return yagot_late_references(self);
}

PyDoc_STRVAR(forget_doc,
"forget($self, told=False, /)\n--\n\nLets go of the suspects. No boundary tells again of those that were told.");

static PyObject *
ledger_forget(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count == 1 && args[0] == Py_True && yagot_label_suspects(self) < 0) {
        return NULL;
    }
    yagot_forget_suspects(self);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(put_off_doc,
"put_off($self, /)\n--\n\nLets go of the suspects, or of what was kept, and has check() look at them again.");

static PyObject *
ledger_put_off(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    return yagot_put_off(self) == 0 ? Py_NewRef(Py_None) : NULL;
}

/* -- the type ------------------------------------------------------------------------------------- */

/* A module's function; NULL without an exception if there is none. */
static PyObject *
import_from(const char *module, const char *name)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *value = imported != NULL ? yagot_get_attribute(imported, name) : NULL;
    Py_XDECREF(imported);
    PyErr_Clear();              /* a build without tracemalloc: no allocation sites */
    return value;
}

static PyObject *
ledger_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"describe", "native", NULL};
    PyObject *describe = Py_None;
    int native = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|Op:Ledger", names, &describe, &native)
        || (native && yagot_tracer_check() < 0)) {
        return NULL;
    }
    PyObject *module = PyType_GetModule(type);
    yagot_ledger *self = module != NULL ? (yagot_ledger *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) {
        return NULL;
    }
    self->native = native;
    self->module = Py_NewRef(module);
    self->state = PyModule_GetState(module);
    self->is_tracing = import_from("_tracemalloc", "is_tracing");
    self->get_traceback = import_from("_tracemalloc", "_get_object_traceback");
    if (yagot_findings_init(&self->findings) < 0
        || yagot_idtable_init(&self->promoted) < 0 || yagot_idtable_init(&self->labels) < 0
        || yagot_idtable_init(&self->put_off) < 0) {
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
    /* not the suspects: to the collector they are held from outside, as long as we want them */
    return 0;
}

static int
ledger_clear(yagot_ledger *self)
{
    yagot_drop_owners(self);
    yagot_forget_suspects(self);
    Py_CLEAR(self->kept);
    Py_CLEAR(self->alive);
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
    yagot_forget_saved(self);
    yagot_tracer_fini(&self->tracer);
    yagot_idtable_fini(&self->labels);
    yagot_idtable_fini(&self->put_off);
    Py_CLEAR(self->module);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef ledger_methods[] = {
    {"begin", (PyCFunction)(void (*)(void))ledger_begin, METH_FASTCALL, begin_doc},
    {"end", (PyCFunction)(void (*)(void))ledger_end, METH_VARARGS | METH_KEYWORDS, end_doc},
    {"check", (PyCFunction)(void (*)(void))ledger_check, METH_VARARGS | METH_KEYWORDS, check_doc},
    {"references", (PyCFunction)ledger_references, METH_NOARGS, references_doc},
    {"forget", (PyCFunction)(void (*)(void))ledger_forget, METH_FASTCALL, forget_doc},
    {"put_off", (PyCFunction)ledger_put_off, METH_NOARGS, put_off_doc},
    {"close", (PyCFunction)ledger_close, METH_NOARGS, close_doc},
    {"_on_collection", (PyCFunction)(void (*)(void))ledger_on_collection, METH_FASTCALL, on_collection_doc},
    {NULL, NULL, 0, NULL},
};

static PyObject *
ledger_suspects(yagot_ledger *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(self->suspects != NULL ? PyList_GET_SIZE(self->suspects) : 0);
}

static PyGetSetDef ledger_getters[] = {
    {"suspects", (getter)ledger_suspects, NULL, "How many objects the last look suspects, told or not.", NULL},
    {0},
};

static PyMemberDef ledger_members[] = {
    {"stacks", T_BOOL, offsetof(yagot_ledger, stacks), READONLY, "Did the last look meet places that cannot be seen?"},
    {"waiting", T_PYSSIZET, offsetof(yagot_ledger, put_off_count), READONLY, "Objects that check() is to look at."},
    {0},
};

PyDoc_STRVAR(ledger_doc,
"Ledger(describe=None, native=False)\n--\n\n"
"Watches one window after the other: what is born in it, and what of that is garbage at its end.\n\n"
"describe is called for the objects of a cycle and returns a str to show; by default no code of theirs runs.\n"
"With native, references are also looked for to objects that the collector does not track. Raises RuntimeError\n"
"where that cannot be done (before CPython 3.14).");

static PyType_Slot ledger_slots[] = {
    {Py_tp_doc, (void *)ledger_doc},
    {Py_tp_new, ledger_new},
    {Py_tp_dealloc, ledger_dealloc},
    {Py_tp_traverse, ledger_traverse},
    {Py_tp_clear, ledger_clear},
    {Py_tp_methods, ledger_methods},
    {Py_tp_members, ledger_members},
    {Py_tp_getset, ledger_getters},
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
