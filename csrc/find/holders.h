/* holders.h - find: every reference that exists to a few objects.
 *
 * In:  the wanted objects, with their reference counts, which stay the caller's, and all tracked objects.
 * Out: what is left of the counts is references that nobody holds.
 * Functions return -1 without an exception when memory is short, or mark the holders as failed. No Python code runs.
 */
#ifndef YAGOT_HOLDERS_H
#define YAGOT_HOLDERS_H

#include "base/array.h"
#include "base/snapshot.h"

enum { YAGOT_FILTER_BITS = 1 << 16, YAGOT_LATELY = 16 };

/* What is asked about, in brief: made once, by yagot_holders_init(). */
typedef struct {
    uint64_t bits[YAGOT_FILTER_BITS / 64];      /* one for each wanted object: most others have none */
    bool types;                 /* some of the wanted objects are types */
} yagot_filter;

/* The objects on the way: empty again when the walk is through, but for what was seen. */
typedef struct {
    yagot_idtable seen;         /* untracked objects that were walked */
    yagot_objects pending;      /* still to walk */
    PyObject *lately[YAGOT_LATELY];     /* borrowed; visited, not examined yet */
    size_t turn;
} yagot_walk;

typedef struct {
    yagot_snapshot *wanted;     /* the objects asked about; refs: references not yet found */
    yagot_objects tracked;      /* all tracked objects; borrowed: nothing is released meanwhile */
    bool untracked;             /* some of the wanted objects are not tracked */
    bool frozen;                /* some tracked objects may not be among them */
    traverseproc plain_traverse;    /* of classes written in Python */
    yagot_filter filter;
    yagot_walk walk;
    uint32_t settled;           /* so many wanted objects are not looked for any more: counts never go up */
    yagot_objects opaque;       /* those without a traverse function, for the searches behind the walk */
    bool stacks;                /* there are stacks or blocks that could not be searched, and may hold anything */
    bool failed;
} yagot_holders;

/* Takes what the caller has filled in: the fields down to plain_traverse. */
int yagot_holders_init(yagot_holders *holders);
void yagot_holders_fini(yagot_holders *holders);
/* The index of an object if it is wanted, else YAGOT_NONE. Nearly none is: mostly a bit says so. */
uint32_t yagot_holders_find(const yagot_holders *holders, PyObject *object);
/* Is there a reference that has not been found yet? */
bool yagot_holders_wanted(yagot_holders *holders);
/* Has an object walked once, later; and the next such object, or NULL. */
void yagot_holders_push(yagot_holders *holders, PyObject *object);
PyObject *yagot_holders_next(yagot_holders *holders);
/* Remembers an object that shows nothing of what it holds. */
void yagot_holders_note_opaque(yagot_holders *holders, PyObject *object);
/* A visitproc: one reference to `child`. */
int yagot_holders_visit(PyObject *child, void *holders);

/* Of a tracked object: is it a suspended greenlet, which does not say that it is tracked? */
static inline bool
yagot_is_suspended(PyObject *object)
{
    return !PyObject_IS_GC(object);
}

/* One reference, or NULL. */
static inline void
yagot_holders_add(yagot_holders *holders, PyObject *object)
{
    if (object != NULL) {
        (void)yagot_holders_visit(object, holders);
    }
}

/* holder_walk.c: subtracts from the wanted objects' refs every reference that is found: in tracked objects and in what
 * they lead to, in code, types, running frames and the interpreter; until none is left to find. Runs no Python code. */
int yagot_holders_subtract(yagot_holders *holders);
/* threads.c: what thread states and running frames hold, which no traverse function shows. */
void yagot_holders_add_threads(yagot_holders *holders);

#endif
