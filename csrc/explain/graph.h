/* graph.h - the garbage as a graph: its edges, its components, and what hangs off each.
 *
 * In:  a snapshot after yagot_find_garbage(), which has to outlive the graph.
 * Out: arrays that the graph owns; objects are borrowed from the snapshot.
 * Functions return -1 without an exception when memory is short.
 */
#ifndef YAGOT_GRAPH_H
#define YAGOT_GRAPH_H

#include "base/snapshot.h"

/* All arrays are owned. A node is a garbage object, an edge a reference to another one. */
typedef struct {
    uint32_t nodes, edges, components;
    PyObject **objects;         /* [nodes] borrowed from the snapshot */
    uint32_t *index;            /* [nodes] the object's index in the snapshot */
    uint32_t *start;            /* [nodes + 1] node's edges are target[start[i]] … target[start[i + 1]] */
    uint32_t *target;           /* [edges] */
    uint32_t *component;        /* [nodes] strongly connected component; referents have lower numbers */
    uint32_t *cause;            /* [nodes] the cyclic component the node belongs to or hangs off */
    uint32_t *members;          /* [nodes] sorted by cause, a component's own nodes first */
    uint32_t *member_start;     /* [components + 1] into members, by cause */
    uint32_t *own_size;         /* [components] nodes of the component itself */
} yagot_graph;

/* Builds the graph of the snapshot's garbage. Afterwards the snapshot's refs hold node numbers. */
int yagot_graph_init(yagot_graph *graph, yagot_snapshot *snapshot);
void yagot_graph_fini(yagot_graph *graph);

#endif
