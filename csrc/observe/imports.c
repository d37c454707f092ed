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

/* -- markers --------------------------------------------------------------------------------------- */

/* The one of a number, from 0 on; NULL after the last. */
static PyObject **
marker(yagot_imports *m, size_t i)
{
    return i == 0 ? &m->settled
           : i > 2 * YAGOT_IMPORT_SPANS ? NULL
           : i % 2 ? &m->spans[i / 2].begin
           : &m->spans[i / 2 - 1].end;
}

/* Nothing is made for an import itself: that could run a collection, or fail. */
static int
make_markers(yagot_imports *m)
{
    PyObject **place;
    for (size_t i = 0; !YAGOT_FREE_THREADED && (place = marker(m, i)) != NULL; i++) {
        if (*place == NULL && (*place = PyList_New(0)) == NULL) {
            return -1;
        }
    }
    return 0;
}

/* What passes for old is nowhere among what is young. */
static void
put_marker(yagot_imports *m, yagot_gc *gc, PyObject *object)
{
    if (yagot_is_tracked(object)) {
        yagot_gc_rejuvenate(object);
    }
    else {
        PyObject_GC_Track(object);
    }
    yagot_gc_is_new(gc, object);
    m->used = true;
}

static void
hide_markers(yagot_imports *m)
{
    PyObject **place;
    for (size_t i = 0; m->used && (place = marker(m, i)) != NULL; i++) {
        if (yagot_is_tracked(*place)) {
            PyObject_GC_UnTrack(*place);
        }
        m->hidden = true;
    }
    m->used = false;
}

void
yagot_imports_show_markers(yagot_imports *m)
{
    PyObject **place;
    for (size_t i = 0; m->hidden && (place = marker(m, i)) != NULL; i++) {
        if (!yagot_is_tracked(*place)) {
            PyObject_GC_Track(*place);
        }
    }
    m->hidden = false;
}

/* -- the functions --------------------------------------------------------------------------------- */

int
yagot_imports_install(yagot_imports *m, PyObject *object)
{
    if (m->installed) {
        return 0;
    }
    if (make_markers(m) < 0) {
        return -1;
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

/* -- what is made meanwhile, by its place in the youngest generation -------------------------------- */

/* The youngest generation is in the order in which objects were made, so that all between two markers was made in an
 * import, and nothing gets into another one but by a collection, before which it is labelled. Listing the generation
 * takes time in its size: where it is large, some imports wait for each other. */

enum { OBJECTS_PER_IMPORT = 2000 };     /* that may be listed for one: the most that there are by default */

static bool
is_under_way(const yagot_imports *m)
{
    return m->count > 0 && !m->spans[m->count - 1].ended;
}

static void
begin_span(yagot_imports *m, PyObject *namespace, yagot_gc *gc)
{
    if (m->count < YAGOT_IMPORT_SPANS && m->settled != NULL) {
        yagot_import_span *span = &m->spans[m->count++];
        span->namespace = namespace;
        span->ended = false;
        put_marker(m, gc, span->begin);
    }
}

/* Forgets spans but for the one that has not ended, and keeps the place where the last one ended. */
static void
forget_spans(yagot_imports *m)
{
    size_t ended = m->count - is_under_way(m);
    if (ended > 0) {
        PyObject *settled = m->spans[ended - 1].end;
        m->spans[ended - 1].end = m->settled;
        m->settled = settled;
        m->has_settled = true;
    }
    if (ended > 0 && ended < m->count) {
        yagot_import_span first = m->spans[0];
        m->spans[0] = m->spans[ended];
        m->spans[ended] = first;
    }
    m->count -= ended;
}

/* A walk through the youngest generation, from the last object to the first. */
typedef struct {
    const yagot_imports *imports;
    yagot_labels *labels;
    uint32_t label;
    size_t spans;               /* that are yet to be met, with the one that is being gone through */
    bool inside;                /* of that one */
    bool settled;               /* what comes now was settled before */
    yagot_idtable namespaces;   /* of the spans that were met; made by the window's test, they are before them */
} labelling;

/* True for a marker of these. */
static bool
meet_marker(labelling *l, const PyObject *object)
{
    const yagot_import_span *span = l->spans > 0 ? &l->imports->spans[l->spans - 1] : NULL;
    bool settled = l->imports->has_settled && object == l->imports->settled;
    bool ends = span != NULL && span->ended && object == span->end, begins = span != NULL && object == span->begin;
    l->settled |= settled;
    l->inside = (l->inside || ends) && !begins;
    l->spans -= begins;
    return settled || ends || begins;
}

/* Outside, an import's label is of something that an import had made at this address. */
static int
label_met(labelling *l, PyObject *object)
{
    bool made = l->inside && !l->settled;
    if (made || (l->namespaces.pages != NULL && yagot_idtable_get(&l->namespaces, object) != YAGOT_NONE)) {
        return yagot_labels_put(l->labels, object, l->label);
    }
    bool another = !l->settled && yagot_labels_get(l->labels, object) == l->label;
    return another ? yagot_labels_put(l->labels, object, 0) : 0;
}

static int
add_namespace(labelling *l, const void *namespace)
{
    if (namespace == NULL) {
        return 0;
    }
    int result = l->namespaces.pages == NULL ? yagot_idtable_init(&l->namespaces) : 0;
    return result < 0 ? -1 : yagot_idtable_put(&l->namespaces, namespace, 0);
}

static int
meet(labelling *l, PyObject *object)
{
    const size_t spans = l->spans;
    if (!meet_marker(l, object)) {
        return label_met(l, object);
    }
    if (l->spans < spans && add_namespace(l, l->imports->spans[l->spans].namespace) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* A marker that is not there has been moved on by a collection: its import's part begins with the first object. */
static int
label_spans(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, uint32_t label)
{
    PyObject *youngest = yagot_gc_youngest(gc);
    labelling l = {.imports = m, .labels = labels, .label = label, .spans = m->count, .inside = is_under_way(m)};
    int result = youngest != NULL ? 0 : -1;
    m->listed = youngest != NULL ? PyList_GET_SIZE(youngest) : 0;
    for (Py_ssize_t i = m->listed; result == 0 && i-- > 0;) {
        result = meet(&l, PyList_GET_ITEM(youngest, i));
    }
    yagot_idtable_fini(&l.namespaces);
    Py_XDECREF(youngest);
    return result;
}

/* -- what is made meanwhile, on free-threaded builds, which know no order ----------------------------- */

typedef struct {
    yagot_imports *imports;
    yagot_labels *labels;
    yagot_idtable alive;
    uint32_t label;
} survey;

static int
visit_list(PyObject *list, int (*visit)(survey *, PyObject *), survey *s)
{
    int result = list != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = visit(s, PyList_GET_ITEM(list, i));
    }
    Py_XDECREF(list);
    return result;
}

static int
visit_before(survey *s, PyObject *object)
{
    return yagot_idtable_put(&s->imports->before, object, 0);
}

static int
note_all(yagot_imports *m, yagot_gc *gc)
{
    yagot_idtable_fini(&m->before);
    int result = yagot_idtable_init(&m->before);
    if (result < 0 || visit_list(yagot_gc_objects(gc, 0), visit_before, &(survey){.imports = m}) < 0) {
        yagot_idtable_fini(&m->before);
        return -1;
    }
    return 0;
}

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
visit_new(survey *s, PyObject *object)
{
    return yagot_idtable_get(&s->imports->before, object) != YAGOT_NONE ? 0
           : remember(s->imports, object) < 0 ? -1
           : yagot_labels_put(s->labels, object, s->label);
}

static int
label_all(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    survey s = {.imports = m, .labels = labels, .label = yagot_label_of_import(labels, in_window)};
    return m->before.pages == NULL ? 0 : visit_list(yagot_gc_objects(gc, 0), visit_new, &s);
}

static int
visit_alive(survey *s, PyObject *object)
{
    bool labelled = yagot_label_is_import(yagot_labels_get(s->labels, object));
    return labelled ? yagot_idtable_put(&s->alive, object, 0) : 0;
}

/* What the test makes where the import had something that has gone must not pass for the import's. */
static int
unlabel_dead(yagot_imports *m, yagot_labels *labels, yagot_gc *gc)
{
    survey s = {.labels = labels};
    int result = yagot_idtable_init(&s.alive) < 0 ? -1 : visit_list(yagot_gc_objects(gc, 0), visit_alive, &s);
    for (size_t i = 0; i < m->labelled_count && result == 0; i++) {
        if (yagot_idtable_get(&s.alive, m->labelled[i]) == YAGOT_NONE) {
            result = yagot_labels_put(labels, m->labelled[i], 0);
        }
    }
    yagot_idtable_fini(&s.alive);
    m->labelled_count = 0;
    yagot_idtable_fini(&m->before);
    return result;
}

/* -- both ------------------------------------------------------------------------------------------ */

static int
settle(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    if (m->count == 0 && !m->has_settled) {
        return 0;
    }
    int result = label_spans(m, labels, gc, yagot_label_of_import(labels, in_window));
    forget_spans(m);
    return result;
}

int
yagot_imports_settle(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    if (YAGOT_FREE_THREADED) {
        return label_all(m, labels, gc, in_window);
    }
    int result = settle(m, labels, gc, in_window);
    m->listed = 0;
    return result;
}

int
yagot_imports_end(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    int result = yagot_imports_settle(m, labels, gc, in_window);
    m->has_settled = false;
    hide_markers(m);
    return result;
}

void
yagot_imports_enter(yagot_imports *m, PyObject *namespace, yagot_gc *gc)
{
    if (m->depth++ > 0) {
        return;
    }
    if (!YAGOT_FREE_THREADED) {
        begin_span(m, namespace, gc);
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (note_all(m, gc) < 0) {
        PyErr_Clear();          /* what the import makes counts as the test's */
    }
    PyErr_Restore(type, value, traceback);
}

/* What an import has made is in its span now, to be labelled with others' while that is cheaper. */
static int
end_span(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    if (!is_under_way(m)) {
        return 0;
    }
    yagot_import_span *span = &m->spans[m->count - 1];
    put_marker(m, gc, span->end);
    span->ended = true;
    Py_ssize_t young = yagot_gc_count_young(gc), waiting = (Py_ssize_t)m->count;
    if (young < m->listed) {    /* what is old and has gone is taken off */
        PyErr_Clear();
        young = m->listed;
    }
    const bool labels_now = waiting == YAGOT_IMPORT_SPANS || young <= waiting * OBJECTS_PER_IMPORT;
    return labels_now ? settle(m, labels, gc, in_window) : 0;
}

void
yagot_imports_leave(yagot_imports *m, yagot_labels *labels, yagot_gc *gc, bool in_window)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (m->depth == 1 && YAGOT_FREE_THREADED) {
        (void)label_all(m, labels, gc, in_window);
        (void)unlabel_dead(m, labels, gc);
    }
    else if (m->depth == 1) {
        (void)end_span(m, labels, gc, in_window);
    }
    PyErr_Clear();
    m->depth -= m->depth > 0;
    PyErr_Restore(type, value, traceback);
}

void
yagot_imports_fini(yagot_imports *m)
{
    PyObject **place;
    for (size_t i = 0; (place = marker(m, i)) != NULL; i++) {
        Py_CLEAR(*place);
    }
    PyMem_RawFree(m->labelled);
    yagot_idtable_fini(&m->before);
}
