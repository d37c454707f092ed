/* unheld.h - references that nobody holds: survivors with more references than exist anywhere. */
#ifndef YAGOT_UNEXPLAINED_H
#define YAGOT_UNEXPLAINED_H

#include "ledger/ledger.h"

/* A flag in the snapshot of the objects asked about: not tracked by the collector, and made in the window. */
enum { YAGOT_TRACED = YAGOT_LATER };

/* How many births are held by something that is not a birth, and how many untracked objects the window has left: only
 * they can be suspects. */
Py_ssize_t yagot_count_held(const yagot_ledger *self, const yagot_snapshot *births);
/* Finds the suspects among the births that are alive, after yagot_find_garbage; those of earlier looks are looked at
 * again. With tell, adds findings. -1 with an exception set. */
int yagot_find_unexplained(yagot_ledger *self, yagot_snapshot *births, bool tell);
/* Keeps the births that are alive, to look at them when the window's garbage is gone. -1 with an exception set. */
int yagot_keep_held(yagot_ledger *self, const yagot_snapshot *births);
/* Looks at those for references that nobody holds, and adds findings. -1 with an exception set. */
int yagot_look_at_kept(yagot_ledger *self);
/* The same; a list of findings. */
PyObject *yagot_late_references(yagot_ledger *self);
/* Boundaries are to look again at the suspects, or at what was kept and not looked at; lets go of all of them. -1 with
 * an exception set. May run Python code. */
int yagot_put_off(yagot_ledger *self);
/* The same at a boundary: only its suspects are still to be looked at. */
int yagot_put_off_again(yagot_ledger *self);
/* Is a boundary to look at an object, that was made in a window? */
bool yagot_is_put_off(yagot_ledger *self, PyObject *object, uint32_t number);
/* No boundary is to report them again. -1 with an exception set. */
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
