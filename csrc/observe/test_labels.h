/* test_labels.h - observe: which test made an object that is still alive after it.
 *
 * A table from an address to a label. It never outlives an address: what takes an address anew is labelled anew
 * before it grows old (before any collection, inside windows and outside), so a label found is the object's own.
 *
 * In:  objects with the number of their window; no reference is taken.
 * Out: the label of an object that is alive.
 * Functions that return int give -1 with an exception set when memory is short.
 */
#ifndef YAGOT_TEST_LABELS_H
#define YAGOT_TEST_LABELS_H

#include "base/idtable.h"
#include "observe/gc_control.h"

/* A label is the number of a window and how the object came about; 0: nobody's. */
enum {
    YAGOT_BEFORE = 1,       /* made before the window, after the one before it */
    YAGOT_TEST = 2,         /* made in the window */
    YAGOT_IMPORT = 3,       /* made in the window while a module was imported */
    YAGOT_IMPORT_BEFORE = 4,    /* the same, before the window */
    YAGOT_ORIGIN_BITS = 3,
};

/* Already reported, or not to be reported: its test did not pass. */
#define YAGOT_REPORTED (UINT32_MAX - 1)     /* its origin is none of those */

static inline uint32_t
yagot_label_of_window(uint32_t window, uint32_t origin)
{
    return window << YAGOT_ORIGIN_BITS | origin;
}

static inline uint32_t
yagot_label_origin(uint32_t label)
{
    return label & ((1u << YAGOT_ORIGIN_BITS) - 1);
}

static inline bool
yagot_label_is_import(uint32_t label)
{
    return yagot_label_origin(label) >= YAGOT_IMPORT && label != YAGOT_REPORTED;
}

static inline uint32_t
yagot_label_window(uint32_t label)
{
    return label >> YAGOT_ORIGIN_BITS;
}

/* Lives as long as its ledger. */
typedef struct {
    yagot_idtable table;        /* address -> label */
    bool on;                    /* the run has begun: what is made is labelled */
    uint32_t test;              /* the number of the last window that had one */
} yagot_labels;

/* The label of what is made now, between windows: it belongs to the next one. */
static inline uint32_t
yagot_label_between(const yagot_labels *labels)
{
    return yagot_label_of_window(labels->test + 1, YAGOT_BEFORE);
}

/* The label of what an import makes now. */
static inline uint32_t
yagot_label_of_import(const yagot_labels *labels, bool in_window)
{
    return in_window ? yagot_label_of_window(labels->test, YAGOT_IMPORT)
                     : yagot_label_of_window(labels->test + 1, YAGOT_IMPORT_BEFORE);
}

/* The label of an address; 0 if it has none. */
static inline uint32_t
yagot_labels_get(yagot_labels *labels, const void *address)
{
    return yagot_idtable_number(&labels->table, address);
}

int yagot_labels_put(yagot_labels *labels, const void *address, uint32_t label);
/* Labels what is in the younger generations, but for what has a label of an import before or in the same window, which
 * may have been paused. */
int yagot_labels_put_young(yagot_labels *labels, yagot_gc *gc, uint32_t label);
/* Takes from what is in the younger generations all labels but those of imports in the window that is open: births must
 * not pass for what an earlier test has left, whose label their address may have kept. */
int yagot_labels_unlabel_births(yagot_labels *labels, yagot_gc *gc);
/* Takes from what is in the younger generations all labels but those of what was made in this window. */
int yagot_labels_unlabel_young(yagot_labels *labels, yagot_gc *gc, uint32_t window);
/* Nothing has a label any more, but for one. */
void yagot_labels_forget(yagot_labels *labels, uint32_t except);

#endif
