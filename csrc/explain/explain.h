/* explain.h - from a snapshot's garbage to findings.
 *
 * In:  a snapshot after yagot_find_garbage(), which stays the caller's, and by whom its objects were made.
 * Out: findings, and which objects the next collection should release (the caller's: yagot_predictions_forget()).
 * Functions return -1 without an exception when memory is short.
 */
#ifndef YAGOT_EXPLAIN_H
#define YAGOT_EXPLAIN_H

#include "explain/findings.h"
#include "base/snapshot.h"

/* An object that the next collection should release. The addresses are only compared. */
typedef struct {
    const void *address, *type;
    uint32_t finding;
    const char *name;           /* of the type, interned by the findings; NULL: it is not counted */
    yagot_share share;          /* the first of a component has all of it, but for the other objects */
    bool stored;                /* it survived: something older than the collection holds it */
    bool by_collector;          /* it survived because the suite has the collector save all (DEBUG_SAVEALL) */
} yagot_prediction;

typedef struct {
    yagot_prediction *items;    /* owned */
    uint32_t count;
    size_t room;
    bool finalizers;            /* some have one: only then can any survive a collection of all of them */
    bool partial;               /* the collection may have been one of some of them: the others are garbage still */
} yagot_predictions;

/* By which labels findings are kept apart. */
typedef struct {
    yagot_labels *labels;       /* borrowed; NULL: by none */
    uint32_t import;            /* in a window: what its imports make, and that alone, is kept apart. Or 0 */
    bool between;               /* between windows: by the window that made it; what `import` labels is nobody's yet */
} yagot_attribution;

/* Between windows: is this the label of a window that is to be told of what it labels? */
static inline bool
yagot_is_to_be_told(const yagot_attribution *attribution, uint32_t label)
{
    return label != 0 && label != YAGOT_REPORTED && label != attribution->import;
}

/* Adds the garbage of a snapshot to the findings, and returns what should go with the next collection.
 * get_traceback: _tracemalloc's function when it traces, else NULL. */
int yagot_explain(yagot_snapshot *snapshot, yagot_findings *findings, const yagot_attribution *attribution,
                  PyObject *get_traceback, yagot_predictions *predictions);

/* Counts one more object that will not be released. */
int yagot_finding_count_object(yagot_findings *findings, yagot_finding *finding, PyObject *object);

#endif
