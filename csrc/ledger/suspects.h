/* suspects.h - survivors with more references than exist anywhere: somebody took one and never gave it back, or keeps
 * it where it cannot be seen.
 *
 *     suspects.c          finds them
 *     suspect_findings.c  findings about them
 *     put_off.c           looks that are made later than their window ends
 *
 * Functions that return int or an object give -1 or NULL with an exception set when they fail.
 */
#ifndef YAGOT_SUSPECTS_H
#define YAGOT_SUSPECTS_H

#include "ledger/ledger.h"

/* A flag in the snapshot of the objects asked about: not tracked by the collector, and made in the window. */
enum { YAGOT_TRACED = YAGOT_LATER };

/* What a look is to do. */
typedef struct {
    bool boundary;              /* asks about what was put off; else about what the window has left */
    bool report;                /* adds findings of the suspects */
    PyObject **recurring;       /* gets a new dict: cause -> what became of earlier suspects. NULL: not wanted */
} yagot_question;

/* -- suspects.c -- */
/* How many births are held by something that is not a birth, and how many untracked objects the window has left: only
 * they can be suspects. */
Py_ssize_t yagot_count_candidates(const yagot_ledger *self, const yagot_snapshot *births);
/* Finds the suspects among the births that are alive, after yagot_find_garbage; those of earlier looks are looked at
 * again. */
int yagot_find_suspects(yagot_ledger *self, yagot_snapshot *births, const yagot_question *question);
/* No boundary is to report them again. */
int yagot_label_suspects(yagot_ledger *self);
/* Lets go of the suspects. May run Python code. */
void yagot_forget_suspects(yagot_ledger *self);

/* -- put_off.c -- */
/* Keeps the births that are alive, to look at them when the window's garbage is gone. */
int yagot_keep_survivors(yagot_suspects *suspects, const yagot_snapshot *births);
/* Looks at those for references that nobody holds, and adds findings; `recurring` as in a question. */
int yagot_look_at_kept(yagot_ledger *self, PyObject **recurring);
/* The same; a list of findings. */
PyObject *yagot_late_references(yagot_ledger *self);
/* Boundaries are to look again at the suspects, or at what was kept and not looked at; lets go of all of them. May run
 * Python code. */
int yagot_put_off_suspects(yagot_ledger *self);
/* The same at a boundary: only its suspects are still to be looked at. */
int yagot_put_off_again(yagot_ledger *self);
/* Nothing is put off any more. */
int yagot_forget_put_off(yagot_put_off *put_off);
/* Without generations: before what is young is not any more, sees to it that none of it passes for what was put off and
 * had its address before. */
int yagot_sort_out_young(yagot_ledger *self);
/* Is a boundary to look at an object that was made in a window? */
bool yagot_is_put_off(yagot_put_off *put_off, PyObject *object, uint32_t label);

/* -- suspect_findings.c -- */
/* Adds findings of the wanted objects whose refs are left over, each with what only it keeps alive. -1 with an
 * exception set, or without one when memory is short. */
int yagot_report_suspects(yagot_ledger *self, yagot_snapshot *births, yagot_snapshot *wanted, bool boundary);
/* Adds a finding: an object holds references that the traverse function of its C type does not show. */
int yagot_report_hidden(yagot_ledger *self, PyTypeObject *type, PyObject *object, bool boundary);
/* The cause that a suspect's finding has; owned, NULL when memory is short. */
char *yagot_cause_of(PyObject *object);

#endif
