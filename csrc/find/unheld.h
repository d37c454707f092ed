/* unheld.h - find: survivors with more references than exist anywhere. */
#ifndef YAGOT_UNEXPLAINED_H
#define YAGOT_UNEXPLAINED_H

#include "ledger/births.h"

/* A flag in the snapshot of the objects asked about: not tracked by the collector, and made in the window. */
enum { YAGOT_TRACED = YAGOT_LATER };

/* How many births are held by something that is not a birth, and how many untracked objects the window has left: only
 * they can be suspects. */
Py_ssize_t yagot_count_held(const yagot_ledger *self, const yagot_snapshot *births);
/* Finds the suspects among the births that are alive, after yagot_find_garbage. Those that an earlier look found
 * are looked at again. -1 with an exception set. */
int yagot_find_unexplained(yagot_ledger *self, yagot_snapshot *births);
/* Keeps the births that something else holds, to look at them later. -1 with an exception set. */
int yagot_keep_held(yagot_ledger *self, const yagot_snapshot *births);
/* Looks at those for references that nobody holds: a list of findings. */
PyObject *yagot_late_references(yagot_ledger *self);
/* No boundary is to tell of them again. -1 with an exception set. */
int yagot_label_suspects(yagot_ledger *self);
/* Lets go of the suspects. May run Python code. */
void yagot_forget_suspects(yagot_ledger *self);

/* suspects.c: adds findings of the wanted objects whose refs are left over, each with what only it keeps alive; keeps
 * them in the ledger's list. -1 with an exception set, or without one when memory is short. */
int yagot_tell_suspects(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted);
/* Adds a finding: an object holds references that the traverse function of its C type does not show. */
int yagot_tell_hidden(yagot_ledger *self, PyTypeObject *type, PyObject *object);
/* The cause that such a finding has; owned, NULL when memory is short. */
char *yagot_cause_of(PyObject *object);

#endif
