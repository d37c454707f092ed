/* cycle.h - the shortest cycle of a component, as steps.
 *
 * In:  a graph and one of its components; both stay the caller's.
 * Out: a cycle, which owns its texts and borrows the objects on it from the snapshot.
 * Functions return -1 without an exception when memory is short.
 */
#ifndef YAGOT_CYCLE_H
#define YAGOT_CYCLE_H

#include "explain/graph.h"
#include "base/text.h"
#include "explain/edges.h"

/* One line of an explanation: an object and how it refers to the next step's object. */
typedef struct {
    PyObject *head;         /* borrowed from the snapshot */
    char *object, *path;    /* owned; "tree.Node", ".children[0]" */
    char *general;          /* owned; both, without indices: "tree.Node.children[]" */
    yagot_edge edges[YAGOT_MOST_EDGES];     /* the first references of the path */
    uint32_t edge_count;
    char *abstract;         /* owned; in general: "base.Node.children[]", without keys and subclasses; with the maker */
    char *maker;            /* owned; the module whose code made the reference, empty if unknown; see makers.h */
} yagot_step;

/* A cause: its steps as one text, and a line each (no name has a line break). */
typedef struct {
    char *text, *parts;
} yagot_cause;

typedef struct {
    uint32_t *nodes, length;    /* owned; the nodes of the cycle in order, instances' dicts included */
    yagot_step *steps;          /* owned */
    uint32_t count;
    bool projects;              /* a step is of the project's making */
    bool passing;               /* a maker may be another one when modules have other functions */
    bool cut;                   /* too long to show: the middle is left out */
    char *concrete;             /* owned; the cause with the classes and keys of this cycle, the same on every run */
    yagot_cause cause;          /* owned */
} yagot_cycle;

/* Working memory for all searches in one graph. */
typedef struct {
    yagot_graph *graph;
    PyObject *modules;          /* borrowed, or NULL; see makers.h */
    uint32_t *seen, *parent, *distance, *queue;     /* owned, [nodes] */
    uint32_t search;        /* the number of the search under way; marks `seen` */
    uint64_t budget;        /* edges that may still be followed in this component */
    bool passing;           /* one of the cycles that were considered in it is */
} yagot_search;

int yagot_search_init(yagot_search *search, yagot_graph *graph, PyObject *modules);
void yagot_search_fini(yagot_search *search);
/* Finds the shortest cycle of a component that has a reference of the project's making, if there is one; else the
 * shortest. Among equally short ones that with the smallest concrete cause. A component that is not cyclic gives
 * an empty cycle whose cause names the object. */
int yagot_cycle_find(yagot_search *search, uint32_t component, yagot_cycle *cycle);
/* Is a component so small, with all that its objects refer to, that the budget cannot run out in it? */
bool yagot_search_will_do(const yagot_graph *graph, uint32_t component);
void yagot_cycle_fini(yagot_cycle *cycle);

#endif
