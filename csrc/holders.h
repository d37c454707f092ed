/* holders.h - find: every reference that exists to a few objects. */
#ifndef YAGOT_HOLDERS_H
#define YAGOT_HOLDERS_H

#include "snapshot.h"

typedef struct {
    yagot_snapshot *wanted;     /* the objects asked about; refs: references not yet explained */
    PyObject *tracked;          /* all tracked objects: a list that the collector does not know; borrowed */
    bool untracked;             /* some of the wanted objects are not tracked */
    bool types_wanted;          /* some of the wanted objects are types */
    bool frozen;                /* some tracked objects are not in that list */
    traverseproc plain_traverse;    /* of classes written in Python */
    yagot_idtable seen;         /* untracked objects that were walked */
    PyObject **pending;         /* owned array of borrowed objects, still to walk */
    size_t depth, room;
    bool stacks;                /* there are objects with a C stack of their own, which may hold anything */
    bool failed;
} yagot_holders;

/* Takes what the caller has filled in: wanted, tracked, frozen and plain_traverse. */
int yagot_holders_init(yagot_holders *holders);
void yagot_holders_fini(yagot_holders *holders);
/* Subtracts from the wanted objects' refs every reference that is found: in tracked objects and in what they
 * lead to, in code, types, running frames and the interpreter. Runs no Python code. */
int yagot_holders_subtract(yagot_holders *holders);
/* The references that an object holds where its traverse function does not show them: subtracts those, and
 * returns how many there were. */
Py_ssize_t yagot_holders_subtract_hidden(yagot_holders *holders, PyObject *object);
/* The C type that an object is of: its own, or of a class written in Python the nearest base that is not. */
PyTypeObject *yagot_holders_c_type(const yagot_holders *holders, PyObject *object);
/* Subtracts untracked objects whose addresses lie in an object's body: few traverse functions show strings. */
void yagot_holders_subtract_untracked(yagot_holders *holders, PyObject *object);
/* Subtracts what lies in the writable data of shared libraries: caches in C. */
void yagot_holders_subtract_static(yagot_holders *holders);
/* A visitproc: one reference to `child`. */
int yagot_holders_visit(PyObject *child, void *holders);

/* One reference, or NULL. */
static inline void
yagot_holders_add(yagot_holders *holders, PyObject *object)
{
    if (object != NULL) {
        (void)yagot_holders_visit(object, holders);
    }
}

/* frames.c: what thread states and running frames hold, which no traverse function shows. */
void yagot_holders_add_threads(yagot_holders *holders);

#endif
