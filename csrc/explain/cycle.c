/* cycle.c - see cycle.h. Breadth-first search from some nodes of the component; the text of each of the
 * shortest cycles met decides between them, so that neither addresses nor hash seeds matter. */
#include "explain/cycle.h"

#include "base/describe.h"
#include "explain/makers.h"
#include "explain/steps.h"

#include <string.h>

enum { MOST_STARTS = 48, STARTS_PER_TYPE = 4, SMALL = 48, MOST_WAYS = 8, LEAST_BUDGET = 100000 };

int
yagot_search_init(yagot_search *search, yagot_graph *graph, PyObject *modules)
{
    size_t size = graph->nodes + 1u;
    *search = (yagot_search){.graph = graph, .modules = modules};
    search->seen = PyMem_RawCalloc(size, sizeof(uint32_t));
    search->parent = PyMem_RawMalloc(size * sizeof(uint32_t));
    search->distance = PyMem_RawMalloc(size * sizeof(uint32_t));
    search->queue = PyMem_RawMalloc(size * sizeof(uint32_t));
    if (!search->seen || !search->parent || !search->distance || !search->queue) {
        yagot_search_fini(search);
        return -1;
    }
    return 0;
}

void
yagot_search_fini(yagot_search *search)
{
    PyMem_RawFree(search->seen);
    PyMem_RawFree(search->parent);
    PyMem_RawFree(search->distance);
    PyMem_RawFree(search->queue);
    memset(search, 0, sizeof *search);
}

void
yagot_cycle_fini(yagot_cycle *cycle)
{
    for (uint32_t i = 0; i < cycle->count; i++) {
        PyMem_RawFree(cycle->steps[i].object);
        PyMem_RawFree(cycle->steps[i].path);
        PyMem_RawFree(cycle->steps[i].general);
        PyMem_RawFree(cycle->steps[i].maker);
        PyMem_RawFree(cycle->steps[i].abstract);
    }
    PyMem_RawFree(cycle->steps);
    PyMem_RawFree(cycle->nodes);
    PyMem_RawFree(cycle->concrete);
    PyMem_RawFree(cycle->cause.text);
    PyMem_RawFree(cycle->cause.parts);
    memset(cycle, 0, sizeof *cycle);
}

/* -- one search ----------------------------------------------------------------------------------- */

typedef struct {
    yagot_search *search;
    uint32_t start, component, tail;
    uint32_t skip;          /* so many ways back to the start are known */
} frontier;

/* Follows a node's edges; true when one leads back to the start in a new way. An object and
 * its part (see describe.h) count as one, so this calls itself once at most. */
static bool
expand(frontier *f, uint32_t node, uint32_t distance)
{
    yagot_search *s = f->search;
    yagot_graph *g = s->graph;
    for (uint32_t e = g->start[node]; e < g->start[node + 1] && s->budget > 0; e++, s->budget--) {
        uint32_t child = g->target[e];
        if (child == f->start) {
            if (f->skip == 0) {
                s->parent[child] = node;
                return true;
            }
            f->skip--;
            continue;
        }
        if (g->component[child] != f->component || s->seen[child] == s->search) {
            continue;
        }
        s->seen[child] = s->search;
        s->parent[child] = node;
        if (yagot_is_part(g->objects[node], g->objects[child])) {
            if (expand(f, child, distance)) {
                return true;
            }
            continue;
        }
        s->distance[child] = distance + 1;
        s->queue[f->tail++] = child;
    }
    return false;
}

/* The length of the shortest cycle through `start`, but for some; 0 if none up to `limit` was found. */
static uint32_t
search_from(yagot_search *s, uint32_t start, uint32_t component, uint32_t limit, uint32_t skip)
{
    frontier f = {.search = s, .start = start, .component = component, .skip = skip};
    s->search++;
    s->distance[start] = 0;
    s->queue[f.tail++] = start;
    for (uint32_t head = 0; head < f.tail && s->budget > 0; head++) {
        uint32_t node = s->queue[head];
        if (s->distance[node] >= limit) {
            break;
        }
        if (expand(&f, node, s->distance[node])) {
            return s->distance[node] + 1;
        }
    }
    return 0;
}

/* Reads the cycle that the last search found. */
static int
read_nodes(yagot_search *s, uint32_t start, yagot_cycle *cycle)
{
    uint32_t length = 1;
    for (uint32_t node = s->parent[start]; node != start; node = s->parent[node]) {
        length++;
    }
    cycle->nodes = PyMem_RawMalloc(length * sizeof *cycle->nodes);
    if (cycle->nodes == NULL) {
        return -1;
    }
    cycle->length = length;
    cycle->nodes[0] = start;
    uint32_t node = s->parent[start];
    for (uint32_t i = length; i-- > 1; node = s->parent[node]) {
        cycle->nodes[i] = node;
    }
    return 0;
}

/* -- the choice ----------------------------------------------------------------------------------- */

/* Is it the same cycle, met from another of its nodes? */
static bool
is_rotated(const yagot_cycle *cycle, const yagot_cycle *other)
{
    uint32_t shift = 0, length = cycle->length;
    if (other->nodes == NULL || other->length != length) {
        return false;
    }
    while (shift < length && other->nodes[shift] != cycle->nodes[0]) {
        shift++;
    }
    for (uint32_t i = 0; i < length && shift < length; i++) {
        if (other->nodes[(shift + i) % length] != cycle->nodes[i]) {
            return false;
        }
    }
    return shift < length;
}

/* Keeps the new cycle if it is shorter, or as short with a smaller cause; of the `projects` only if it is of the
 * project's making. Returns whether it was fit to be kept, -1 on errors. */
static int
consider(yagot_search *s, uint32_t start, bool shorter, bool projects, yagot_cycle *best)
{
    yagot_cycle cycle = {0};
    if (read_nodes(s, start, &cycle) == 0 && is_rotated(&cycle, best)) {
        yagot_cycle_fini(&cycle);
        return 1;
    }
    if (cycle.nodes == NULL || yagot_write_steps(s->graph, &cycle) < 0
        || (projects && yagot_find_makers(s->modules, &cycle) < 0)) {
        yagot_cycle_fini(&cycle);
        return -1;
    }
    s->passing |= cycle.passing;
    if (projects && !cycle.projects) {
        yagot_cycle_fini(&cycle);
        return 0;
    }
    if (shorter || best->concrete == NULL || strcmp(cycle.concrete, best->concrete) < 0) {
        yagot_cycle swap = *best;
        *best = cycle;
        cycle = swap;
    }
    yagot_cycle_fini(&cycle);
    return 1;
}

/* In a large component, a few nodes of each type stand for all. */
typedef struct {
    PyTypeObject *types[MOST_STARTS];
    uint32_t counts[MOST_STARTS], used;
} type_sample;

static bool
is_start(type_sample *sample, PyObject *object)
{
    uint32_t i = 0;
    while (i < sample->used && sample->types[i] != Py_TYPE(object)) {
        i++;
    }
    if (i == MOST_STARTS) {
        return false;
    }
    if (i == sample->used) {
        sample->types[sample->used] = Py_TYPE(object);
        sample->counts[sample->used++] = 0;
    }
    return ++sample->counts[i] <= STARTS_PER_TYPE;
}

/* -- classes -------------------------------------------------------------------------------------- */

static bool
is_instance(PyObject *object)
{
    return Py_TYPE(object)->tp_flags & Py_TPFLAGS_HEAPTYPE && !PyType_Check(object);
}

/* Every class is in the cycle with its MRO. In a component of classes and what belongs to them, functions and
 * descriptors, no cycle is shorter: no need to search. Returns 1 if it has found one so, 0 if not. */
static int
take_class(yagot_search *s, const uint32_t *members, uint32_t size, yagot_cycle *cycle)
{
    yagot_graph *g = s->graph;
    uint32_t classes = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (is_instance(g->objects[members[i]])) {
            return 0;
        }
        classes += PyType_Check(g->objects[members[i]]) != 0;
    }
    for (uint32_t i = 0; i < size && classes > 0; i++) {
        PyObject *object = g->objects[members[i]];
        if (!PyType_Check(object)) {
            continue;
        }
        for (uint32_t e = g->start[members[i]]; e < g->start[members[i] + 1]; e++) {
            if (g->objects[g->target[e]] == ((PyTypeObject *)object)->tp_mro) {
                s->parent[members[i]] = g->target[e];
                s->parent[g->target[e]] = members[i];
                if (consider(s, members[i], false, false, cycle) < 0) {
                    return -1;
                }
                break;
            }
        }
    }
    return cycle->concrete != NULL;
}

static int
name_single(yagot_graph *graph, uint32_t node, yagot_cycle *cycle)
{
    yagot_text text = {0};
    yagot_text_add(&text, "no cycle: ");
    yagot_add_object(&text, graph->objects[node]);
    cycle->concrete = yagot_text_take(&text);
    return cycle->concrete != NULL ? 0 : -1;
}

static bool
has_class(const yagot_graph *g, const uint32_t *members, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (PyType_Check(g->objects[members[i]])) {
            return true;
        }
    }
    return false;
}

/* The starts of a search: all members of a small component; of a large one, a few of each type; of the `projects` those
 * that could have a reference of its making. */
typedef struct {
    yagot_search *search;
    type_sample sample;
    bool large, projects;
    PyTypeObject *last;         /* all objects of one type have the same answer, except code */
    bool last_fits;
} starts;

static bool
fits_project(starts *t, PyObject *object)
{
    bool is_code = yagot_has_code(object);
    if (is_code || Py_TYPE(object) != t->last) {
        t->last = is_code ? NULL : Py_TYPE(object);
        t->last_fits = yagot_may_be_projects(t->search->modules, object);
    }
    return t->last_fits;
}

/* Looks for a shorter cycle through `start`, or one as short that is better: of the `projects` in all ways that are as
 * short as the first. */
static int
search_ways(yagot_search *s, uint32_t start, uint32_t component, uint32_t *shortest, bool projects, yagot_cycle *cycle)
{
    uint32_t limit = *shortest;
    for (uint32_t way = 0; way < (projects ? MOST_WAYS : 1); way++) {
        uint32_t length = search_from(s, start, component, limit, way);
        int kept = length > 0 ? consider(s, start, length < *shortest, projects, cycle) : 1;
        if (kept != 0) {
            *shortest = kept > 0 && length > 0 ? length : *shortest;
            return kept < 0 ? -1 : 0;
        }
        limit = length;
    }
    return 0;
}

static int
search_all(yagot_search *s, uint32_t component, bool projects, yagot_cycle *cycle)
{
    yagot_graph *g = s->graph;
    const uint32_t *members = &g->members[g->member_start[component]];
    uint32_t size = g->own_size[component], shortest = YAGOT_NONE;
    starts t = {.search = s, .large = size > SMALL, .projects = projects};
    for (uint32_t i = 0; i < size; i++) {
        PyObject *object = g->objects[members[i]];
        if ((projects && !fits_project(&t, object)) || (t.large && !is_start(&t.sample, object))) {
            continue;
        }
        if (search_ways(s, members[i], component, &shortest, projects, cycle) < 0) {
            return -1;
        }
    }
    return 0;
}

bool
yagot_search_will_do(const yagot_graph *graph, uint32_t component)
{
    const uint32_t *members = &graph->members[graph->member_start[component]];
    uint64_t size = graph->own_size[component], edges = 0;
    for (uint32_t i = 0; i < size; i++) {
        edges += graph->start[members[i] + 1] - graph->start[members[i]];
    }
    return size * edges * (MOST_WAYS + 1) < LEAST_BUDGET;       /* of the project's making, and others */
}

int
yagot_cycle_find(yagot_search *s, uint32_t component, yagot_cycle *cycle)
{
    yagot_graph *g = s->graph;
    const uint32_t *members = &g->members[g->member_start[component]];
    uint32_t size = g->own_size[component];
    *cycle = (yagot_cycle){0};
    s->budget = 4ull * g->edges + LEAST_BUDGET;
    s->passing = false;
    int result = take_class(s, members, size, cycle);
    if (result == 0 && s->modules != NULL && !has_class(g, members, size)) {
        result = search_all(s, component, true, cycle);
    }
    if (result == 0 && cycle->concrete == NULL) {
        s->budget += 4ull * g->edges;       /* enough to find one, whatever the first search has left */
        result = search_all(s, component, false, cycle);
    }
    if (result == 0 && cycle->concrete == NULL) {
        result = name_single(g, members[0], cycle);
    }
    if (result < 0) {
        yagot_cycle_fini(cycle);
    }
    return result < 0 ? -1 : 0;
}
