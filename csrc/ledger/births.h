/* births.h - the births of a window: taking them, looking at them, having them collected (gc_settings.c, births.c).
 *
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_BIRTHS_H
#define YAGOT_BIRTHS_H

#include "explain/explain.h"
#include "find/garbage.h"
#include "observe/tracer.h"

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
    yagot_predictions saved;        /* alive after a collection inside the window */
    yagot_predictions predictions;  /* of the collection under way */
    PyObject *recurring;            /* owned: a dict, cause -> what became of earlier suspects; or NULL */
    PyObject *suspects, *earlier;   /* owned lists, of this look and all before it */
    yagot_idtable put_off;          /* to be looked at by boundaries -> the window's number */
    size_t put_off_count;
    yagot_idtable promoted;         /* births that a collection moved into the oldest generation */
    size_t promoted_count;
    yagot_idtable labels;           /* survivors, and what was made between tests -> a number */
    uint32_t number;                /* the window's, even; 0: no labels are kept */
    Py_ssize_t held;                /* births that something else holds */
    PyObject *alive;                /* owned until it is given away: a list, or NULL */
    bool wants_alive;               /* list the births that are alive */
    PyObject *arguments;            /* borrowed: the keyword arguments of the call in progress */
    bool native;                    /* objects that the collector does not track, too */
    yagot_tracer tracer;
    PyObject *kept;                 /* owned: a list to look at later, or NULL */
    bool wants_kept;                /* keep them */
    bool stacks;                    /* the last such look met objects with a stack of their own */
    bool wants_references;          /* look for those that nobody holds */
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
/* Puts our callback into gc.callbacks, unless it is there; takes it out. */
int yagot_install_callback(yagot_ledger *self);
int yagot_remove_callback(yagot_ledger *self);
/* Keeps the automatic collector to the youngest generation; where there are none, switches it off. */
int yagot_narrow_threshold(yagot_ledger *self);
/* Undoes what was done to the collector for a window. */
int yagot_restore_collector(yagot_ledger *self);
/* What is there now is old. */
int yagot_set_old_aside(yagot_ledger *self);
/* Where old objects were frozen, makes them visible again: all may hold references. */
int yagot_show_old(yagot_ledger *self);

/* Keeps the owners through the caller's tuple, so that their reference counts do not change. */
int yagot_keep_owners(yagot_ledger *self, PyObject *tuple);
void yagot_drop_owners(yagot_ledger *self);
/* The births that a collection of a generation will look at; 3: all births. Fini the snapshot in any case. */
int yagot_take_births(yagot_ledger *self, yagot_snapshot *snapshot, int generation);
/* Fills `alive` with the births that are. */
int yagot_keep_alive(yagot_ledger *self, const yagot_snapshot *births);
/* Births that the collection under way is about to move into the oldest generation. */
int yagot_remember_promoted(yagot_ledger *self, const yagot_snapshot *snapshot);
void yagot_forget_promoted(yagot_ledger *self);
/* Every tracked object that is not frozen: a new list that the collector does not know. */
PyObject *yagot_get_all_objects(yagot_ledger *self);
/* A list of NULLs. */
PyObject *yagot_new_hidden_list(Py_ssize_t size);
/* _tracemalloc's function (borrowed) if it traces, else NULL. */
PyObject *yagot_tracing(yagot_ledger *self);
/* Finds and explains the garbage of a snapshot; predicts what a collection will release. */
int yagot_look(yagot_ledger *self, yagot_snapshot *snapshot, yagot_found *found);
/* How many of the predicted objects have survived a young collection; -1 with an exception set. */
Py_ssize_t yagot_count_predicted(yagot_ledger *self);
/* Forgets the predictions, after having looked in a generation for those that a finalizer may have saved. */
int yagot_check_predictions(yagot_ledger *self, int generation, bool wait);
/* Those that were to wait until the window ends: tells of those that are alive then. */
int yagot_settle_saved(yagot_ledger *self, yagot_snapshot *births);
void yagot_forget_saved(yagot_ledger *self);
/* Moves the garbage into the youngest generation, so that collecting that one releases it and whatever
 * survives is met in the next. */
void yagot_gather_garbage(const yagot_snapshot *snapshot);
/* Has the garbage collected, and looks for what has survived. What survives a young collection may go with a full
 * one: a finalizer's own objects, a traceback for example, have kept it alive. */
int yagot_release_garbage(yagot_ledger *self);
/* Asks for the reprs that the user wants. Runs Python code. */
void yagot_describe(yagot_ledger *self);
void yagot_forget_predictions(yagot_ledger *self);
/* Whose an object is, for the boundaries: a test's number, or YAGOT_TOLD, and none is to tell of it. */
int yagot_label(yagot_ledger *self, PyObject *object, uint32_t number);

enum { YAGOT_FIRST_LIMIT = 10000 };     /* births that may grow old before they are first brought back */

/* boundary.c: labels what is alive after a window with its number, and what else is young with any number. */
int yagot_label_survivors(yagot_ledger *self, const yagot_snapshot *births);
int yagot_label_young(yagot_ledger *self, uint32_t number);
/* Looks at all objects, between windows: a list of findings with the numbers of those that made them. */
PyObject *yagot_check_boundary(yagot_ledger *self, bool references, bool tell);

/* collections.c: looks before a collection that is not ours hides anything, and for survivors after it. */
int yagot_before_collection(yagot_ledger *self, int generation);
int yagot_after_collection(yagot_ledger *self, PyObject *info);
/* A number of the dict that the collector gives its callbacks; 0 if it is not there. */
Py_ssize_t yagot_read_number(PyObject *info, const char *key);

#endif
