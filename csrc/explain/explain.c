/* explain.c - see explain.h.
 *
 * Components with the same cause are one finding. Describing a component's cycle takes microseconds; when
 * there are many, further ones are recognised by their shape: the types of their objects, the references
 * between them, and the code and keys involved, in the order of creation.
 */
#include "explain/explain.h"

#include "base/array.h"
#include "base/describe.h"
#include "explain/description.h"
#include "explain/hops.h"
#include "explain/makers.h"
#include "explain/parts.h"
#include "explain/sizes.h"

#include <string.h>

enum { DESCRIBED_ONE_BY_ONE = 500, MOST_KEYS = 8 };

typedef struct {
    yagot_findings *findings;
    const yagot_attribution *attribution;   /* borrowed */
    yagot_graph graph;
    yagot_search search;
    yagot_sizes sizes;
    yagot_idtable type_index;       /* type -> index into type_names */
    const char **type_names;        /* owned array of interned names */
    PyTypeObject **types;           /* owned array; borrowed types */
    uint32_t type_count;
    size_t name_room, type_room;
    uint32_t *rank;                 /* owned; [nodes] place within the component */
    size_t *bytes;                  /* owned; [components] memory that goes with each */
    bool *part;                     /* owned; [nodes] not counted as objects of their own */
    PyObject *get_traceback;        /* borrowed, may be NULL */
    bool once;                      /* known causes need no description, and forms are known again */
    yagot_form_reader form;
} explainer;

/* -- type names ----------------------------------------------------------------------------------- */

static const char *
intern_type(yagot_findings *findings, PyTypeObject *type)
{
    yagot_text text = {0};
    yagot_add_type_name(&text, type);
    const char *name = text.failed ? NULL
        : (const char *)xmlDictLookup(findings->names, (const xmlChar *)yagot_text_get(&text), -1);
    yagot_text_fini(&text);
    return name;
}

static const char *
type_name(explainer *x, PyTypeObject *type)
{
    uint32_t index = yagot_idtable_get(&x->type_index, type);
    if (index != YAGOT_NONE && x->types[index] == type) {
        return x->type_names[index];
    }
    const char **names = yagot_array_grow(x->type_names, x->type_count, &x->name_room, sizeof *names);
    x->type_names = names != NULL ? names : x->type_names;
    PyTypeObject **types = yagot_array_grow(x->types, x->type_count, &x->type_room, sizeof *types);
    x->types = types != NULL ? types : x->types;
    if (names == NULL || types == NULL) {
        return NULL;
    }
    const char *name = intern_type(x->findings, type);
    if (name == NULL || yagot_idtable_put(&x->type_index, type, x->type_count) < 0) {
        return NULL;
    }
    x->types[x->type_count] = type;
    x->type_names[x->type_count++] = name;
    return name;
}

/* -- shapes --------------------------------------------------------------------------------------- */

static uint64_t
mix_object(uint64_t shape, PyObject *object)
{
    shape = yagot_mix(shape, (uintptr_t)Py_TYPE(object));
    if (PyDict_CheckExact(object)) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        for (int i = 0; i < MOST_KEYS && PyDict_Next(object, &position, &key, &value); i++) {
            shape = yagot_mix(shape, (uintptr_t)key);
        }
    }
    else if (yagot_has_code(object)) {
        shape = yagot_mix(shape, (uintptr_t)yagot_code_of(object));
    }
    else if (PyType_Check(object)) {
        shape = yagot_mix(shape, (uintptr_t)((PyTypeObject *)object)->tp_name);
    }
    return shape;
}

static uint64_t
shape_of(explainer *x, uint32_t component)
{
    yagot_graph *g = &x->graph;
    const uint32_t *members = &g->members[g->member_start[component]];
    uint64_t shape = g->own_size[component];
    for (uint32_t i = 0; i < g->own_size[component]; i++) {
        shape = mix_object(shape, g->objects[members[i]]);
        for (uint32_t e = g->start[members[i]]; e < g->start[members[i] + 1]; e++) {
            if (g->component[g->target[e]] == component) {
                shape = yagot_mix(shape, x->rank[g->target[e]]);
            }
        }
    }
    return shape | 1;       /* 0 marks a free place */
}

/* -- describing a finding ------------------------------------------------------------------------- */

static uint32_t
length_of(const yagot_cycle *cycle)
{
    return cycle->cut ? cycle->length : cycle->count;
}

static int
describe_finding(explainer *x, uint32_t component, yagot_cycle *cycle, yagot_finding *finding)
{
    yagot_findings *findings = x->findings;
    if (yagot_find_makers(findings->modules, cycle) < 0) {
        return -1;
    }
    finding->cycle_length = length_of(cycle);
    if (cycle->cause.text != NULL) {
        finding->cause = (yagot_cause){yagot_text_copy(cycle->cause.text), yagot_text_copy(cycle->cause.parts)};
    }
    bool known = yagot_findings_is_known(findings, finding);
    finding->known = known && x->once && finding->cycle_length > 0;
    if (finding->known) {
        return 0;
    }
    if (!known) {
        finding->hops = yagot_hops(&x->graph, component, cycle, findings->modules, &finding->hop_count);
    }
    return known || finding->hops != NULL ? yagot_describe_steps(findings, x->get_traceback, cycle, finding) : -1;
}

/* A new finding of a component of a known form, whose cause was exported; YAGOT_NONE if that is not so. */
static uint32_t
add_known(yagot_findings *findings, const yagot_form *form, uint32_t label)
{
    const yagot_finding known = {.concrete = form->concrete, .cause = form->cause, .cycle_length = form->cycle_length};
    char *concrete = yagot_findings_is_known(findings, &known) ? yagot_text_copy(form->concrete) : NULL;
    uint32_t found = concrete != NULL ? yagot_findings_add(findings, concrete, label) : YAGOT_NONE;
    if (found != YAGOT_NONE) {
        yagot_finding *finding = &findings->items[found];
        finding->cause = (yagot_cause){yagot_text_copy(form->cause.text), yagot_text_copy(form->cause.parts)};
        finding->cycle_length = form->cycle_length;
        finding->known = true;
    }
    return found;
}

/* The finding of a component whose form is known; YAGOT_NONE if there is none. */
static uint32_t
recognise(explainer *x, uint32_t label)
{
    const yagot_form *form = yagot_forms_find(&x->findings->forms, &x->form);
    uint32_t found = form != NULL ? yagot_findings_find(x->findings, form->concrete, label) : YAGOT_NONE;
    if (form != NULL && found == YAGOT_NONE) {
        found = add_known(x->findings, form, label);
    }
    x->findings->recognised += found != YAGOT_NONE;
    return found;
}

/* Is it said of classes alone? What is said of their instances depends on the code of the classes, too. */
static bool
is_of_classes(const yagot_cycle *cycle)
{
    uint32_t i = 0;
    while (i < cycle->count && PyType_Check(cycle->steps[i].head)) {
        i++;
    }
    return i == cycle->count;
}

/* From now on a component of this form is known. */
static int
keep_form(explainer *x, yagot_cycle *cycle, const char *concrete)
{
    yagot_forms *forms = &x->findings->forms;
    bool depends = x->form.has_class && !is_of_classes(cycle);
    if (depends || yagot_forms_find(forms, &x->form) != NULL) {
        return 0;
    }
    if (yagot_find_makers(x->findings->modules, cycle) < 0) {
        return -1;
    }
    return cycle->cause.text == NULL || cycle->passing || x->search.passing ? 0
           : yagot_forms_add(forms, &x->form, concrete, &cycle->cause, length_of(cycle));
}

static uint32_t
describe_new(explainer *x, uint32_t component, uint32_t label, bool has_form)
{
    yagot_cycle cycle;
    if (yagot_cycle_find(&x->search, component, &cycle) < 0) {
        return YAGOT_NONE;
    }
    uint32_t found = yagot_findings_find(x->findings, cycle.concrete, label);
    if (found == YAGOT_NONE) {
        found = yagot_findings_add(x->findings, cycle.concrete, label);
        cycle.concrete = NULL;
        if (found != YAGOT_NONE && describe_finding(x, component, &cycle, &x->findings->items[found]) < 0) {
            found = YAGOT_NONE;
        }
    }
    if (found != YAGOT_NONE && has_form && keep_form(x, &cycle, x->findings->items[found].concrete) < 0) {
        found = YAGOT_NONE;
    }
    yagot_cycle_fini(&cycle);
    return found;
}

/* The finding that a component belongs to: described, and new if its cause is. */
static uint32_t
describe_component(explainer *x, uint32_t component, uint32_t label)
{
    bool has_form = x->once && yagot_form_read(&x->form, component);
    uint32_t found = has_form ? recognise(x, label) : YAGOT_NONE;
    return found != YAGOT_NONE ? found : describe_new(x, component, label, has_form);
}

/* In a window: the label of imports if an import has made all of a component, else 0. */
static uint32_t
import_label_of(explainer *x, uint32_t component)
{
    const yagot_graph *g = &x->graph;
    const yagot_attribution *a = x->attribution;
    const uint32_t *members = &g->members[g->member_start[component]];
    for (uint32_t i = 0; a->labels != NULL && i < g->own_size[component]; i++) {
        if (yagot_labels_get(a->labels, g->objects[members[i]]) != a->import) {
            return 0;
        }
    }
    return a->labels != NULL ? a->import : 0;
}

/* Before 3.14 the collector knows a dict only once something is in it that it knows, and the dict may be much older. */
static bool
may_be_older(PyObject *object)
{
    return PY_VERSION_HEX < 0x030E0000 && PyDict_CheckExact(object);
}

/* The label of who made a component: the first that an object of its own has, of a test rather than of an import, and
 * of a dict only if no other object has one; else of what hangs off it. The dict of an instance goes with that, whoever
 * has set its first attribute. 0 if there is nobody to blame. */
static uint32_t
label_of(explainer *x, uint32_t component)
{
    const yagot_graph *g = &x->graph;
    uint32_t first = g->member_start[component], found = 0;
    bool is_doubtful = false;
    for (uint32_t i = first; i < g->member_start[component + 1]; i++) {
        PyObject *object = g->objects[g->members[i]];
        uint32_t label = yagot_labels_get(x->attribution->labels, object);
        bool own = i - first < g->own_size[component];
        if (x->part[g->members[i]]) {
            continue;
        }
        if (label == YAGOT_REPORTED && own) {
            return 0;
        }
        bool surer = own && is_doubtful && !may_be_older(object) && !yagot_label_is_import(label);
        if (yagot_is_to_be_told(x->attribution, label)
            && (found == 0 || (own && yagot_label_is_import(found)) || surer)) {
            found = label;
            is_doubtful = may_be_older(object);
        }
    }
    return found;
}

static uint32_t
finding_of(explainer *x, uint32_t component, uint32_t label)
{
    if (label != 0) {
        return describe_component(x, component, label);
    }
    if (x->findings->described < DESCRIBED_ONE_BY_ONE) {
        x->findings->described++;
        return describe_component(x, component, 0);
    }
    uint64_t shape = shape_of(x, component);
    uint32_t found = yagot_findings_shape(x->findings, shape);
    if (found == YAGOT_NONE) {
        found = describe_component(x, component, 0);
        if (found != YAGOT_NONE) {
            yagot_findings_add_shape(x->findings, shape, found);
        }
    }
    return found;
}

/* -- all components ------------------------------------------------------------------------------- */

/* What goes with a component: how many of its own objects are counted, and whether they are more than one cycle, as one
 * of them has several references to others. */
static yagot_share
share_of(const explainer *x, uint32_t component)
{
    const yagot_graph *g = &x->graph;
    const uint32_t *members = &g->members[g->member_start[component]];
    yagot_share share = {.count = 1, .bytes = x->bytes[component]};
    uint32_t most = 0;
    for (uint32_t i = 0; i < g->own_size[component]; i++) {
        uint32_t inside = 0;
        for (uint32_t e = g->start[members[i]]; inside < 2 && e < g->start[members[i] + 1]; e++) {
            inside += g->component[g->target[e]] == component;
        }
        share.cyclic += !x->part[members[i]];
        most = inside > most ? inside : most;
    }
    share.cyclic = most > 0 ? share.cyclic : 0;
    share.entangled = most > 1;
    return share;
}

static int
add_members(explainer *x, uint32_t component, uint32_t index, yagot_snapshot *s, yagot_predictions *predictions)
{
    yagot_graph *g = &x->graph;
    yagot_finding *finding = &x->findings->items[index];
    yagot_share share = share_of(x, component);
    const bool has_cycle = share.cyclic > 0;
    uint32_t own = g->member_start[component] + g->own_size[component];
    yagot_finding_add_share(finding, &share);
    for (uint32_t i = g->member_start[component]; i < g->member_start[component + 1]; i++) {
        PyObject *object = g->objects[g->members[i]];
        const char *name = x->part[g->members[i]] ? NULL : type_name(x, Py_TYPE(object));
        if (!x->part[g->members[i]] && (name == NULL || yagot_finding_count(finding, name, false) < 0)) {
            return -1;
        }
        if (!(s->flags[g->index[g->members[i]]] & YAGOT_LATER)) {
            share.cyclic = has_cycle && i < own && !x->part[g->members[i]];
            predictions->items[predictions->count++] = (yagot_prediction){
                .address = object, .type = Py_TYPE(object), .finding = index, .name = name, .share = share};
            share = (yagot_share){0};
            predictions->finalizers |= Py_TYPE(object)->tp_finalize != NULL || Py_TYPE(object)->tp_del != NULL;
        }
    }
    return 0;
}

/* Before anything is described: describing may give instances their dicts, which then hold what they held. */
static int
measure_components(explainer *x, yagot_snapshot *snapshot)
{
    yagot_graph *g = &x->graph;
    x->bytes = PyMem_RawCalloc(g->components + 1u, sizeof *x->bytes);
    x->part = yagot_parts_mark(g, snapshot);
    if (x->bytes == NULL || x->part == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < g->nodes; i++) {
        size_t bytes;
        if (yagot_sizes_add(&x->sizes, g->objects[i], &bytes) < 0) {
            return -1;
        }
        x->bytes[g->cause[i]] += bytes;
    }
    return 0;
}

static int
explain_components(explainer *x, yagot_snapshot *s, yagot_predictions *predictions)
{
    yagot_graph *g = &x->graph;
    x->rank = PyMem_RawMalloc((g->nodes + 1u) * sizeof *x->rank);
    predictions->items = PyMem_RawMalloc((g->nodes + 1u) * sizeof *predictions->items);
    if (x->rank == NULL || predictions->items == NULL) {
        return -1;
    }
    for (uint32_t c = 0; c < g->components; c++) {
        for (uint32_t i = g->member_start[c]; i < g->member_start[c + 1]; i++) {
            x->rank[g->members[i]] = i - g->member_start[c];
        }
    }
    if (yagot_form_reader_init(&x->form, g, s, x->rank, x->findings->modules) < 0) {
        return -1;
    }
    for (uint32_t c = 0; c < g->components; c++) {
        if (g->member_start[c] == g->member_start[c + 1]) {
            continue;           /* hangs off another component */
        }
        uint32_t label = x->attribution->between ? label_of(x, c) : import_label_of(x, c);
        if (x->attribution->between && label == 0) {
            continue;           /* older than the first test, or reported already */
        }
        uint32_t found = finding_of(x, c, label);
        if (found == YAGOT_NONE || add_members(x, c, found, s, predictions) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_explain(yagot_snapshot *snapshot, yagot_findings *findings, const yagot_attribution *attribution,
              PyObject *get_traceback, yagot_predictions *predictions)
{
    explainer x = {
        .findings = findings, .attribution = attribution, .get_traceback = get_traceback,
        .once = findings->once && !findings->wants_repr && get_traceback == NULL,
    };
    int result = -1;
    *predictions = (yagot_predictions){0};
    yagot_findings_forget_shapes(findings);
    if (yagot_graph_init(&x.graph, snapshot) < 0) {
        return -1;
    }
    if (yagot_search_init(&x.search, &x.graph, findings->modules) == 0
        && yagot_sizes_init(&x.sizes, snapshot, &findings->sizers) == 0 && yagot_idtable_init(&x.type_index) == 0) {
        result = measure_components(&x, snapshot) < 0 ? -1 : explain_components(&x, snapshot, predictions);
    }
    yagot_search_fini(&x.search);
    yagot_sizes_fini(&x.sizes);
    yagot_idtable_fini(&x.type_index);
    yagot_graph_fini(&x.graph);
    yagot_form_reader_fini(&x.form);
    PyMem_RawFree(x.type_names);
    PyMem_RawFree(x.types);
    PyMem_RawFree(x.rank);
    PyMem_RawFree(x.bytes);
    PyMem_RawFree(x.part);
    if (result < 0) {
        PyMem_RawFree(predictions->items);
        *predictions = (yagot_predictions){0};
    }
    return result;
}

/* -- objects on no cycle -------------------------------------------------------------------------- */

int
yagot_finding_count_object(yagot_findings *findings, yagot_finding *finding, PyObject *object)
{
    const char *name = intern_type(findings, Py_TYPE(object));
    if (name == NULL || yagot_finding_count(finding, name, false) < 0
        || yagot_finding_count(finding, name, true) < 0) {
        return -1;
    }
    return 0;
}
