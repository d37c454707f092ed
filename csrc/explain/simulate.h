/* simulate.h - what would be left of a component's cycles without some of its references.
 *
 * In:  a graph and a component; the graph has to outlive the plan.
 * Out: yes, no, or the nodes that are left. Nothing is released for it.
 * Only the preparation can fail; it returns -1 without an exception when memory is short.
 */
#ifndef YAGOT_SIMULATE_H
#define YAGOT_SIMULATE_H

#include "explain/graph.h"

/* A kind of reference is where it comes from and its general name: `.parent` of all Nodes, whatever their subclass,
 * or the items of `.children`. */
typedef struct {
    yagot_graph *graph;
    uint32_t component, first, size;    /* members[first …] are the component's own */
    char **labels;              /* owned; [edges] the kind of each edge of the nodes, NULL if it leads elsewhere */
    uint32_t edges;
    uint32_t *local;            /* owned; [size] the index of a member's first label */
    uint32_t *entries, *entry;  /* owned; [size] references from within, and a member that one of them comes from */
    uint32_t *degree, *stack;   /* owned; [size] for the search */
} yagot_plan;

/* Prepares the simulation: 1 if done, 0 if the component is too large for it, -1 when memory is short. */
int yagot_plan_init(yagot_plan *plan, yagot_graph *graph, uint32_t component);
void yagot_plan_fini(yagot_plan *plan);
/* The kind of the first reference between two nodes of the component that is not of the kind `without`, if that is not
 * NULL, and how many references between them come before it. Borrowed, NULL if there is none. */
const char *yagot_plan_kind(const yagot_plan *plan, uint32_t from, uint32_t to, const char *without, uint32_t *earlier);
/* Is the component without cycles once all references of a kind are gone, and of another one if it is not NULL? Then
 * all of it goes, and its tail. */
bool yagot_plan_breaks(yagot_plan *plan, const char *kind, const char *other);
/* Writes the nodes of the shortest cycle that is left without a kind. Returns its length; 0 if the component is too
 * large, or there is none of at most `most` nodes. */
uint32_t yagot_plan_rest(yagot_plan *plan, const char *kind, uint32_t *nodes, uint32_t most);
/* Is a node on a cycle that is left without a kind, a frame by more than its call? Also said if nobody knows. */
bool yagot_plan_is_on_rest(yagot_plan *plan, const char *kind, uint32_t node);
/* Is it without cycles once a node and all others of its class have no references? */
bool yagot_plan_falls_apart(yagot_plan *plan, uint32_t node);

#endif
