/* graph.c - see graph.h. Every walk keeps its own stack: user data is never recursed into. */
#include "explain/graph.h"

#include "base/array.h"
#include "base/describe.h"

#include <stdlib.h>
#include <string.h>

void
yagot_graph_fini(yagot_graph *graph)
{
    PyMem_RawFree(graph->objects);
    PyMem_RawFree(graph->index);
    PyMem_RawFree(graph->start);
    PyMem_RawFree(graph->target);
    PyMem_RawFree(graph->component);
    PyMem_RawFree(graph->cause);
    PyMem_RawFree(graph->members);
    PyMem_RawFree(graph->member_start);
    PyMem_RawFree(graph->own_size);
    memset(graph, 0, sizeof *graph);
}

static uint32_t *
new_array(size_t size)
{
    return PyMem_RawMalloc((size + 1) * sizeof(uint32_t));
}

/* -- edges ---------------------------------------------------------------------------------------- */

typedef struct {
    yagot_graph *graph;
    yagot_snapshot *snapshot;
    size_t room;
    bool failed;
} edge_list;

static int
visit_edge(PyObject *child, void *arg)
{
    edge_list *list = arg;
    yagot_graph *g = list->graph;
    uint32_t index = yagot_snapshot_find(list->snapshot, child);
    if (index == YAGOT_NONE || !(list->snapshot->flags[index] & YAGOT_GARBAGE)) {
        return 0;
    }
    uint32_t *grown = g->edges < UINT32_MAX ? yagot_array_grow(g->target, g->edges, &list->room, sizeof *grown) : NULL;
    if (grown == NULL) {
        list->failed = true;
        return 1;           /* a non-zero result ends the traversal */
    }
    g->target = grown;
    g->target[g->edges++] = (uint32_t)list->snapshot->refs[index];
    return 0;
}

static int
add_nodes(yagot_graph *g, yagot_snapshot *s)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        nodes += (s->flags[i] & YAGOT_GARBAGE) != 0;
    }
    g->objects = PyMem_RawMalloc((nodes + 1u) * sizeof *g->objects);
    g->index = new_array(nodes);
    if (g->objects == NULL || g->index == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->flags[i] & YAGOT_GARBAGE) {
            s->refs[i] = g->nodes;
            g->index[g->nodes] = i;
            g->objects[g->nodes++] = s->objects[i];
        }
    }
    return 0;
}

static int
compare_nodes(const void *one, const void *other)
{
    const uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* The members of a set come in the order of their hashes, which are often addresses: sorted by age they are the same on
 * every run. */
static void
sort_edges(yagot_graph *g, uint32_t node)
{
    uint32_t count = g->edges - g->start[node];
    if (count > 1 && PyAnySet_Check(g->objects[node])) {
        qsort(&g->target[g->start[node]], count, sizeof *g->target, compare_nodes);
    }
}

static int
add_edges(yagot_graph *g, yagot_snapshot *s)
{
    edge_list list = {.graph = g, .snapshot = s, .room = g->nodes * 2 + 16};
    g->start = new_array(g->nodes + 1u);
    g->target = new_array(list.room);
    if (g->start == NULL || g->target == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < g->nodes && !list.failed; i++) {
        g->start[i] = g->edges;
        yagot_traverse(g->objects[i], visit_edge, &list);
        sort_edges(g, i);
    }
    g->start[g->nodes] = g->edges;
    return list.failed ? -1 : 0;
}

/* -- strongly connected components ---------------------------------------------------------------- */

/* Tarjan, R. (1972), Depth-first search and linear graph algorithms, SIAM J. Comput. 1(2), with an
 * explicit call stack. */
typedef struct {
    yagot_graph *graph;
    uint32_t *number;       /* discovery number, from 1; 0: not discovered */
    uint32_t *low;          /* the lowest number known to be reachable within the component */
    uint32_t *next;         /* the node's next edge to follow */
    uint32_t *path, depth;  /* the calls under way */
    uint32_t *open, opened; /* nodes whose component is not known yet, in the order of discovery */
    uint32_t discovered;
} tarjan;

static void
discover(tarjan *t, uint32_t node)
{
    t->number[node] = t->low[node] = ++t->discovered;
    t->next[node] = t->graph->start[node];
    t->path[t->depth++] = node;
    t->open[t->opened++] = node;
}

static void
lower(tarjan *t, uint32_t node, uint32_t number)
{
    if (number < t->low[node]) {
        t->low[node] = number;
    }
}

/* All edges of the node were followed: close its component if it is the first node of one. */
static void
leave(tarjan *t, uint32_t node)
{
    yagot_graph *g = t->graph;
    if (t->low[node] == t->number[node]) {
        uint32_t member;
        do {
            member = t->open[--t->opened];
            g->component[member] = g->components;
        } while (member != node);
        g->components++;
    }
    t->depth--;
    if (t->depth > 0) {
        lower(t, t->path[t->depth - 1], t->low[node]);
    }
}

static void
components_from(tarjan *t, uint32_t first)
{
    yagot_graph *g = t->graph;
    discover(t, first);
    while (t->depth > 0) {
        uint32_t node = t->path[t->depth - 1];
        if (t->next[node] == g->start[node + 1]) {
            leave(t, node);
            continue;
        }
        uint32_t child = g->target[t->next[node]++];
        if (t->number[child] == 0) {
            discover(t, child);
        }
        else if (g->component[child] == YAGOT_NONE) {
            lower(t, node, t->number[child]);
        }
    }
}

static int
find_components(yagot_graph *g)
{
    tarjan t = {.graph = g};
    int result = -1;
    g->component = new_array(g->nodes);
    t.number = PyMem_RawCalloc(g->nodes + 1u, sizeof *t.number);
    t.low = new_array(g->nodes);
    t.next = new_array(g->nodes);
    t.path = new_array(g->nodes);
    t.open = new_array(g->nodes);
    if (g->component && t.number && t.low && t.next && t.path && t.open) {
        memset(g->component, 0xFF, g->nodes * sizeof *g->component);
        for (uint32_t i = 0; i < g->nodes; i++) {
            if (t.number[i] == 0) {
                components_from(&t, i);
            }
        }
        result = 0;
    }
    PyMem_RawFree(t.number);
    PyMem_RawFree(t.low);
    PyMem_RawFree(t.next);
    PyMem_RawFree(t.path);
    PyMem_RawFree(t.open);
    return result;
}

/* -- causes --------------------------------------------------------------------------------------- */

/* Marks the cyclic components: more than one node, or an edge to itself. */
static void
mark_cyclic(yagot_graph *g, bool *cyclic, uint32_t *size)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t c = g->component[i];
        cyclic[c] |= ++size[c] > 1;
        for (uint32_t e = g->start[i]; e < g->start[i + 1] && !cyclic[c]; e++) {
            cyclic[c] = g->target[e] == i;
        }
    }
}

/* What a component is made of, as a number that neither addresses nor the order of objects changes. Containers do not
 * count: some are made when they are asked for. */
static uint64_t
weigh(PyObject *object)
{
    uint64_t hash = 14695981039346656037u;      /* FNV-1a */
    if (yagot_is_plain_container(object) || PyFrame_Check(object)) {
        return 0;
    }
    for (const char *name = Py_TYPE(object)->tp_name; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    }
    return hash;
}

/* Gives every node without a cause that is reachable from `first` through such nodes first's cause. What hangs off
 * several components goes with the one of least weight, whichever comes first. */
static void
spread_cause(yagot_graph *g, uint32_t first, const uint64_t *weight, uint32_t *stack)
{
    uint64_t own = weight[g->cause[first]];
    uint32_t depth = 0;
    stack[depth++] = first;
    while (depth > 0) {
        uint32_t node = stack[--depth];
        for (uint32_t e = g->start[node]; e < g->start[node + 1]; e++) {
            uint32_t child = g->target[e];
            uint32_t cause = g->cause[child];
            if (cause == YAGOT_NONE || (cause != g->component[child] && own < weight[cause])) {
                g->cause[child] = g->cause[first];
                stack[depth++] = child;
            }
        }
    }
}

/* Finds the weights: of what is on no cycle more than of all cycles. */
static void
weigh_components(const yagot_graph *g, const bool *cyclic, uint64_t *weight)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        weight[g->component[i]] += weigh(g->objects[i]);
    }
    for (uint32_t c = 0; c < g->components; c++) {
        weight[c] = (weight[c] >> 1) + (cyclic[c] ? 0 : UINT64_MAX / 2);
    }
}

/* What a node without a cause refers to. */
static void
mark_held(const yagot_graph *g, bool *held)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        for (uint32_t e = g->start[i]; e < g->start[i + 1] && g->cause[i] == YAGOT_NONE; e++) {
            held[g->target[e]] = true;
        }
    }
}

static void
assign_causes(yagot_graph *g, const bool *cyclic, const uint64_t *weight, bool *held, uint32_t *stack)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        g->cause[i] = cyclic[g->component[i]] ? g->component[i] : YAGOT_NONE;
    }
    for (uint32_t i = 0; i < g->nodes; i++) {
        if (cyclic[g->component[i]]) {
            spread_cause(g, i, weight, stack);
        }
    }
    mark_held(g, held);
    for (uint32_t i = 0; i < g->nodes; i++) {
        if (g->cause[i] == YAGOT_NONE && !held[i]) {    /* held by something that shows no reference */
            g->cause[i] = g->component[i];
            spread_cause(g, i, weight, stack);
        }
    }
}

/* Counting sort of the nodes by cause, in two passes: a component's own nodes come first. */
static void
sort_members(yagot_graph *g, uint32_t *place)
{
    memset(g->member_start, 0, (g->components + 1u) * sizeof *g->member_start);
    for (uint32_t i = 0; i < g->nodes; i++) {
        g->member_start[g->cause[i] + 1]++;
    }
    for (uint32_t c = 0; c < g->components; c++) {
        g->member_start[c + 1] += g->member_start[c];
        place[c] = g->member_start[c];
    }
    for (int own = 1; own >= 0; own--) {
        for (uint32_t i = 0; i < g->nodes; i++) {
            if ((g->cause[i] == g->component[i]) == (own == 1)) {
                g->members[place[g->cause[i]]++] = i;
            }
        }
    }
}

static int
find_causes(yagot_graph *g)
{
    int result = -1;
    g->cause = new_array(g->nodes);
    g->members = new_array(g->nodes);
    g->member_start = new_array(g->components + 1u);
    g->own_size = PyMem_RawCalloc(g->components + 1u, sizeof *g->own_size);
    bool *cyclic = PyMem_RawCalloc(g->components + 1u, sizeof *cyclic);
    uint64_t *weight = PyMem_RawCalloc(g->components + 1u, sizeof *weight);
    bool *held = PyMem_RawCalloc(g->nodes + 1u, sizeof *held);
    uint32_t *scratch = new_array(g->nodes);
    if (g->cause && g->members && g->member_start && g->own_size && cyclic && weight && held && scratch) {
        mark_cyclic(g, cyclic, g->own_size);
        weigh_components(g, cyclic, weight);
        assign_causes(g, cyclic, weight, held, scratch);
        sort_members(g, scratch);
        result = 0;
    }
    PyMem_RawFree(cyclic);
    PyMem_RawFree(weight);
    PyMem_RawFree(held);
    PyMem_RawFree(scratch);
    return result;
}

int
yagot_graph_init(yagot_graph *graph, yagot_snapshot *snapshot)
{
    memset(graph, 0, sizeof *graph);
    if (add_nodes(graph, snapshot) < 0 || add_edges(graph, snapshot) < 0
        || find_components(graph) < 0 || find_causes(graph) < 0) {
        yagot_graph_fini(graph);
        return -1;
    }
    return 0;
}
