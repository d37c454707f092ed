/* parts.h - which garbage is not counted as objects of its own, as it may or may not be there.
 *
 * In:  the graph and its snapshot, before anything is described.
 * Out: a mark for each node. Nothing is made, and no Python code runs.
 */
#ifndef YAGOT_PARTS_H
#define YAGOT_PARTS_H

#include "explain/graph.h"

/* A new array (PyMem_RawFree() it): is the node a part of another, or NULL when memory is short. */
bool *yagot_parts_mark(const yagot_graph *graph, yagot_snapshot *snapshot);

#endif
