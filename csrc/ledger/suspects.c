/* suspects.c - findings about references that nobody holds. See unheld.h. */
#include "ledger/unheld.h"

#include "base/describe.h"
#include "explain/sizes.h"

#include <string.h>

enum { SUSPECT = YAGOT_SUSPECT, HELD = YAGOT_HELD };

static const char TOO_MANY[] = "more references to it are counted than were found anywhere";

static const char NOBODY_HOLDS[] = " with a reference that nobody holds";
static const char NOT_SHOWN[] = " holds references that its tp_traverse does not show";

/* -- what only suspects keep alive ---------------------------------------------------------------- */

typedef struct {
    yagot_snapshot *births;
    uint32_t *stack, depth;
} marker;

static int
visit_mark(PyObject *child, void *arg)
{
    marker *m = arg;
    uint32_t index = yagot_snapshot_find(m->births, child);
    if (index != YAGOT_NONE && !(m->births->flags[index] & HELD)) {
        m->births->flags[index] |= HELD;
        m->stack[m->depth++] = index;
    }
    return 0;
}

static void
mark_from(marker *m, uint32_t index)
{
    m->births->flags[index] |= HELD;
    m->stack[m->depth++] = index;
    while (m->depth > 0) {
        yagot_traverse(m->births->objects[m->stack[--m->depth]], visit_mark, m);
    }
}

/* Marks as HELD what is alive without the unexplained references. */
static void
mark_held(marker *m, yagot_snapshot *wanted)
{
    yagot_snapshot *s = m->births;
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t index = yagot_snapshot_find(wanted, s->objects[i]);
        if (index != YAGOT_NONE && wanted->refs[index] > 0) {
            s->flags[i] |= SUSPECT;
        }
    }
    for (uint32_t i = 0; i < s->count; i++) {
        bool root = s->flags[i] & YAGOT_REACHABLE && !(s->flags[i] & (SUSPECT | HELD)) && s->refs[i] > 0;
        if (root) {
            mark_from(m, i);
        }
    }
}

/* -- telling -------------------------------------------------------------------------------------- */

/* An object's kind, the same on every run: "dict ['a', 'b']", "list of int", "tree.Node". */
static void
add_kind(yagot_text *text, PyObject *object)
{
    yagot_add_object(text, object);
    if (PyDict_CheckExact(object)) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        for (int i = 0; i < 4 && PyDict_Next(object, &position, &key, &value); i++) {
            yagot_text_add(text, i > 0 ? ", " : " of ");
            if (PyUnicode_CheckExact(key)) {
                yagot_text_add_str(text, key, YAGOT_VALUE_LIMIT);
            }
            else {
                yagot_add_type_name(text, Py_TYPE(key));
            }
        }
    }
    else if ((PyList_CheckExact(object) || PyTuple_CheckExact(object)) && Py_SIZE(object) > 0) {
        yagot_text_add(text, " of ");
        PyObject *first = PySequence_Fast_GET_ITEM(object, 0);
        if (first != NULL) {
            yagot_add_type_name(text, Py_TYPE(first));
        }
        else {
            yagot_text_add(text, "NULL");       /* C code never filled it */
        }
    }
}

char *
yagot_cause_of(PyObject *object)
{
    yagot_text text = {0};
    add_kind(&text, object);
    yagot_text_add(&text, NOBODY_HOLDS);
    return yagot_text_take(&text);
}

/* The finding of a cause (stolen), made and told if it is new. */
static uint32_t
finding_of(yagot_ledger *self, char *cause, PyObject *object, PyObject *get_traceback)
{
    uint32_t label = yagot_findings_label(&self->findings, object);
    uint32_t found = cause != NULL ? yagot_findings_find(&self->findings, cause, label) : YAGOT_NONE;
    if (cause == NULL || found != YAGOT_NONE) {
        PyMem_RawFree(cause);
        return found;
    }
    found = yagot_findings_add(&self->findings, cause, label);
    if (found != YAGOT_NONE
        && yagot_tell_object(&self->findings, &self->findings.items[found], object, get_traceback) < 0) {
        found = YAGOT_NONE;
    }
    return found;
}

typedef struct {
    yagot_ledger *ledger;
    marker marker;
    yagot_held held;
    PyObject *get_traceback;
} teller;

/* Adds a suspect, and what only it keeps alive, to its finding. */
static int
tell_suspect(teller *t, uint32_t index, Py_ssize_t unexplained)
{
    yagot_snapshot *s = t->marker.births;
    uint32_t found = finding_of(t->ledger, yagot_cause_of(s->objects[index]), s->objects[index], t->get_traceback);
    if (found == YAGOT_NONE) {
        return -1;
    }
    yagot_finding *finding = &t->ledger->findings.items[found];
    finding->count++;
    finding->unexplained += unexplained;
    finding->why = TOO_MANY;
    finding->subject = strlen(finding->signature) - strlen(NOBODY_HOLDS);
    if (t->ledger->findings.labels != NULL && yagot_label(t->ledger, s->objects[index], YAGOT_TOLD) < 0) {
        return -1;
    }
    s->flags[index] |= HELD;
    t->marker.stack[t->marker.depth++] = index;
    while (t->marker.depth > 0) {
        PyObject *object = s->objects[t->marker.stack[--t->marker.depth]];
        size_t bytes;
        if (yagot_finding_count_object(&t->ledger->findings, finding, object) < 0
            || yagot_held_add(&t->held, object, &bytes) < 0) {
            return -1;
        }
        finding->held += bytes;
        yagot_traverse(object, visit_mark, &t->marker);
    }
    return 0;
}

/* The same for one that the collector does not track. */
static int
tell_untracked(teller *t, PyObject *object, Py_ssize_t unexplained)
{
    uint32_t found = finding_of(t->ledger, yagot_cause_of(object), object, t->get_traceback);
    size_t bytes;
    if (found == YAGOT_NONE || yagot_held_add(&t->held, object, &bytes) < 0) {
        return -1;
    }
    yagot_finding *finding = &t->ledger->findings.items[found];
    finding->count++;
    finding->unexplained += unexplained;
    finding->held += bytes;
    finding->why = TOO_MANY;
    finding->subject = strlen(finding->signature) - strlen(NOBODY_HOLDS);
    finding->untracked = true;
    return yagot_finding_count_object(&t->ledger->findings, finding, object);
}

int
yagot_tell_suspects(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted)
{
    teller t = {.ledger = self, .marker.births = births};
    int result = -1;
    t.marker.stack = PyMem_RawMalloc((births->count + 1u) * sizeof *t.marker.stack);
    t.get_traceback = yagot_tracing(self);
    if (yagot_held_init(&t.held, births) == 0 && t.marker.stack != NULL) {
        mark_held(&t.marker, wanted);
        result = 0;
    }
    for (uint32_t i = 0; i < births->count && result == 0; i++) {
        if (births->flags[i] & SUSPECT) {
            PyObject *object = births->objects[i];
            result = tell_suspect(&t, i, wanted->refs[yagot_snapshot_find(wanted, object)]);
        }
    }
    for (uint32_t i = 0; i < wanted->count && result == 0; i++) {
        if (wanted->refs[i] > 0 && wanted->flags[i] & YAGOT_TRACED) {
            result = tell_untracked(&t, wanted->objects[i], wanted->refs[i]);
        }
    }
    yagot_held_fini(&t.held);
    PyMem_RawFree(t.marker.stack);
    return result;
}

/* An object holds references that the traverse function of its C type does not show. */
int
yagot_tell_hidden(yagot_ledger *self, PyTypeObject *type, PyObject *object)
{
    yagot_text cause = {0};
    if (yagot_findings_label(&self->findings, object) == YAGOT_TOLD) {
        return 0;
    }
    yagot_add_type_name(&cause, type);
    yagot_text_add(&cause, NOT_SHOWN);
    uint32_t found = finding_of(self, yagot_text_take(&cause), object, yagot_tracing(self));
    if (found == YAGOT_NONE) {
        return -1;
    }
    yagot_finding *finding = &self->findings.items[found];
    finding->kind = "hidden";
    finding->subject = strlen(finding->signature) - strlen(NOT_SHOWN);
    finding->count++;
    finding->why = "the collector cannot see these references: a cycle through them is never collected";
    return yagot_finding_count_object(&self->findings, finding, object);
}
