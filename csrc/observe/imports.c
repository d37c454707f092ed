/* imports.c - see imports.h. */
#include "observe/imports.h"

#include "base/array.h"

/* What finds and loads a module that is not in sys.modules; what reload() calls; what loaders call to execute a
 * module's code, e.g. for LazyLoader. All are called by their names in the module. */
static const char *const FUNCTIONS[YAGOT_IMPORT_FUNCTIONS] = {"_find_and_load", "_exec", "_call_with_frames_removed"};

static int
replace(yagot_import_function *function, PyObject *importlib, const char *name, PyObject *watch)
{
    PyObject *original = yagot_get_attribute(importlib, name);
    if (original == NULL) {
        PyErr_Clear();          /* the same of this function */
        return 0;
    }
    PyObject *replacement = PyMethod_New(watch, original);
    if (replacement == NULL || PyObject_SetAttrString(importlib, name, replacement) < 0) {
        Py_XDECREF(replacement);
        Py_DECREF(original);
        return -1;
    }
    function->original = original;
    function->replacement = replacement;
    return 0;
}

int
yagot_imports_install(yagot_imports *m, PyObject *object)
{
    if (m->installed) {
        return 0;
    }
    PyObject *importlib = PyImport_ImportModule("_frozen_importlib");
    if (importlib == NULL) {
        PyErr_Clear();          /* another Python: nothing is known of imports */
        return 0;
    }
    PyObject *watch = yagot_get_attribute(object, "_on_import");
    int result = watch != NULL ? 0 : -1;
    for (size_t i = 0; i < YAGOT_IMPORT_FUNCTIONS && result == 0; i++) {
        if (m->functions[i].original == NULL) {
            result = replace(&m->functions[i], importlib, FUNCTIONS[i], watch);
        }
    }
    m->installed = result == 0;
    Py_XDECREF(watch);
    Py_DECREF(importlib);
    return result;
}

int
yagot_imports_remove(yagot_imports *m)
{
    PyObject *importlib = m->installed ? PyImport_ImportModule("_frozen_importlib") : NULL;
    int result = 0;
    m->installed = false;
    for (size_t i = 0; i < YAGOT_IMPORT_FUNCTIONS && importlib != NULL && result == 0; i++) {
        yagot_import_function *function = &m->functions[i];
        PyObject *now = yagot_get_attribute(importlib, FUNCTIONS[i]);
        if (now != NULL && now == function->replacement) {
            result = PyObject_SetAttrString(importlib, FUNCTIONS[i], function->original);
            Py_CLEAR(function->replacement);    /* it refers to the ledger */
            Py_CLEAR(function->original);
        }
        Py_XDECREF(now);
    }
    Py_XDECREF(importlib);
    PyErr_Clear();
    return result;
}

int
yagot_imports_traverse(yagot_imports *m, visitproc visit, void *arg)
{
    for (size_t i = 0; i < YAGOT_IMPORT_FUNCTIONS; i++) {
        Py_VISIT(m->functions[i].original);
        Py_VISIT(m->functions[i].replacement);
    }
    return 0;
}

void
yagot_imports_clear(yagot_imports *m)
{
    for (size_t i = 0; i < YAGOT_IMPORT_FUNCTIONS; i++) {
        Py_CLEAR(m->functions[i].original);
        Py_CLEAR(m->functions[i].replacement);
    }
}

/* -- what is young --------------------------------------------------------------------------------- */

static int
visit_before(PyObject *object, void *arg)
{
    return yagot_idtable_put(arg, object, 0);
}

static int
visit_list(PyObject *list, Py_ssize_t first, int (*visit)(PyObject *, void *), void *arg)
{
    int result = list != NULL ? 0 : -1;
    for (Py_ssize_t i = first; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = visit(PyList_GET_ITEM(list, i), arg);
    }
    Py_XDECREF(list);
    return result;
}

/* A new reference to a list that is the last one of the youngest generation; NULL if an exception is set. */
static PyObject *
new_marker(yagot_gc *gc)
{
    PyObject *marker = PyList_New(0);
    if (marker != NULL) {
        yagot_gc_is_new(gc, marker);
    }
    return marker;
}

/* The youngest generation is in the order in which objects were made, so that all behind a marker are new, and nothing
 * gets into another one but by a collection, which labels it first. Free-threaded builds know no such order. */
static int
note_young(yagot_imports *m, yagot_gc *gc)
{
    m->marker = !YAGOT_FREE_THREADED ? new_marker(gc) : NULL;
    m->noted = m->marker != NULL;
    if (YAGOT_FREE_THREADED && yagot_idtable_init(&m->before) == 0) {
        m->noted = visit_list(yagot_gc_objects(gc, 0), 0, visit_before, &m->before) == 0;
    }
    return m->noted ? 0 : -1;
}

static void
forget_young(yagot_imports *m)
{
    yagot_idtable_fini(&m->before);
    Py_CLEAR(m->marker);
    m->noted = false;
}

/* Where in the youngest generation are the objects that were made after a marker? Once a collection has moved it on,
 * everywhere. */
static Py_ssize_t
first_after(const PyObject *marker, PyObject *youngest)
{
    Py_ssize_t i = PyList_GET_SIZE(youngest);
    while (i > 0 && PyList_GET_ITEM(youngest, i - 1) != marker) {
        i--;
    }
    return i;
}

/* -- labels of what is new ------------------------------------------------------------------------- */

int
yagot_imports_settle(yagot_imports *m, yagot_labels *labels, yagot_gc *gc)
{
    PyObject *youngest = m->ended != NULL ? yagot_gc_youngest(gc) : NULL;
    if (youngest == NULL) {
        return m->ended != NULL ? -1 : 0;
    }
    int result = 0;
    for (Py_ssize_t i = first_after(m->ended, youngest); i < PyList_GET_SIZE(youngest) && result == 0; i++) {
        PyObject *object = PyList_GET_ITEM(youngest, i);
        if (yagot_labels_get(labels, object) == m->ended_label) {
            result = yagot_labels_put(labels, object, 0);
        }
    }
    Py_DECREF(youngest);
    return result;
}

int
yagot_imports_end(yagot_imports *m, yagot_labels *labels, yagot_gc *gc)
{
    int result = yagot_imports_settle(m, labels, gc);
    Py_CLEAR(m->ended);
    return result;
}

/* The namespace that a module's code is executed in is the module's, also if the window's test has made it, with
 * module_from_spec(). */
static int
label_namespace(PyObject *namespace, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    PyObject *youngest = yagot_gc_youngest(gc);
    int result = youngest == NULL ? -1
                 : first_after(namespace, youngest) > 0 ? yagot_labels_put(labels, namespace, label)
                 : 0;
    Py_XDECREF(youngest);
    return result;
}

void
yagot_imports_enter(yagot_imports *m, PyObject *namespace, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    if (m->depth++ > 0) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    forget_young(m);
    if (yagot_imports_end(m, labels, gc) < 0 || note_young(m, gc) < 0
        || (namespace != NULL && !YAGOT_FREE_THREADED && label_namespace(namespace, labels, gc, label) < 0)) {
        forget_young(m);        /* what the import makes counts as the test's */
    }
    PyErr_Restore(type, value, traceback);
}

typedef struct {
    yagot_imports *imports;
    yagot_labels *labels;
    uint32_t label;
    bool remember;
} labelling;

static int
remember(yagot_imports *m, const void *address)
{
    const void **grown = yagot_array_grow(m->labelled, m->labelled_count, &m->labelled_room, sizeof *grown);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    m->labelled = grown;
    m->labelled[m->labelled_count++] = address;
    return 0;
}

static int
visit_new(PyObject *object, void *arg)
{
    labelling *l = arg;
    if (YAGOT_FREE_THREADED && yagot_idtable_get(&l->imports->before, object) != YAGOT_NONE) {
        return 0;
    }
    return l->remember && remember(l->imports, object) < 0 ? -1 : yagot_labels_put(l->labels, object, l->label);
}

static int
label_new(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label, bool remembered)
{
    if (m->depth == 0 || !m->noted) {
        return 0;
    }
    labelling l = {m, labels, label, remembered && YAGOT_FREE_THREADED};
    PyObject *list = YAGOT_FREE_THREADED ? yagot_gc_objects(gc, 0) : yagot_gc_youngest(gc);
    return visit_list(list, list != NULL ? first_after(m->marker, list) : 0, visit_new, &l);
}

int
yagot_imports_label(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    int result = label_new(m, labels, gc, label, true);
    Py_CLEAR(m->marker);        /* what is young afterwards is new */
    return result;
}

/* -- what has gone since a collection labelled it -------------------------------------------------- */

typedef struct {
    yagot_labels *labels;
    yagot_idtable alive;
    uint32_t label;
    bool failed;
} survey;

static int
visit_alive(PyObject *object, void *arg)
{
    survey *s = arg;
    if (yagot_labels_get(s->labels, object) == s->label && yagot_idtable_put(&s->alive, object, 0) < 0) {
        s->failed = true;
    }
    return !s->failed;
}

/* What the test makes at such an address must not pass for the import's. Elsewhere settle() sees to it. */
static int
unlabel_dead(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    survey s = {.labels = labels, .label = label};
    if (m->labelled_count == 0) {
        return 0;
    }
    int result = yagot_idtable_init(&s.alive) < 0 ? -1 : yagot_gc_visit_all(gc, visit_alive, &s);
    for (size_t i = 0; i < m->labelled_count && result == 0 && !s.failed; i++) {
        if (yagot_idtable_get(&s.alive, m->labelled[i]) == YAGOT_NONE) {
            result = yagot_labels_put(labels, m->labelled[i], 0);
        }
    }
    yagot_idtable_fini(&s.alive);
    m->labelled_count = 0;
    return result;
}

void
yagot_imports_leave(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (m->depth == 1) {
        (void)label_new(m, labels, gc, label, false);
        (void)unlabel_dead(m, labels, gc, label);
        forget_young(m);
        m->ended = !YAGOT_FREE_THREADED ? new_marker(gc) : NULL;
        m->ended_label = label;
        PyErr_Clear();
    }
    m->depth -= m->depth > 0;
    PyErr_Restore(type, value, traceback);
}

void
yagot_imports_fini(yagot_imports *m)
{
    forget_young(m);
    Py_CLEAR(m->ended);
    PyMem_RawFree(m->labelled);
    m->labelled = NULL;
}
