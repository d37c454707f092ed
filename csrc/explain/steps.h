/* steps.h - a cycle in words: steps from object to object, and its cause.
 *
 * In:  a cycle whose nodes are known.
 * Out: the cycle's steps and causes, which it owns. -1 without an exception when memory is short.
 */
#ifndef YAGOT_STEPS_H
#define YAGOT_STEPS_H

#include "explain/cycle.h"

/* Fills the steps and the concrete cause of a cycle whose nodes are known. */
int yagot_write_steps(yagot_graph *graph, yagot_cycle *cycle);
/* Makes the cause in general of the steps' abstract forms. -1 when memory is short. */
int yagot_join_abstract(yagot_cycle *cycle);

#endif
