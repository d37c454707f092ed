/* watch.h - observe: has a collection run? An object knows, as long as it is young: every collection goes through it.
 *
 * In:  nothing.
 * Out: whether anything has gone through the watch since it was reset. That may have been somebody else, as
 *      gc.get_referrers(); but if nobody has, then no collection has run, unless gc.freeze() has set the watch aside.
 * Functions that return an object give NULL with an exception set when they fail.
 */
#ifndef YAGOT_WATCH_H
#define YAGOT_WATCH_H

#include "core.h"

int yagot_watch_ready(PyObject *module, yagot_state *state);
/* A new watch, which has been met. New reference. */
PyObject *yagot_watch_new(yagot_state *state);
bool yagot_watch_was_met(PyObject *watch);
/* From now on; to be called where the watch is young. */
void yagot_watch_reset(PyObject *watch);

#endif
