/* suspect_findings.c - findings about references that nobody holds. See suspects.h. */
#include "ledger/suspects.h"

#include "base/describe.h"
#include "explain/description.h"
#include "explain/sizes.h"

#include <string.h>

enum { SUSPECT = YAGOT_SUSPECT, INDEPENDENT = YAGOT_INDEPENDENT };

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
    if (index != YAGOT_NONE && !(m->births->flags[index] & INDEPENDENT)) {
        m->births->flags[index] |= INDEPENDENT;
        m->stack[m->depth++] = index;
    }
    return 0;
}

static void
mark_from(marker *m, uint32_t index)
{
    m->births->flags[index] |= INDEPENDENT;
    m->stack[m->depth++] = index;
    while (m->depth > 0) {
        yagot_traverse(m->births->objects[m->stack[--m->depth]], visit_mark, m);
    }
}

/* Marks as INDEPENDENT what is alive without the references that nobody holds. */
static void
mark_independent(marker *m, yagot_snapshot *wanted)
{
    yagot_snapshot *s = m->births;
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t index = yagot_snapshot_find(wanted, s->objects[i]);
        if (index != YAGOT_NONE && wanted->refs[index] > 0) {
            s->flags[i] |= SUSPECT;
        }
    }
    for (uint32_t i = 0; i < s->count; i++) {
        bool root = s->flags[i] & YAGOT_REACHABLE && !(s->flags[i] & (SUSPECT | INDEPENDENT)) && s->refs[i] > 0;
        if (root) {
            mark_from(m, i);
        }
    }
}

/* -- reporting ------------------------------------------------------------------------------------ */

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

/* The finding of a cause (stolen), made and described if it is new. */
static uint32_t
finding_of(yagot_ledger *self, char *cause, uint32_t label, PyObject *object)
{
    uint32_t found = cause != NULL ? yagot_findings_find(&self->findings, cause, label) : YAGOT_NONE;
    if (cause == NULL || found != YAGOT_NONE) {
        PyMem_RawFree(cause);
        return found;
    }
    found = yagot_findings_add(&self->findings, cause, label);
    if (found != YAGOT_NONE
        && yagot_describe_object(&self->findings, &self->findings.items[found], object, yagot_tracing(self)) < 0) {
        found = YAGOT_NONE;
    }
    return found;
}

typedef struct {
    yagot_ledger *ledger;
    marker marker;
    yagot_sizes sizes;
    bool boundary;              /* findings are kept apart by the windows that made the objects */
} reporter;

static uint32_t
label_of(yagot_ledger *self, PyObject *object, bool boundary)
{
    return boundary ? yagot_labels_get(&self->labels, object) : 0;
}

static yagot_finding *
finding_of_suspect(reporter *r, PyObject *object, Py_ssize_t unheld)
{
    yagot_ledger *self = r->ledger;
    uint32_t found = finding_of(self, yagot_cause_of(object), label_of(self, object, r->boundary), object);
    if (found == YAGOT_NONE) {
        return NULL;
    }
    yagot_finding *finding = &self->findings.items[found];
    finding->amounts.count++;
    finding->amounts.unheld += unheld;
    finding->why = TOO_MANY;
    finding->subject = strlen(finding->concrete) - strlen(NOBODY_HOLDS);
    return finding;
}

/* Adds a suspect, and what only it keeps alive, to its finding. */
static int
report_suspect(reporter *r, uint32_t index, Py_ssize_t unheld)
{
    yagot_snapshot *s = r->marker.births;
    yagot_finding *finding = finding_of_suspect(r, s->objects[index], unheld);
    if (finding == NULL
        || (r->boundary && yagot_labels_put(&r->ledger->labels, s->objects[index], YAGOT_REPORTED) < 0)) {
        return -1;
    }
    s->flags[index] |= INDEPENDENT;
    r->marker.stack[r->marker.depth++] = index;
    while (r->marker.depth > 0) {
        PyObject *object = s->objects[r->marker.stack[--r->marker.depth]];
        size_t bytes;
        if (yagot_finding_count_object(&r->ledger->findings, finding, object) < 0
            || yagot_sizes_add(&r->sizes, object, &bytes) < 0) {
            return -1;
        }
        finding->amounts.bytes += bytes;
        yagot_traverse(object, visit_mark, &r->marker);
    }
    return 0;
}

/* The same for one that the collector does not track. */
static int
report_untracked(reporter *r, PyObject *object, Py_ssize_t unheld)
{
    yagot_finding *finding = finding_of_suspect(r, object, unheld);
    size_t bytes;
    if (finding == NULL || yagot_sizes_add(&r->sizes, object, &bytes) < 0) {
        return -1;
    }
    finding->amounts.bytes += bytes;
    finding->untracked = true;
    return yagot_finding_count_object(&r->ledger->findings, finding, object);
}

int
yagot_report_suspects(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, bool boundary)
{
    reporter r = {.ledger = self, .marker.births = births, .boundary = boundary};
    int result = -1;
    r.marker.stack = PyMem_RawMalloc((births->count + 1u) * sizeof *r.marker.stack);
    if (yagot_sizes_init(&r.sizes, births, &self->findings.sizers) == 0 && r.marker.stack != NULL) {
        mark_independent(&r.marker, wanted);
        result = 0;
    }
    for (uint32_t i = 0; i < births->count && result == 0; i++) {
        if (births->flags[i] & SUSPECT) {
            PyObject *object = births->objects[i];
            result = report_suspect(&r, i, wanted->refs[yagot_snapshot_find(wanted, object)]);
        }
    }
    for (uint32_t i = 0; i < wanted->count && result == 0; i++) {
        if (wanted->refs[i] > 0 && wanted->flags[i] & YAGOT_TRACED) {
            result = report_untracked(&r, wanted->objects[i], wanted->refs[i]);
        }
    }
    yagot_sizes_fini(&r.sizes);
    PyMem_RawFree(r.marker.stack);
    return result;
}

int
yagot_report_hidden(yagot_ledger *self, PyTypeObject *type, PyObject *object, bool boundary)
{
    yagot_text cause = {0};
    const uint32_t label = label_of(self, object, boundary);
    if (label == YAGOT_REPORTED) {
        return 0;
    }
    yagot_add_type_name(&cause, type);
    yagot_text_add(&cause, NOT_SHOWN);
    uint32_t found = finding_of(self, yagot_text_take(&cause), label, object);
    if (found == YAGOT_NONE) {
        return -1;
    }
    yagot_finding *finding = &self->findings.items[found];
    finding->kind = "hidden";
    finding->subject = strlen(finding->concrete) - strlen(NOT_SHOWN);
    finding->amounts.count++;
    finding->why = "the collector cannot see these references: a cycle through them is never collected";
    return yagot_finding_count_object(&self->findings, finding, object);
}
