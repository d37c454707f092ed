/* advice.c - see advice.h.
 *
 * A kind of reference is the type it comes from and its general name: `.parent` of all Nodes. A kind on the
 * shortest cycle is sound advice if the component without all references of that kind has no cycle.
 */
#include "explain/advice.h"

#include "base/describe.h"
#include "explain/edges.h"

#include <string.h>

enum { MOST_NODES = 1000, MOST_EDGES = 5000, MOST_KINDS = 32 };

typedef struct {
    PyObject *before, *from, *to;       /* an example; borrowed */
    yagot_edge_name name;
} edge_kind;

typedef struct {
    yagot_graph *graph;
    uint32_t component, first, size;    /* members[first …] */
    char **labels;              /* [edges of the component] owned; type and general name of each */
    uint32_t *local;            /* [size] index of a member's first label */
    uint32_t *degree, *stack;   /* [size] for the test */
} plan;

static uint32_t
member(const plan *p, uint32_t i)
{
    return p->graph->members[p->first + i];
}

/* "type|name" of an edge, so that the kinds of two edges compare as strings. NULL without memory. */
static char *
label_edge(PyObject *from, PyObject *to)
{
    yagot_edge_name name = {0};
    yagot_text text = {0};
    bool is_part = yagot_add_edge(&name, from, to, false);
    yagot_add_type_name(&text, Py_TYPE(from));
    yagot_text_add(&text, is_part ? "|part" : "|");
    yagot_text_add(&text, yagot_text_get(&name.general));
    yagot_text_fini(&name.shown);
    yagot_text_fini(&name.general);
    return yagot_text_take(&text);
}

static int
label_edges(plan *p)
{
    yagot_graph *g = p->graph;
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->size; i++) {
        uint32_t node = member(p, i);
        p->local[i] = count;
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, count++) {
            if (g->component[g->target[e]] != p->component) {
                continue;
            }
            p->labels[count] = label_edge(g->objects[node], g->objects[g->target[e]]);
            if (p->labels[count] == NULL) {
                return -1;
            }
        }
    }
    return 0;
}

static uint32_t
position_of(const plan *p, uint32_t node)
{
    uint32_t low = 0, high = p->size;       /* a component's members are sorted by node */
    while (low + 1 < high) {
        uint32_t middle = (low + high) / 2;
        if (member(p, middle) <= node) {
            low = middle;
        }
        else {
            high = middle;
        }
    }
    return low;
}

/* Kahn's topological sort of the component without the edges of a kind: does it take all nodes? */
static bool
is_acyclic_without(plan *p, const char *kind)
{
    yagot_graph *g = p->graph;
    uint32_t depth = 0, sorted = 0;
    memset(p->degree, 0, p->size * sizeof *p->degree);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < p->size; i++) {
            if (pass == 1) {
                if (p->degree[i] == 0) {
                    p->stack[depth++] = i;
                }
                continue;
            }
            uint32_t node = member(p, i), label = p->local[i];
            for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, label++) {
                if (p->labels[label] != NULL && strcmp(p->labels[label], kind) != 0) {
                    p->degree[position_of(p, g->target[e])]++;
                }
            }
        }
    }
    while (depth > 0) {
        uint32_t i = p->stack[--depth], node = member(p, i), label = p->local[i];
        sorted++;
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, label++) {
            if (p->labels[label] != NULL && strcmp(p->labels[label], kind) != 0) {
                uint32_t child = position_of(p, g->target[e]);
                if (--p->degree[child] == 0) {
                    p->stack[depth++] = child;
                }
            }
        }
    }
    return sorted == p->size;
}

/* -- which of the sound ones, and in what words ---------------------------------------------------- */

/* Was the type made by a class statement? Others are not the user's to change. */
static bool
is_python_class(PyTypeObject *type)
{
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE && ((PyHeapTypeObject *)type)->ht_module == NULL;
}

static bool
can_be_weak(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    bool weak = type->tp_weaklistoffset != 0;
#ifdef Py_TPFLAGS_MANAGED_WEAKREF
    weak |= (type->tp_flags & Py_TPFLAGS_MANAGED_WEAKREF) != 0;
#endif
    return weak && is_python_class(type) && !PyType_Check(object);
}

static bool
leads_back(const char *attribute)
{
    static const char *const words[] = {"parent", "owner", "container", "root", "prev", "back", "master",
                                        "outer", "manager", "controller", "proxy"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasestr(attribute, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Does the user decide on this attribute: is it of a class of Python's, or set on an instance? */
static bool
is_users_attribute(const edge_kind *kind, const char *name)
{
    if (PyType_Check(kind->from) || strncmp(name, ".__", 3) == 0) {
        return false;
    }
    if (is_python_class(Py_TYPE(kind->from))) {
        return true;
    }
    PyObject *dict = yagot_instance_dict(kind->from);
    return dict != NULL && PyDict_Check(dict) && PyDict_GetItemString(dict, name + 1) == kind->to;
}

/* Can the user change what is in the container: is it neither a tuple nor a C object's own? */
static bool
is_users_container(const edge_kind *kind)
{
    PyObject *owner = kind->before;
    return !PyTuple_Check(kind->from)
           && (!yagot_is_plain_container(kind->from) || yagot_is_plain_container(owner)
               || is_python_class(Py_TYPE(owner)) || PyFunction_Check(owner) || PyFrame_Check(owner)
               || PyCFunction_Check(owner) || yagot_is_generator(owner));
}

/* How good a place to break an edge is; 0: none to speak of. */
static int
score(const edge_kind *kind)
{
    const char *name = yagot_text_get(&kind->name.general);
    if (yagot_is_generator(kind->from)) {
        return 60;
    }
    if (PyFrame_Check(kind->from) && PyExceptionInstance_Check(kind->to)) {
        return 55;
    }
    if (PyCell_Check(kind->from)) {
        return 40;
    }
    if (name[0] == '[' && is_users_container(kind)) {
        return PyMethod_Check(kind->to) ? 30 : can_be_weak(kind->to) ? 25 : 15;
    }
    if (name[0] != '.' || !is_users_attribute(kind, name)) {
        return 0;
    }
    if (PyMethod_Check(kind->to)) {
        return 50;
    }
    return can_be_weak(kind->to) ? (leads_back(name) ? 90 : 45) : 20;
}

static void
word(const edge_kind *kind, yagot_text *text)
{
    const char *name = yagot_text_get(&kind->name.general);
    yagot_text type = {0};
    yagot_add_type_name(&type, Py_TYPE(kind->from));
    if (yagot_is_generator(kind->from)) {
        yagot_text_addf(text, "run it to its end or close it: %s", PyAsyncGen_CheckExact(kind->from)
                        ? "await \xE2\x80\xA6.aclose()" : "\xE2\x80\xA6.close()");
    }
    else if (PyFrame_Check(kind->from)) {
        yagot_text_addf(text, "`del` the variable%s before the function returns, or keep the exception's text only",
                        strncmp(name, " local", 6) == 0 ? name + 6 : "");
    }
    else if (PyCell_Check(kind->from)) {
        yagot_text_add(text, "pass the value as an argument, or `del` the captured variable when it is no longer "
                             "needed");
    }
    else if (PyMethod_Check(kind->to) && name[0] == '[') {
        yagot_text_addf(text, "keep weakref.WeakMethod objects in the %s, or remove the method when done",
                        yagot_text_get(&type));
    }
    else if (PyMethod_Check(kind->to)) {
        yagot_text_addf(text, "keep `%s` of %s as weakref.WeakMethod, or clear it when done", name,
                        yagot_text_get(&type));
    }
    else if (name[0] == '.' && !can_be_weak(kind->to)) {
        yagot_text_addf(text, "set `%s` of %s to None when it is no longer needed", name, yagot_text_get(&type));
    }
    else if (name[0] == '.') {
        yagot_text_addf(text, "make `%s` of %s a weak reference (weakref.ref)", name, yagot_text_get(&type));
    }
    else if (can_be_weak(kind->to)) {
        yagot_text_addf(text, "keep the items of the %s weakly (weakref.WeakSet, weakref.WeakValueDictionary), "
                        "or remove them when done", yagot_text_get(&type));
    }
    else {
        yagot_text_addf(text, "remove the item of the %s (or call its clear()) when done", yagot_text_get(&type));
    }
    yagot_text_fini(&type);
}

/* Considers each edge of the cycle; `best` gets the sound one with the highest score. */
static int
choose(plan *p, const yagot_cycle *cycle, edge_kind *best)
{
    int highest = 0;
    bool is_part = false;
    for (uint32_t i = 0; i < cycle->length && i < MOST_KINDS; i++) {
        PyObject *from = p->graph->objects[cycle->nodes[i]];
        PyObject *to = p->graph->objects[cycle->nodes[(i + 1) % cycle->length]];
        PyObject *before = p->graph->objects[cycle->nodes[(i + cycle->length - 1) % cycle->length]];
        edge_kind kind = {.before = before, .from = from, .to = to};
        bool in_part = is_part;
        char *label = label_edge(from, to);
        if (label == NULL) {
            return -1;
        }
        is_part = yagot_add_edge(&kind.name, from, to, in_part);
        if (in_part && i > 0) {
            kind.from = p->graph->objects[cycle->nodes[i - 1]];
        }
        int points = is_part ? 0 : score(&kind);
        if (points > highest && is_acyclic_without(p, label)) {
            highest = points;
            edge_kind swap = *best;
            *best = kind;
            kind = swap;
        }
        yagot_text_fini(&kind.name.shown);
        yagot_text_fini(&kind.name.general);
        PyMem_RawFree(label);
    }
    return 0;
}

/* A class is in cycles by nature. */
static bool
is_class_machinery(const yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->count; i++) {
        if (!PyType_Check(cycle->steps[i].head)) {
            return false;
        }
    }
    return true;
}

static uint32_t
count_edges(const plan *p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->size; i++) {
        count += p->graph->start[member(p, i) + 1] - p->graph->start[member(p, i)];
    }
    return count;
}

int
yagot_advise(yagot_graph *g, uint32_t component, const yagot_cycle *cycle, yagot_text *text)
{
    plan p = {.graph = g, .component = component, .first = g->member_start[component],
              .size = g->own_size[component]};
    uint32_t edges = 0;
    if (cycle->length == 0 || is_class_machinery(cycle) || p.size > MOST_NODES
        || (edges = count_edges(&p)) > MOST_EDGES) {
        return 0;
    }
    int result = -1;
    edge_kind best = {0};
    p.labels = PyMem_RawCalloc(edges + 1u, sizeof *p.labels);
    p.local = PyMem_RawCalloc(p.size, sizeof *p.local);
    p.degree = PyMem_RawCalloc(p.size, sizeof *p.degree);
    p.stack = PyMem_RawCalloc(p.size, sizeof *p.stack);
    if (p.labels && p.local && p.degree && p.stack && label_edges(&p) == 0
        && choose(&p, cycle, &best) == 0) {
        if (best.from != NULL) {
            word(&best, text);
        }
        result = 0;
    }
    for (uint32_t i = 0; p.labels != NULL && i < edges; i++) {
        PyMem_RawFree(p.labels[i]);
    }
    yagot_text_fini(&best.name.shown);
    yagot_text_fini(&best.name.general);
    PyMem_RawFree(p.labels);
    PyMem_RawFree(p.local);
    PyMem_RawFree(p.degree);
    PyMem_RawFree(p.stack);
    return result;
}
