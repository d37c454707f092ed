/* ledger.h - the story: what a ledger keeps, and the parts that run the stages one after the other.
 *
 *     ledger.c        the Python type
 *     window.c        one test's window: begin and end
 *     births.c        what was made in the window
 *     collections.c   a collection that is not ours, in the window or between two: looks before it hides anything
 *     survivors.c     what a collection should have released and did not
 *     boundary.c      between windows: what has outlived its test
 *     unheld.c, suspects.c, put_off.c     references that nobody holds (unheld.h)
 *
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_LEDGER_H
#define YAGOT_LEDGER_H

#include "explain/explain.h"
#include "find/garbage.h"
#include "observe/gc_control.h"
#include "observe/imports.h"
#include "observe/test_labels.h"
#include "observe/tracer.h"

/* From the beginning of one window to that of the next. */
typedef struct {
    PyObject *owner_tuple;          /* owned; NULL when no window is open */
    yagot_owner *owners;            /* owned array; its objects are the tuple's */
    size_t owner_count;
    yagot_idtable promoted;         /* births that a collection has moved into the oldest generation */
    size_t promoted_count;
    yagot_predictions saved;        /* alive after a collection inside the window: looked at again at its end */
    Py_ssize_t born, garbage, survivors;
    Py_ssize_t held;                /* births that something else holds */
    Py_ssize_t frozen;              /* objects, before the window */
    const char *incomplete;         /* why the window was not seen whole; static, or NULL */
    bool open;
} yagot_window;

typedef struct {
    PyObject_HEAD
    yagot_state *state;             /* the module's; kept by `module` */
    PyObject *module;               /* owned */
    PyObject *get_traceback, *is_tracing;   /* owned: _tracemalloc's functions */
    PyObject *describe;             /* owned: the user's wish for reprs, or NULL */
    yagot_gc gc;
    yagot_imports imports;
    yagot_window window;
    bool looking;                   /* at a window or a boundary: no callback looks meanwhile */
    yagot_findings findings;        /* of the window, or of the boundary */
    yagot_findings late;            /* of earlier tests' objects, until the next boundary reports them */
    yagot_predictions predictions;  /* of the collection under way */
    yagot_idtable labels;
    bool labelling;                 /* the run has begun: what is made is labelled */
    uint32_t test;                  /* the number of the last window that had one */
    uint32_t number;                /* the label of what is made in the window; 0: none is kept */
    Py_ssize_t seen;                /* collections that the callback has seen, since … */
    Py_ssize_t counted;             /* … there were so many */
    Py_ssize_t grown, old;          /* objects that have grown old since the last full collection; before it */
    PyObject *recurring;            /* owned: a dict, cause -> what became of earlier suspects; or NULL */
    PyObject *suspects, *earlier;   /* owned lists, of this look and all before it */
    yagot_idtable put_off;          /* to be looked at by boundaries -> the window's label */
    size_t put_off_count;
    PyObject *arguments;            /* borrowed: the keyword arguments of the call in progress */
    bool native;                    /* objects that the collector does not track, too */
    yagot_tracer tracer;
    PyObject *kept;                 /* owned: a list to look at later, or NULL */
    bool stacks;                    /* the last such look met objects with a stack of their own */
} yagot_ledger;

/* What end() was asked for. */
typedef struct {
    bool look, references, alive, keep;
} yagot_wishes;

/* -- window.c -- */
int yagot_window_begin(yagot_ledger *self, PyObject *owners, uint32_t test);
/* Closes the window, whatever happens; `alive` gets a new list of the births that are alive, if that was wished for. */
int yagot_window_end(yagot_ledger *self, const yagot_wishes *wishes, PyObject **alive);
/* Closes a window without a look and without labels, as at the end of the process. */
int yagot_window_drop(yagot_ledger *self);
/* From now on what is made is labelled; what is garbage now is nobody's. What is young now gets a label, unless that
 * is 0. */
int yagot_start_labelling(yagot_ledger *self, uint32_t young);
void yagot_window_fini(yagot_window *window);

/* -- births.c -- */
/* Keeps the owners through the caller's tuple, so that their reference counts do not change. */
int yagot_keep_owners(yagot_ledger *self, PyObject *tuple);
void yagot_drop_owners(yagot_window *window);
/* The births that a collection of a generation will look at; 3: all births. Fini the snapshot in any case. */
int yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation);
/* A new list of the births that are alive. */
PyObject *yagot_list_alive(const yagot_snapshot *births);
/* Births that the collection under way is about to move into the oldest generation. */
int yagot_remember_promoted(yagot_ledger *self, const yagot_snapshot *snapshot);
/* Labels the births that are alive after a window. */
int yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births);
/* Labels all births as not to be reported. */
int yagot_label_unjudged(yagot_ledger *self);

/* -- collections.c -- */
/* Before and after a collection that is not ours; `info` is the callback's. */
int yagot_before_collection(yagot_ledger *self, PyObject *info);
int yagot_after_collection(yagot_ledger *self, PyObject *info);
/* A full collection of our own: what earlier tests have left is looked at before. */
int yagot_collect_fully(yagot_ledger *self);
/* After a window: collects fully when the heap has grown by a quarter, as CPython would. */
int yagot_limit_growth(yagot_ledger *self);

/* -- survivors.c -- */
/* Finds and explains the garbage of a snapshot; predicts what a collection will release. */
int yagot_look(yagot_ledger *self, yagot_findings *findings, yagot_snapshot *snapshot, yagot_found *found);
void yagot_forget_predictions(yagot_ledger *self);
/* Forgets the predictions, after having looked in a generation for those that a finalizer has saved. With `wait`, what
 * is found is decided upon when the window ends. */
int yagot_check_predictions(yagot_ledger *self, int generation, bool wait);
/* The suite has the collector save all that it finds: the same, without a finalizer's doing. */
int yagot_expect_saved(yagot_ledger *self);
int yagot_settle_saved(yagot_ledger *self, yagot_snapshot *births);
void yagot_forget_saved(yagot_window *window);
/* _tracemalloc's function (borrowed) if it traces, else NULL. */
PyObject *yagot_tracing(yagot_ledger *self);
/* Asks for the reprs that the user wants. Runs Python code. */
void yagot_describe(yagot_ledger *self);

/* -- boundary.c -- */
/* Looks at what earlier windows have left, with what is young, and keeps what is garbage for the next boundary. */
int yagot_look_at_labelled(yagot_ledger *self);
/* The same for what is young: a collection of that generation is about to run between windows. */
int yagot_look_at_young(yagot_ledger *self, int generation);
/* Looks at all objects, between windows: a list of findings with the windows of those that made them. With references,
 * what was put off is looked at again; with tell, it is among the findings. */
PyObject *yagot_check_boundary(yagot_ledger *self, bool references, bool tell);
/* The label of what is made now, between windows: it belongs to the next one. */
uint32_t yagot_label_between(const yagot_ledger *self);

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

static inline int
yagot_label(yagot_ledger *self, PyObject *object, uint32_t label)
{
    return yagot_labels_put(&self->labels, object, label);
}

#endif
