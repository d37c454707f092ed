/* advice.h - where to break a component's cycles. */
#ifndef YAGOT_ADVICE_H
#define YAGOT_ADVICE_H

#include "explain/cycle.h"

/* Appends a suggestion, or nothing if none is sound: without the references it names, the component has
 * no cycle left. */
int yagot_advise(yagot_graph *graph, uint32_t component, const yagot_cycle *cycle, yagot_text *text);

#endif
