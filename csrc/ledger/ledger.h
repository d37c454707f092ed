/* ledger.h - the story: what a ledger keeps, and the parts that run the stages one after the other.
 *
 *     ledger.c        the Python type
 *     window.c        one test's window: begin and end
 *     births.c        what was made in the window
 *     collections.c   a collection that is not ours, in the window or between two: looks before it hides anything
 *     survivors.c     what a collection should have released and did not
 *     boundary.c      between windows: what has outlived its test
 *     suspects.h      references that nobody holds
 *
 * A ledger is made of parts, each with one lifetime and one file that writes to it, named beside it. What a call was
 * asked for, and what it returns, is never kept in the ledger beyond the call.
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_LEDGER_H
#define YAGOT_LEDGER_H

#include "explain/explain.h"
#include "find/garbage.h"
#include "observe/asleep.h"
#include "observe/gc_control.h"
#include "observe/imports.h"
#include "observe/rest.h"
#include "observe/test_labels.h"
#include "observe/tracer.h"

/* Set when the ledger is made, and never again. (ledger.c) */
typedef struct {
    PyObject *describe;         /* owned: the user's wish for reprs, or NULL */
    PyObject *get_traceback, *is_tracing;   /* owned: _tracemalloc's functions, or NULL */
    bool native;                /* objects that the collector does not track, too */
} yagot_settings;

/* From the beginning of a window to its end. (births.c) */
typedef struct {
    PyObject *tuple;            /* owned; NULL when no window is open */
    yagot_dropped *items;       /* owned array; its objects are the tuple's */
    size_t count;
} yagot_dropped_objects;

/* Births that a collection has moved into the oldest generation. (births.c) */
typedef struct {
    yagot_idtable table;
    size_t count;
} yagot_promoted;

/* Numbers of objects. */
typedef struct {
    Py_ssize_t born, garbage, survivors;
    Py_ssize_t candidates;      /* survivors that something else holds: only they can be suspects */
} yagot_counts;

/* From the beginning of one window to that of the next. (window.c) */
typedef struct {
    bool open;
    uint32_t label;             /* of what is made in it; 0: none is kept */
    yagot_dropped_objects dropped;
    yagot_promoted promoted;
    yagot_predictions saved;    /* alive after a collection in the window: looked at again at its end (survivors.c) */
    yagot_counts counts;
    PyObject *marker;           /* owned: the first of what is young, and none of the births; or NULL */
    bool met;                   /* the marker was where births are taken from */
    bool collecting;            /* a collection has begun, and is not over: nobody knows where births are */
    const char *incomplete;     /* why the window was not seen whole; static, or NULL */
} yagot_window;

/* Between two full collections. (collections.c) */
typedef struct {
    Py_ssize_t grown;           /* objects that have grown old since its size was looked at */
    Py_ssize_t old;             /* its size after the last collection; 0: not known yet */
} yagot_growth_of_heap;

/* From one look to the next, until they are let go of. (suspects.c) */
typedef struct {
    PyObject *found;            /* owned: a list, by the last look; or NULL */
    PyObject *earlier;          /* owned: a list, by those before it; or NULL */
    PyObject *kept;             /* owned: a list of survivors to look at when garbage is gone, or NULL (put_off.c) */
    bool blind;                 /* the last look met memory that it could not see into */
} yagot_suspects;

/* From a window to a boundary. (put_off.c) */
typedef struct {
    yagot_idtable table;        /* to be looked at by boundaries -> the window's label */
    size_t count;
    uint32_t label;             /* of the last window of which something was put off */
} yagot_put_off;

/* What end() is asked for. */
typedef struct {
    bool look, references, alive, keep;
    PyObject *releaser;         /* borrowed: called with a function that releases what is garbage; or NULL */
} yagot_wishes;

/* What it returns beside the findings and the window's counts. */
typedef struct {
    PyObject *alive;            /* owned: a list of the births that are alive, if that was wished for; or NULL */
    PyObject *recurring;        /* owned: a dict, cause -> what became of earlier suspects; or NULL */
} yagot_results;

/* While end() is in progress. (window.c) */
typedef struct {
    const yagot_wishes *wishes;         /* the caller's, as are the results */
    yagot_results *results;
    size_t garbage;             /* objects that are to be released */
    bool gc_was_enabled, released;
    bool runs_code;             /* the caller's releaser, and maybe finalizers */
} yagot_closing;

enum { YAGOT_WINDOW_KEYS = 8 };         /* of the dicts that end() returns */

typedef struct {
    PyObject_HEAD
    yagot_state *state;         /* the module's; kept by `module` */
    PyObject *module;           /* owned */
    yagot_settings settings;
    yagot_gc gc;                /* observe/gc_control.h */
    yagot_imports imports;      /* observe/imports.h */
    yagot_labels labels;        /* observe/test_labels.h */
    yagot_tracer tracer;        /* observe/tracer.h */
    yagot_rest rest;            /* observe/rest.h */
    yagot_asleep asleep;        /* observe/asleep.h */
    yagot_window window;
    yagot_findings findings;    /* explain/findings.h: of the window, or of the references at a boundary */
    yagot_findings late;        /* of earlier tests' objects, until the next boundary reports them */
    yagot_predictions predictions;      /* of the collection under way (survivors.c) */
    yagot_growth_of_heap heap;
    yagot_suspects suspects;
    yagot_put_off put_off;
    Py_ssize_t looked_at;       /* objects of the whole heap, by all looks together (boundary.c, suspects.c) */
    yagot_closing *closing;     /* borrowed from end(), or NULL */
    PyObject *keys[YAGOT_WINDOW_KEYS];  /* owned, of the dicts that end() returns; NULL before the first (window.c) */
    bool looking;               /* yagot_begin_look() */
} yagot_ledger;

/* While we look no automatic collection runs, and the callback does not look at ours. Returns what yagot_end_look()
 * takes. */
static inline bool
yagot_begin_look(yagot_ledger *self)
{
    self->looking = true;
    return yagot_gc_pause();
}

static inline void
yagot_end_look(yagot_ledger *self, bool gc_was_enabled)
{
    self->looking = false;
    yagot_gc_resume(gc_was_enabled);
}

/* -- window.c -- */
int yagot_window_begin(yagot_ledger *self, PyObject *dropped, uint32_t test);
/* Closes a window in which nothing of the test's own was made yet; begin() opens it again. */
int yagot_window_pause(yagot_ledger *self);
/* Closes the window, whatever happens. The results are the caller's, also after an error. */
int yagot_window_end(yagot_ledger *self, const yagot_wishes *wishes, yagot_results *results);
/* What end() returns: a dict. Steals what is in the results. */
PyObject *yagot_window_export(yagot_ledger *self, const yagot_results *results);
/* Releases what end() has found, unless that is done; for the function that end() calls to have it done. */
int yagot_window_release(yagot_ledger *self);
/* Closes a window without a look and without labels, as at the end of the process. */
int yagot_window_drop(yagot_ledger *self);
/* From now on what is made is labelled; what is garbage now is nobody's. What is young now gets a label, unless that
 * is 0. */
int yagot_start_labelling(yagot_ledger *self, uint32_t young);
void yagot_window_fini(yagot_window *window);

/* -- births.c -- */
/* Keeps the dropped objects through the caller's tuple, so that their reference counts do not change. */
int yagot_keep_dropped(yagot_dropped_objects *dropped, PyObject *tuple);
void yagot_forget_dropped(yagot_dropped_objects *dropped);
/* The births that a collection of a generation will look at; 3: all births. `promoted`: a search for those that were
 * promoted, if one was made, or NULL. Fini the snapshot in any case. */
int yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation, yagot_gc_search *promoted);
/* When births have been taken at the beginning of a collection, or at the end: says so if the marker is gone. */
void yagot_note_freezing(yagot_ledger *self);
/* The same where births have not been taken yet. */
int yagot_look_for_freezing(yagot_ledger *self);
/* Something has grown old unseen: no label can be trusted any more. */
void yagot_forget_labels(yagot_ledger *self);
/* A new list of the births that are alive. */
PyObject *yagot_list_alive(const yagot_snapshot *births);
/* Births that the collection under way is about to move into the oldest generation. */
int yagot_remember_promoted(yagot_promoted *promoted, const yagot_snapshot *snapshot);
/* Labels the births that are alive after a window. */
int yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births);
/* Labels all births as not to be reported. */
int yagot_label_unjudged(yagot_ledger *self);

/* -- collections.c -- */
/* Before and after a collection that is not ours; `info` is the callback's. */
int yagot_before_collection(yagot_ledger *self, PyObject *info);
int yagot_after_collection(yagot_ledger *self, PyObject *info);
/* Moves the garbage of a snapshot into the youngest generation, so that collecting that one releases it, and whatever
 * survives is met in the next. Only where there are generations. */
void yagot_gather_garbage(yagot_snapshot *snapshot);
/* A full collection of our own; what earlier tests have left was looked at before. Notes how large the heap is then. */
int yagot_collect_fully(yagot_ledger *self);
/* Has the heap grown by a quarter since the last full collection? 1 if so, 0 if not. */
int yagot_heap_has_grown(yagot_ledger *self);
/* After a window: collects fully in that case, as CPython would. */
int yagot_limit_growth(yagot_ledger *self);

/* -- survivors.c -- */
/* Finds and explains the garbage of a snapshot; predicts what a collection will release. */
int yagot_look(yagot_ledger *self, yagot_findings *findings, const yagot_attribution *attribution,
               yagot_snapshot *snapshot, yagot_found *found);
/* The same for births of the open window. */
int yagot_look_at_births(yagot_ledger *self, yagot_snapshot *births, yagot_found *found);
void yagot_predictions_forget(yagot_predictions *predictions);
/* Forgets the predictions, after having looked in a generation for those that a finalizer has saved. With `wait`, what
 * is found is decided upon when the window ends. */
int yagot_check_predictions(yagot_ledger *self, int generation, bool wait);
/* The suite has the collector save all that it finds: the same, without a finalizer's doing. */
int yagot_expect_saved(yagot_ledger *self);
/* Before a collection, and at the window's end: forgets those that have died, and whose addresses others have now. */
int yagot_forget_reused(yagot_ledger *self);
int yagot_settle_saved(yagot_ledger *self, yagot_snapshot *births);
/* _tracemalloc's function (borrowed) if it traces, else NULL. */
PyObject *yagot_tracing(const yagot_ledger *self);
/* Asks for the reprs that the user wants. Runs Python code. */
void yagot_describe(yagot_ledger *self);

/* -- boundary.c -- */
/* Labels what is young, between windows. */
int yagot_label_young(yagot_ledger *self);
/* Looks at what earlier windows have left, with what is young, and keeps what is garbage for the next boundary. 1 if
 * there is any garbage, 0 if not. `further`: another search, to be made on the way, or NULL. */
int yagot_look_at_labelled(yagot_ledger *self, yagot_gc_search *further);
/* The same for what is young: a collection of that generation is about to run between windows. */
int yagot_look_at_young(yagot_ledger *self, int generation);
/* Looks at all objects, between windows: a list of findings with the windows of those that made them. With references,
 * what was put off is looked at again; with report, it is among the findings. */
PyObject *yagot_check_boundary(yagot_ledger *self, bool references, bool report);

/* Puts a list of objects into a snapshot; steals the list, which is NULL if an exception is set. */
static inline int
yagot_take_list(yagot_snapshot *snapshot, PyObject *list)
{
    if (list != NULL && yagot_snapshot_add_list(snapshot, list) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return list != NULL ? 0 : -1;
}

#endif
