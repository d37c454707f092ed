/* gc_control.h - observe: the collector, as the gc module shows it.
 *
 * In:  the functions of the gc module, taken when yagot was loaded: a test may replace its attributes.
 * Out: lists of objects, which the collector does not know, and collections for ourselves.
 * The thresholds are never touched: a test sees, saves and restores its own.
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_GC_CONTROL_H
#define YAGOT_GC_CONTROL_H

#include "base/array.h"
#include "base/idtable.h"

/* Lives as long as its ledger. */
typedef struct {
    yagot_state *state;         /* borrowed */
    PyObject *callback;         /* owned; NULL unless it is in gc.callbacks */
    bool own;                   /* the collection under way is ours … */
    bool own_started;           /* … and really began */
    Py_ssize_t own_uncollectable;
    bool thaws;                 /* the application has frozen objects, which gc.unfreeze() would thaw */
    bool set_aside;             /* without generations: old objects are frozen, by us */
    yagot_idtable old;          /* passes for old: what finalizers have made in the last collection; without
                                 * generations, where the application has frozen objects, all that is */
    Py_ssize_t seen;            /* collections that the callback has seen since … */
    Py_ssize_t counted;         /* … there were so many */
    bool just_counted;
    PyObject *watch;            /* owned: young, and met if they are to be counted again; NULL without generations */
} yagot_gc;

/* No automatic collection runs until yagot_gc_resume() is called with what this returns. */
static inline bool
yagot_gc_pause(void)
{
    return PyGC_Disable() != 0;
}

static inline void
yagot_gc_resume(bool was_enabled)
{
    if (was_enabled) {
        (void)PyGC_Enable();
    }
}

static inline bool
yagot_gc_passes_for_old(yagot_gc *gc, const void *object)
{
    return gc->old.pages != NULL && yagot_idtable_get(&gc->old, object) != YAGOT_NONE;
}

/* What has just been made passes for old no longer, though something was there. */
static inline void
yagot_gc_is_new(yagot_gc *gc, const void *object)
{
    if (yagot_gc_passes_for_old(gc, object)) {
        *yagot_idtable_slot(&gc->old, object) = 0;      /* it has one */
    }
}

/* Calls a function of the gc module without arguments; returns the number that it returns. */
Py_ssize_t yagot_gc_number(PyObject *function);
/* Has a collection run since the last call without the callback seeing it? 1 or 0. */
int yagot_gc_has_missed(yagot_gc *gc);
/* Are what collections find kept in gc.garbage (DEBUG_SAVEALL)? 1 or 0. */
int yagot_gc_saves_all(yagot_gc *gc);
/* Objects of one generation, but for those that pass for old; all that are not set aside where there are no
 * generations. New reference. */
PyObject *yagot_gc_objects(yagot_gc *gc, int generation);
/* All objects of one generation; without generations, of the youngest. New reference. */
PyObject *yagot_gc_generation(yagot_gc *gc, int generation);
/* What was made since the last collection of any kind, but for what passes for old; on free-threaded builds, where
 * nobody knows, nothing. New reference. */
PyObject *yagot_gc_youngest(yagot_gc *gc);
/* How many those are, as the collector counts: what has gone since, older or not, is taken off. */
Py_ssize_t yagot_gc_count_young(yagot_gc *gc);
/* Every tracked object that is not frozen. New reference. */
PyObject *yagot_gc_all_objects(yagot_gc *gc);
/* A search for every tracked object whose address is in a table. */
typedef struct {
    yagot_idtable *table;       /* the caller's; NULL: every tracked object is searched for */
    yagot_objects found;        /* borrowed: to be taken before anything is released */
    bool done;
} yagot_gc_search;

/* Makes some searches in one pass over all tracked objects. Without objects afterwards if that fails. */
int yagot_gc_search_all(yagot_gc *gc, yagot_gc_search *const *searches, size_t count);
/* Takes what a search has found, which is empty then. New reference. */
PyObject *yagot_gc_take_found(yagot_gc_search *search);
/* Both, of one table. New reference. */
PyObject *yagot_gc_objects_in(yagot_gc *gc, yagot_idtable *table);
/* Every tracked object, frozen ones, too, where they can be seen: an array in place of an empty one. Nothing may be
 * released while it is in use. */
int yagot_gc_borrow_all(yagot_gc *gc, yagot_objects *objects);
/* A list of NULLs. New reference. */
PyObject *yagot_gc_new_hidden_list(Py_ssize_t size);

/* Collects for ourselves. The debug flags are off meanwhile, and gc.garbage does not grow, unless the suite has asked
 * for DEBUG_SAVEALL: then its garbage goes there as in any collection. What finalizers make in a collection of more
 * than the youngest generation passes for old until the next one. 1 if it really ran, 0 if another thread was
 * collecting. */
int yagot_gc_collect(yagot_gc *gc, int generation);
/* After a collection: what is young was made meanwhile, by finalizers, and passes for old until the next one. */
int yagot_gc_remember_made_meanwhile(yagot_gc *gc);
/* Moves a tracked object into the youngest generation. */
void yagot_gc_rejuvenate(PyObject *object);
/* A hidden object that no test has made, to be tracked at the beginning of a window. New reference. */
PyObject *yagot_gc_new_marker(yagot_gc *gc);

/* Puts the method _on_collection of an object into gc.callbacks, unless it is there; takes it out. */
int yagot_gc_install_callback(yagot_gc *gc, PyObject *object);
int yagot_gc_remove_callback(yagot_gc *gc);
/* What is there now is old. `garbage`: there may be garbage among what is young, which a collection releases. What the
 * callback learns of it is in the fields. */
int yagot_gc_set_old_aside(yagot_gc *gc, bool garbage);
/* Without generations, between windows: what is there now is none of the youngest. */
int yagot_gc_let_age(yagot_gc *gc);
/* Where old objects were frozen by us, makes them visible again: all may hold references. */
int yagot_gc_show_old(yagot_gc *gc);

/* Calls a function with the callback's dict for a number; 0 if it is not there. */
Py_ssize_t yagot_gc_read_number(PyObject *info, const char *key);
/* Visits every tracked object, without a list of them where that is possible. The visitor returns 1 to go on, 0 to
 * end, and may neither make nor release objects of the collector's. */
int yagot_gc_visit_all(yagot_gc *gc, int (*visit)(PyObject *, void *), void *arg);
/* How many tracked objects there are. */
Py_ssize_t yagot_gc_count_all(yagot_gc *gc);

#endif
