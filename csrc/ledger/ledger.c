/* ledger.c - the Python type: arguments in, dicts out. See ledger.h. */
#include "ledger/suspects.h"

#include "base/keys.h"

#include <structmember.h>

/* -- called back ---------------------------------------------------------------------------------- */

PyDoc_STRVAR(on_collection_doc,
"_on_collection($self, phase, info, /)\n--\n\nThe entry in gc.callbacks: looks before a collection hides anything.");

static void
look_at_collection(yagot_ledger *self, bool start, PyObject *info)
{
    self->looking = true;
    int result = start ? yagot_before_collection(self, info) : yagot_after_collection(self, info);
    self->looking = false;
    if (result < 0) {
        PyErr_Clear();          /* never disturb what the test does */
        self->window.incomplete = "memory ran out while looking";
    }
}

static PyObject *
ledger_on_collection(yagot_ledger *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a phase and a dict expected");
        return NULL;
    }
    bool start = PyUnicode_CompareWithASCIIString(args[0], "start") == 0;
    self->gc.seen += start;
    if (self->gc.own) {
        self->gc.own_started = true;
        self->gc.own_uncollectable = start ? 0 : yagot_gc_read_number(args[1], "uncollectable");
    }
    else if (!self->looking) {
        look_at_collection(self, start, args[1]);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(on_import_doc,
"_on_import($self, function, /, *args, **kwargs)\n--\n\n"
"Calls a function of importlib's that loads a module or executes its code.");

static PyObject *
ledger_on_import(yagot_ledger *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "_on_import() needs a function");
        return NULL;
    }
    bool watched = self->window.open || self->labels.on;
    if (watched) {
        PyObject *namespace = PyDict_Check(args[count - 1]) ? args[count - 1] : NULL;
        yagot_imports_enter(&self->imports, namespace, &self->gc);
    }
    PyObject *result = PyObject_Vectorcall(args[0], args + 1, (size_t)count - 1, names);
    if (watched) {
        yagot_imports_leave(&self->imports, &self->labels, &self->gc, self->window.open);
    }
    return result;
}

/* -- windows -------------------------------------------------------------------------------------- */

PyDoc_STRVAR(start_doc,
"start($self, /)\n--\n\n"
"The tests are about to run: what is made from now on is labelled; what is garbage now is collected, and nobody's.\n"
"The first begin() with a number does the same.");

static PyObject *
ledger_start(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    return yagot_start_labelling(self, 0) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(begin_doc,
"begin($self, dropped=(), number=0, /)\n--\n\n"
"Opens a window: what becomes tracked from now on counts as born in it.\n\n"
"dropped is a tuple of objects to treat as released already when the window closes although somebody\n"
"still holds them, as a runner holds its test instance: no more references to them than now count.\n"
"number, if not 0, is the test's, from 1 on, and one more than the last: check() reports by it who made an object.\n"
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
    if (self->window.open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open already");
        return NULL;
    }
    return yagot_window_begin(self, count >= 1 ? args[0] : NULL, (uint32_t)number) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(pause_doc,
"pause($self, /)\n--\n\n"
"Closes the window without a look until begin() is called again with the same number. What was made in it so far, and\n"
"is made meanwhile, was made before it. Raises RuntimeError if no window is open.");

static PyObject *
ledger_pause(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    if (!self->window.open) {
        PyErr_SetString(PyExc_RuntimeError, "no window is open");
        return NULL;
    }
    return yagot_window_pause(self) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(end_doc,
"end($self, /, look=True, references=False, alive=False, keep=False, releaser=None)\n--\n\n"
"Closes the window. Returns a dict: born, survivors, candidates, garbage (numbers of objects), incomplete (why the\n"
"window was not seen whole, or None), findings (a list of dicts, see yagot.model), recurring.\n\n"
"With references, survivors that have references which nobody holds are found, too; they are kept until\n"
"forget() or put_off(). recurring has, by cause, what has become of those that earlier looks have found: how many\n"
"objects these were, how many still have such references, to how many of these no place in memory leads that could\n"
"hold them, and by how many references.\n"
"With alive, the births that are alive are in a list, alive. They live as long as that.\n"
"With keep, births that something else holds are kept until references() looks at them, or begin().\n"
"releaser is called, if something is to be released, with a function that does so: what finalizers do then happens\n"
"under it. What it raises is raised when the window is closed.\n"
"With look=False nothing is examined, and None returned. Raises RuntimeError if no window is open.");

enum { LOOK, REFERENCES, ALIVE, KEEP, RELEASER, WISHES };

/* The wish of a name, or WISHES. */
static int
wish_of(PyObject *name)
{
    static const char *const names[WISHES] = {"look", "references", "alive", "keep", "releaser"};
    int wish = 0;
    while (wish < WISHES && PyUnicode_CompareWithASCIIString(name, names[wish]) != 0) {
        wish++;
    }
    return wish;
}

/* Without a dict of the arguments, which would be among the births. Borrowed. */
static int
read_wishes(PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject *given[WISHES])
{
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    bool wrong = count > WISHES;
    for (Py_ssize_t i = 0; i < count && !wrong; i++) {
        given[i] = args[i];
    }
    for (Py_ssize_t i = 0; i < named && !wrong; i++) {
        int wish = wish_of(PyTuple_GET_ITEM(names, i));
        wrong = wish == WISHES || given[wish] != NULL;
        if (!wrong) {
            given[wish] = args[count + i];
        }
    }
    if (wrong) {
        PyErr_SetString(PyExc_TypeError, "end() takes look, references, alive, keep, releaser");
    }
    return wrong ? -1 : 0;
}

static PyObject *
ledger_end(yagot_ledger *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *given[WISHES] = {NULL};
    int truth[WISHES] = {[LOOK] = 1};
    if (read_wishes(args, count, names, given) < 0) {
        return NULL;
    }
    for (int i = 0; i < RELEASER; i++) {
        truth[i] = given[i] != NULL ? PyObject_IsTrue(given[i]) : truth[i];
        if (truth[i] < 0) {
            return NULL;
        }
    }
    if (!self->window.open) {
        PyErr_SetString(PyExc_RuntimeError, "no window is open");
        return NULL;
    }
    const yagot_wishes wishes = {.look = truth[LOOK], .references = truth[REFERENCES] && !YAGOT_FREE_THREADED,
                                 .alive = truth[ALIVE], .keep = truth[KEEP] && !YAGOT_FREE_THREADED,
                                 .releaser = given[RELEASER] != Py_None ? given[RELEASER] : NULL};
    yagot_results results = {0};
    if (yagot_window_end(self, &wishes, &results) < 0) {
        Py_XDECREF(results.alive);
        Py_XDECREF(results.recurring);
        return NULL;
    }
    return wishes.look ? yagot_window_export(self, &results) : Py_NewRef(Py_None);
}

PyDoc_STRVAR(release_doc,
"_release($self, /)\n--\n\nWhat end() calls its releaser with: releases what is garbage.");

static PyObject *
ledger_release(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    return yagot_window_release(self) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n--\n\n"
"Takes the callback out of gc.callbacks, and closes a window that is open.");

static PyObject *
ledger_close(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    self->labels.on = false;
    if (yagot_window_drop(self) < 0 || yagot_imports_remove(&self->imports) < 0
        || yagot_gc_remove_callback(&self->gc) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(check_doc,
"check($self, /, references=False, report=True)\n--\n\n"
"Looks at all objects, between windows, and collects what is garbage. Returns a list of findings as end() does,\n"
"with those that collections since the last check have met. Each has the number of a window and an origin: 'test' if\n"
"the objects were made in it, 'before' if between the one before and it, 'import' if by an import in either.\n"
"With references, what was put off is looked at again; with report, it is among the findings. Raises RuntimeError if\n"
"a window is open.");

static PyObject *
ledger_check(yagot_ledger *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"references", "report", NULL};
    int references = 0, report = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pp:check", names, &references, &report)) {
        return NULL;
    }
    if (self->window.open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open");
        return NULL;
    }
    return yagot_check_boundary(self, references, report);
}

PyDoc_STRVAR(references_doc,
"references($self, /)\n--\n\n"
"After end() with keep, and perhaps put_off(): a list of findings, as end() with references has them. Raises\n"
"RuntimeError if a window is open.");

static PyObject *
ledger_references(yagot_ledger *self, PyObject *Py_UNUSED(ignored))
{
    if (self->window.open) {
        PyErr_SetString(PyExc_RuntimeError, "a window is open");
        return NULL;
    }
    return yagot_late_references(self);
}

PyDoc_STRVAR(forget_doc,
"forget($self, reported=False, /)\n--\n\n"
"Lets go of the suspects. No boundary reports those again that were reported.");

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
    return yagot_put_off_suspects(self) == 0 ? Py_NewRef(Py_None) : NULL;
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
    static char *names[] = {"describe", "native", "modules", "once", NULL};
    PyObject *describe = Py_None, *modules = NULL;
    int native = 0, once = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OpO!p:Ledger", names, &describe, &native, &PyDict_Type,
                                     &modules, &once)
        || (native && yagot_tracer_check() < 0)) {
        return NULL;
    }
    PyObject *module = PyType_GetModule(type);
    yagot_ledger *self = module != NULL ? (yagot_ledger *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) {
        return NULL;
    }
    self->module = Py_NewRef(module);
    self->state = PyModule_GetState(module);
    self->settings.is_tracing = import_from("_tracemalloc", "is_tracing");
    self->settings.get_traceback = import_from("_tracemalloc", "_get_object_traceback");
    self->gc.state = self->state;
    if (yagot_findings_init(&self->findings) < 0 || yagot_findings_init(&self->late) < 0
        || yagot_idtable_init(&self->labels.table) < 0 || yagot_idtable_init(&self->put_off.table) < 0) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    }
    else {
        self->settings.native = native;
        self->settings.describe = describe != Py_None ? Py_NewRef(describe) : NULL;
        self->findings.wants_repr = describe != Py_None;
        self->findings.once = self->late.once = once;
        self->findings.modules = Py_XNewRef(modules);
        self->late.modules = Py_XNewRef(modules);
    }
    return (PyObject *)self;
}

static int
ledger_traverse(yagot_ledger *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->gc.callback);
    Py_VISIT(self->gc.watch);
    Py_VISIT(self->findings.modules);
    Py_VISIT(self->late.modules);
    Py_VISIT(self->settings.get_traceback);
    Py_VISIT(self->settings.is_tracing);
    Py_VISIT(self->settings.describe);
    Py_VISIT(self->window.dropped.tuple);
    for (size_t i = 0; i < YAGOT_SIZERS; i++) {
        Py_VISIT(self->findings.sizers[i].sizer);
        Py_VISIT(self->late.sizers[i].sizer);
    }
    /* not the suspects: to the collector they are held from outside, as long as we want them */
    return yagot_imports_traverse(&self->imports, visit, arg);
}

static int
ledger_clear(yagot_ledger *self)
{
    yagot_forget_dropped(&self->window.dropped);
    yagot_forget_suspects(self);
    Py_CLEAR(self->suspects.kept);
    Py_CLEAR(self->gc.callback);
    yagot_imports_clear(&self->imports);
    Py_CLEAR(self->settings.get_traceback);
    Py_CLEAR(self->settings.is_tracing);
    Py_CLEAR(self->settings.describe);
    return 0;
}

static void
ledger_dealloc(yagot_ledger *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)ledger_clear(self);
    yagot_predictions_forget(&self->predictions);
    yagot_findings_fini(&self->findings);
    yagot_findings_fini(&self->late);
    yagot_window_fini(&self->window);
    yagot_keys_fini(self->keys, YAGOT_WINDOW_KEYS);
    yagot_idtable_fini(&self->gc.old);
    Py_CLEAR(self->gc.watch);
    yagot_imports_fini(&self->imports);
    yagot_tracer_fini(&self->tracer);
    yagot_asleep_fini(&self->asleep);
    yagot_idtable_fini(&self->labels.table);
    yagot_idtable_fini(&self->put_off.table);
    Py_CLEAR(self->module);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef ledger_methods[] = {
    {"start", (PyCFunction)ledger_start, METH_NOARGS, start_doc},
    {"begin", (PyCFunction)(void (*)(void))ledger_begin, METH_FASTCALL, begin_doc},
    {"end", (PyCFunction)(void (*)(void))ledger_end, METH_FASTCALL | METH_KEYWORDS, end_doc},
    {"pause", (PyCFunction)ledger_pause, METH_NOARGS, pause_doc},
    {"check", (PyCFunction)(void (*)(void))ledger_check, METH_VARARGS | METH_KEYWORDS, check_doc},
    {"references", (PyCFunction)ledger_references, METH_NOARGS, references_doc},
    {"forget", (PyCFunction)(void (*)(void))ledger_forget, METH_FASTCALL, forget_doc},
    {"put_off", (PyCFunction)ledger_put_off, METH_NOARGS, put_off_doc},
    {"close", (PyCFunction)ledger_close, METH_NOARGS, close_doc},
    {"_release", (PyCFunction)ledger_release, METH_NOARGS, release_doc},
    {"_on_collection", (PyCFunction)(void (*)(void))ledger_on_collection, METH_FASTCALL, on_collection_doc},
    {"_on_import", (PyCFunction)(void (*)(void))ledger_on_import, METH_FASTCALL | METH_KEYWORDS, on_import_doc},
    {NULL, NULL, 0, NULL},
};

static PyObject *
ledger_suspects(yagot_ledger *self, void *Py_UNUSED(closure))
{
    const PyObject *found = self->suspects.found;
    return PyLong_FromSsize_t(found != NULL ? PyList_GET_SIZE(found) : 0);
}

static PyObject *
ledger_tracked(yagot_ledger *self, void *Py_UNUSED(closure))
{
    Py_ssize_t count = yagot_gc_count_all(&self->gc);
    return count < 0 ? NULL : PyLong_FromSsize_t(count);
}

static PyGetSetDef ledger_getters[] = {
    {"tracked", (getter)ledger_tracked, NULL, "About how many objects check() would look at now.", NULL},
    {"suspects", (getter)ledger_suspects, NULL, "How many objects the last look suspects, reported or not.", NULL},
    {0},
};

static PyMemberDef ledger_members[] = {
    {"stacks", T_BOOL, offsetof(yagot_ledger, suspects.blind), READONLY,
     "Did the last look meet places that cannot be seen?"},
    {"waiting", T_PYSSIZET, offsetof(yagot_ledger, put_off.count), READONLY, "Objects that check() is to look at."},
    {"recognised", T_PYSSIZET, offsetof(yagot_ledger, findings.recognised), READONLY,
     "Components that were known by their form, of all windows together."},
    {"looked_at", T_PYSSIZET, offsetof(yagot_ledger, looked_at), READONLY,
     "Objects of the whole heap that all looks together have gone through."},
    {0},
};

PyDoc_STRVAR(ledger_doc,
"Ledger(describe=None, native=False, modules={}, once=False)\n--\n\n"
"Watches one window after the other: what is born in it, and what of that is garbage at its end.\n\n"
"describe is called for the objects of a cycle and returns a str to show; by default no code of theirs runs.\n"
"With native, references are also looked for to objects that the collector does not track. Raises RuntimeError\n"
"where that cannot be done (before CPython 3.14).\n\n"
"modules says of modules by name whose they are: the project's (0), the standard library's (1), other people's (2).\n\n"
"With once, a finding of a cycle whose cause an earlier result has described is known, and has no description.");

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
