/* simulate.c - see simulate.h. */
#include "explain/simulate.h"

#include "base/describe.h"
#include "explain/edges.h"

#include <string.h>

/* What is gone in a simulation. */
typedef struct {
    const char *kind, *other;   /* other: one more kind, or NULL */
    size_t size;
} yagot_gone;

enum { MOST_NODES = 1000, MOST_EDGES = 5000, MOST_FOLDED = 4, MOST_NODES_OF_REST = 200, MOST_EDGES_OF_REST = 1000 };

static uint32_t
member(const yagot_plan *p, uint32_t i)
{
    return p->graph->members[p->first + i];
}

static uint32_t
position_of(const yagot_plan *p, uint32_t node)
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

static bool
is_inside(const yagot_plan *p, uint32_t edge)
{
    return p->graph->component[p->graph->target[edge]] == p->component;
}

/* -- kinds ---------------------------------------------------------------------------------------- */

/* Counts the references to each member, to know what has one holder only. Of a cell's holders it keeps a closure. */
static uint32_t
count_entries(yagot_plan *p)
{
    yagot_graph *g = p->graph;
    uint32_t edges = 0;
    for (uint32_t i = 0; i < p->size; i++) {
        uint32_t node = member(p, i);
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, edges++) {
            if (is_inside(p, e)) {
                uint32_t child = position_of(p, g->target[e]);
                bool is_named = p->entries[child]++ > 0 && PyCell_Check(g->objects[g->target[e]])
                                && !PyTuple_CheckExact(g->objects[node]);
                p->entry[child] = is_named ? p->entry[child] : i;
            }
        }
    }
    return edges;
}

/* Subclasses share the attributes that a class of Python's at the root of them sets. */
static void
add_holder(yagot_text *text, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (!yagot_is_python_class(type)) {
        yagot_add_object(text, object);
        return;
    }
    while (type->tp_base != NULL && yagot_is_python_class(type->tp_base)) {
        type = type->tp_base;
    }
    yagot_add_type_name(text, type);
}

/* The captured variables of a function are of different kinds, although their cells are items of one tuple. */
static void
add_variable(const yagot_plan *p, uint32_t i, PyObject *to, yagot_text *text)
{
    PyObject *from = p->graph->objects[member(p, i)];
    if (!PyTuple_CheckExact(from) || p->entries[i] != 1) {
        return;
    }
    PyObject *variable = yagot_closure_variable(p->graph->objects[member(p, p->entry[i])], from, to);
    const char *name = variable != NULL ? PyUnicode_AsUTF8(variable) : NULL;
    if (name != NULL) {
        yagot_text_add(text, " ");
        yagot_text_add(text, name);
    }
    PyErr_Clear();
    Py_XDECREF(variable);
}

/* Appends how a member is reached: containers with one holder by the path from it. Returns whether the member is a
 * part of that holder (see describe.h). */
static bool
add_source(const yagot_plan *p, uint32_t i, yagot_edge_name *name)
{
    yagot_graph *g = p->graph;
    uint32_t chain[MOST_FOLDED], folded = 0;
    bool is_part = false;
    while (folded < MOST_FOLDED && p->entries[i] == 1) {
        PyObject *object = g->objects[member(p, i)], *holder = g->objects[member(p, p->entry[i])];
        if (!yagot_is_plain_container(object) && !yagot_is_part(holder, object)) {
            break;
        }
        chain[folded++] = i;
        i = p->entry[i];
    }
    add_holder(&name->general, g->objects[member(p, i)]);
    while (folded > 0) {
        uint32_t next = chain[--folded];
        is_part = yagot_add_edge(name, g->objects[member(p, i)], g->objects[member(p, next)], is_part);
        add_variable(p, i, g->objects[member(p, next)], &name->general);
        i = next;
    }
    return is_part;
}

/* How many earlier references of an object lead to the same one? The items of a list, tuple or set are of one kind, and
 * do not count. */
static uint32_t
count_earlier(const yagot_graph *g, uint32_t node, uint32_t edge)
{
    PyObject *from = g->objects[node];
    bool alike = PyList_Check(from) || PyTuple_Check(from) || PyAnySet_Check(from);
    uint32_t count = 0;
    for (uint32_t e = g->start[node]; e < edge && !alike; e++) {
        count += g->target[e] == g->target[edge];
    }
    return count;
}

static int
label_edges(yagot_plan *p)
{
    yagot_graph *g = p->graph;
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->size; i++) {
        uint32_t node = member(p, i);
        p->local[i] = count;
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, count++) {
            if (!is_inside(p, e)) {
                continue;
            }
            yagot_edge_name name = {0};
            bool is_part = add_source(p, i, &name);
            name.skip = count_earlier(g, node, e);
            if (yagot_add_edge(&name, g->objects[node], g->objects[g->target[e]], is_part)) {
                yagot_text_add(&name.general, " part");
            }
            add_variable(p, i, g->objects[g->target[e]], &name.general);
            if (PyCell_Check(g->objects[node]) && p->entries[i] > 1) {
                add_variable(p, p->entry[i], g->objects[node], &name.general);
            }
            if (name.skip > 0) {
                yagot_text_add(&name.general, " again");        /* it has the name of another one */
            }
            yagot_text_fini(&name.shown);
            p->labels[count] = yagot_text_take(&name.general);
            if (p->labels[count] == NULL) {
                return -1;
            }
        }
    }
    return 0;
}

void
yagot_plan_fini(yagot_plan *plan)
{
    for (uint32_t i = 0; plan->labels != NULL && i < plan->edges; i++) {
        PyMem_RawFree(plan->labels[i]);
    }
    PyMem_RawFree(plan->labels);
    PyMem_RawFree(plan->local);
    PyMem_RawFree(plan->entries);
    PyMem_RawFree(plan->entry);
    PyMem_RawFree(plan->degree);
    PyMem_RawFree(plan->stack);
    memset(plan, 0, sizeof *plan);
}

int
yagot_plan_init(yagot_plan *plan, yagot_graph *graph, uint32_t component)
{
    uint32_t size = graph->own_size[component];
    *plan = (yagot_plan){.graph = graph, .component = component, .first = graph->member_start[component],
                         .size = size};
    if (size > MOST_NODES) {
        return 0;
    }
    uint32_t **arrays[] = {&plan->local, &plan->entries, &plan->entry, &plan->degree, &plan->stack};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = PyMem_RawCalloc(size + 1u, sizeof **arrays[i]);
        if (*arrays[i] == NULL) {
            yagot_plan_fini(plan);
            return -1;
        }
    }
    uint32_t edges = count_entries(plan);
    if (edges > MOST_EDGES) {
        yagot_plan_fini(plan);
        return 0;
    }
    plan->edges = edges;
    plan->labels = PyMem_RawCalloc(edges + 1u, sizeof *plan->labels);
    if (plan->labels == NULL || label_edges(plan) < 0) {
        yagot_plan_fini(plan);
        return -1;
    }
    return 1;
}

const char *
yagot_plan_kind(const yagot_plan *p, uint32_t from, uint32_t to, const char *without, uint32_t *earlier)
{
    yagot_graph *g = p->graph;
    uint32_t label = p->local[position_of(p, from)];
    for (uint32_t e = g->start[from]; e < g->start[from + 1]; e++, label++) {
        const char *kind = g->target[e] == to ? p->labels[label] : NULL;
        if (kind != NULL && (without == NULL || strcmp(kind, without) != 0)) {
            *earlier = count_earlier(g, from, e);
            return kind;
        }
    }
    return NULL;
}

/* What the labels of all references of an object's kind begin with (of a frame: its variables); owned. */
static char *
holder_of(const yagot_plan *p, uint32_t node)
{
    yagot_text text = {0};
    add_holder(&text, p->graph->objects[node]);
    yagot_text_add(&text, PyFrame_Check(p->graph->objects[node]) ? " local" : "");
    return yagot_text_take(&text);
}

/* -- the search ----------------------------------------------------------------------------------- */

/* Does a reference stay when those of a kind go, or with `size` those whose kind begins so? */
static bool
stays(const yagot_plan *p, uint32_t label, const yagot_gone *gone)
{
    const char *kind = p->labels[label];
    if (kind == NULL) {
        return false;           /* it leads out of the component */
    }
    if (gone->other != NULL && strcmp(kind, gone->other) == 0) {
        return false;
    }
    return gone->size == 0 ? strcmp(kind, gone->kind) != 0
                           : strncmp(kind, gone->kind, gone->size) != 0 || strchr(".[ ", kind[gone->size]) == NULL;
}

static void
count_degrees(yagot_plan *p, const yagot_gone *kind)
{
    yagot_graph *g = p->graph;
    memset(p->degree, 0, p->size * sizeof *p->degree);
    for (uint32_t i = 0; i < p->size; i++) {
        uint32_t node = member(p, i), label = p->local[i];
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, label++) {
            if (stays(p, label, kind)) {
                p->degree[position_of(p, g->target[e])]++;
            }
        }
    }
}

/* Kahn's topological sort takes all nodes if there is no cycle. */
static bool
is_acyclic(yagot_plan *p, const yagot_gone *kind)
{
    yagot_graph *g = p->graph;
    uint32_t depth = 0, sorted = 0;
    count_degrees(p, kind);
    for (uint32_t i = 0; i < p->size; i++) {
        if (p->degree[i] == 0) {
            p->stack[depth++] = i;
        }
    }
    while (depth > 0) {
        uint32_t i = p->stack[--depth], node = member(p, i), label = p->local[i];
        sorted++;
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++, label++) {
            if (stays(p, label, kind)) {
                uint32_t child = position_of(p, g->target[e]);
                if (--p->degree[child] == 0) {
                    p->stack[depth++] = child;
                }
            }
        }
    }
    return sorted == p->size;
}

bool
yagot_plan_breaks(yagot_plan *plan, const char *kind, const char *other)
{
    return is_acyclic(plan, &(yagot_gone){.kind = kind, .other = other});
}

bool
yagot_plan_falls_apart(yagot_plan *plan, uint32_t node)
{
    char *holder = holder_of(plan, node);
    bool apart = holder != NULL && is_acyclic(plan, &(yagot_gone){.kind = holder, .size = strlen(holder)});
    PyMem_RawFree(holder);
    return apart;
}

/* -- what is left --------------------------------------------------------------------------------- */

/* Breadth first from a member, by what stays, until it is reached again. Leaves in `entry` how each was reached, in
 * `degree` the distance. Returns the length of the cycle, 0 if there is none of at most `most`. */
static uint32_t
search_rest(yagot_plan *p, uint32_t start, const yagot_gone *gone, uint32_t most)
{
    yagot_graph *g = p->graph;
    uint32_t tail = 0;
    memset(p->degree, 0, p->size * sizeof *p->degree);
    p->stack[tail++] = start;
    for (uint32_t head = 0; head < tail; head++) {
        uint32_t i = p->stack[head], node = member(p, i), label = p->local[i];
        for (uint32_t e = g->start[node]; e < g->start[node + 1] && p->degree[i] < most; e++, label++) {
            uint32_t child = stays(p, label, gone) ? position_of(p, g->target[e]) : p->size;
            if (child == start) {
                p->entry[start] = i;
                return p->degree[i] + 1;
            }
            if (child < p->size && p->degree[child] == 0) {
                p->degree[child] = p->degree[i] + 1;
                p->entry[child] = i;
                p->stack[tail++] = child;
            }
        }
    }
    return 0;
}

static bool
is_searched(const yagot_plan *p)
{
    return p->size <= MOST_NODES_OF_REST && p->edges <= MOST_EDGES_OF_REST;
}

/* The kind of a frame's reference to its caller's; NULL if it has none. Borrowed. */
static const char *
call_of(const yagot_plan *p, uint32_t node)
{
    const yagot_graph *g = p->graph;
    uint32_t label = p->local[position_of(p, node)];
    PyObject *frame = g->objects[node];
    for (uint32_t e = g->start[node]; PyFrame_Check(frame) && e < g->start[node + 1]; e++, label++) {
        const char *kind = p->labels[label], *back = kind != NULL ? strrchr(kind, '.') : NULL;
        if (back != NULL && strcmp(back, ".f_back") == 0) {
            return kind;
        }
    }
    return NULL;
}

bool
yagot_plan_is_on_rest(yagot_plan *plan, const char *kind, uint32_t node)
{
    yagot_gone gone = {.kind = kind, .other = call_of(plan, node)};
    return !is_searched(plan) || search_rest(plan, position_of(plan, node), &gone, plan->size) > 0;
}

uint32_t
yagot_plan_rest(yagot_plan *p, const char *kind, uint32_t *nodes, uint32_t most)
{
    yagot_gone gone = {.kind = kind};
    uint32_t best = 0;
    if (!is_searched(p)) {
        return 0;
    }
    for (uint32_t start = 0; start < p->size; start++) {
        uint32_t length = search_rest(p, start, &gone, best > 0 ? best - 1 : most);
        for (uint32_t i = start, k = length; k > 0; k--) {
            i = p->entry[i];
            nodes[k - 1] = member(p, i);
        }
        best = length > 0 ? length : best;
    }
    return best;
}
