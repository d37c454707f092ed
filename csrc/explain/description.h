/* description.h - the steps of a finding, as texts.
 *
 * In:  a cycle or an object, which stay the caller's; what tells where an object was allocated, borrowed, or NULL.
 * Out: texts that the finding owns. -1 when memory is short; no exception is left behind.
 */
#ifndef YAGOT_DESCRIPTION_H
#define YAGOT_DESCRIPTION_H

#include "explain/findings.h"

/* The steps of a cycle, of a long one the beginning and the last step; the makers of all, and the names of the rest. */
int yagot_describe_steps(yagot_findings *findings, PyObject *get_traceback, const yagot_cycle *cycle,
                         yagot_finding *finding);
/* One object, which is on no cycle. */
int yagot_describe_object(yagot_findings *findings, yagot_finding *finding, PyObject *object, PyObject *get_traceback);

#endif
