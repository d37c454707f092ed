/* births.h - the births of a window: taking them, looking at them, having them collected.
 *
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_BIRTHS_H
#define YAGOT_BIRTHS_H

#include "explain.h"
#include "garbage.h"

typedef struct {
    PyObject_HEAD
    yagot_state *state;             /* the module's; kept by `module` */
    PyObject *module, *callback;    /* owned */
    PyObject *get_traceback, *is_tracing;   /* owned: _tracemalloc's functions */
    PyObject *describe;             /* owned: the user's wish for reprs, or NULL */
    PyObject *user_threshold;       /* owned: a tuple, as the window found it */
    PyObject *owner_tuple;          /* owned; NULL when no window is open */
    yagot_owner *owners;            /* owned array; its objects are the tuple's */
    size_t owner_count;
    yagot_findings findings;
    yagot_predictions predictions;  /* of the collection under way */
    yagot_idtable promoted;         /* births that a collection moved into the oldest generation */
    size_t promoted_count;
    bool open, looking;             /* a window is open; we are looking at it */
    bool own;                       /* the collection under way is ours … */
    bool own_started;               /* … and really began */
    const char *incomplete;         /* why the window was not seen whole; static, or NULL */
    Py_ssize_t uncollectable_by_own;
    Py_ssize_t born, garbage, survivors;
    Py_ssize_t aged, aged_limit;    /* births in generation 1, at most; when to bring them back */
    Py_ssize_t collections, frozen; /* before the window */
    Py_ssize_t grown, old;          /* objects that have grown old since the last full collection; before it */
    Py_ssize_t seen;                /* collections that the callback saw */
} yagot_ledger;


/* Calls a function of the gc module without arguments for a number. */
Py_ssize_t yagot_call_number(PyObject *function);
/* How many collections of any generation there were. */
Py_ssize_t yagot_count_collections(yagot_ledger *self);
/* Objects of one generation; all that are not frozen where there are none. New reference. */
PyObject *yagot_get_objects(yagot_ledger *self, int generation);
/* Collects for ourselves: whatever debug flags the test has set are off meanwhile, and gc.garbage does not
 * grow by what we report. */
int yagot_collect(yagot_ledger *self, int generation);
/* After a window: the automatic collector never got to the oldest generation. Collects it when it has grown by a
 * quarter, as CPython would. */
int yagot_limit_growth(yagot_ledger *self);
/* Moves a tracked object into the youngest generation. */
void yagot_rejuvenate(PyObject *object);
/* The births that a collection of a generation will look at; 3: all births. Fini the snapshot in any case. */
int yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation);
/* Births that the collection under way is about to move into the oldest generation. */
int yagot_remember_promoted(yagot_ledger *self, const yagot_snapshot *snapshot);
void yagot_forget_promoted(yagot_ledger *self);
/* Finds and explains the garbage of a snapshot; predicts what a collection will release. */
int yagot_look(yagot_ledger *self, yagot_snapshot *snapshot, yagot_found *found);
/* Forgets the predictions, after having looked in a generation for those that a finalizer may have saved. */
int yagot_check_predictions(yagot_ledger *self, int generation);
/* Asks for the reprs that the user wants. Runs Python code. */
void yagot_describe(yagot_ledger *self);
void yagot_forget_predictions(yagot_ledger *self);

enum { YAGOT_FIRST_LIMIT = 10000 };     /* births that may grow old before they are first brought back */

/* watch.c: looks before a collection that is not ours hides anything, and for survivors after it. */
int yagot_before_collection(yagot_ledger *self, int generation);
int yagot_after_collection(yagot_ledger *self, PyObject *info);
/* A number of the dict that the collector gives its callbacks; 0 if it is not there. */
Py_ssize_t yagot_read_number(PyObject *info, const char *key);

#endif
