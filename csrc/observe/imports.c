/* imports.c - see imports.h. */
#include "observe/imports.h"

#include "base/array.h"

static const char FUNCTION[] = "_find_and_load";

int
yagot_imports_install(yagot_imports *m, PyObject *object)
{
    if (m->importlib != NULL) {
        return 0;
    }
    PyObject *importlib = PyImport_ImportModule("_frozen_importlib");
    PyObject *original = importlib != NULL ? yagot_get_attribute(importlib, FUNCTION) : NULL;
    if (original == NULL) {
        Py_XDECREF(importlib);
        PyErr_Clear();          /* another Python: nothing is known of imports */
        return 0;
    }
    PyObject *replacement = yagot_get_attribute(object, "_on_import");
    if (replacement == NULL || PyObject_SetAttrString(importlib, FUNCTION, replacement) < 0) {
        Py_XDECREF(replacement);
        Py_DECREF(original);
        Py_DECREF(importlib);
        return -1;
    }
    m->importlib = importlib;
    m->original = original;
    m->replacement = replacement;
    return 0;
}

int
yagot_imports_remove(yagot_imports *m)
{
    PyObject *now = m->importlib != NULL ? yagot_get_attribute(m->importlib, FUNCTION) : NULL;
    int result = 0;
    if (now == m->replacement && now != NULL) {
        result = PyObject_SetAttrString(m->importlib, FUNCTION, m->original);
        Py_CLEAR(m->importlib);
        Py_CLEAR(m->replacement);       /* it refers to the ledger; the original may still be called */
    }
    Py_XDECREF(now);
    PyErr_Clear();
    return result;
}

static int
visit_young(yagot_gc *gc, int (*visit)(PyObject *, void *), void *arg)
{
    int result = 0;
    for (int generation = 0; result == 0 && generation < (gc->state->generations ? 2 : 1); generation++) {
        PyObject *list = yagot_gc_objects(gc, generation);
        result = list != NULL ? 0 : -1;
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
            result = visit(PyList_GET_ITEM(list, i), arg);
        }
        Py_XDECREF(list);
    }
    return result;
}

static int
visit_before(PyObject *object, void *arg)
{
    return yagot_idtable_put(arg, object, 0);
}

void
yagot_imports_enter(yagot_imports *m, yagot_gc *gc)
{
    if (m->depth++ > 0) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    yagot_idtable_fini(&m->before);
    if (yagot_idtable_init(&m->before) < 0 || visit_young(gc, visit_before, &m->before) < 0) {
        yagot_idtable_fini(&m->before);         /* what the import makes counts as the test's */
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
    if (yagot_idtable_get(&l->imports->before, object) != YAGOT_NONE) {
        return 0;
    }
    return l->remember && remember(l->imports, object) < 0 ? -1 : yagot_labels_put(l->labels, object, l->label);
}

static int
label_new(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label, bool remembered)
{
    labelling l = {m, labels, label, remembered};
    return m->depth > 0 && m->before.pages != NULL ? visit_young(gc, visit_new, &l) : 0;
}

int
yagot_imports_label(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    return label_new(m, labels, gc, label, true);
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

/* What the test makes at such an address must not pass for the import's. */
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
        PyErr_Clear();
        yagot_idtable_fini(&m->before);
    }
    m->depth -= m->depth > 0;
    PyErr_Restore(type, value, traceback);
}

void
yagot_imports_fini(yagot_imports *m)
{
    yagot_idtable_fini(&m->before);
    PyMem_RawFree(m->labelled);
    m->labelled = NULL;
}
