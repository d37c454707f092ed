/* tracer.h - observe: objects that the collector does not track, made in a window and alive after it.
 *
 * In:  what CPython's reference tracer reports while a window is open.
 * Out: borrowed addresses of living objects. The tracer that was there before goes on.
 */
#ifndef YAGOT_TRACER_H
#define YAGOT_TRACER_H

#include "base/idtable.h"

#define YAGOT_HAS_TRACER (PY_VERSION_HEX >= 0x030E0000 && !YAGOT_FREE_THREADED)

typedef struct {
    PyObject *object;           /* borrowed; NULL: a free place */
    uint32_t next;              /* of the free places */
    uint32_t window;            /* the number of the window it was made in */
} yagot_made;

typedef struct {
    yagot_idtable places;       /* address -> place in made */
    yagot_made *made;           /* owned */
    size_t count, room, alive;
    uint32_t free;              /* the first free place, or YAGOT_NONE */
    uint32_t window;            /* the open window's number */
    bool recording;             /* a window is open */
#if YAGOT_HAS_TRACER
    PyInterpreterState *interpreter;    /* the only one we listen to: another may run at the same time */
    PyRefTracer before;         /* the tracer until now, e.g. tracemalloc's: we call it */
    void *before_data;
#endif
} yagot_tracer;

/* Does this Python report all objects? -1 with an exception set. */
int yagot_tracer_check(void);
/* A window opens: what is made is kept until it is destroyed or forgotten. -1 with an exception set. */
int yagot_tracer_resume(yagot_tracer *tracer, uint32_t window);
/* The window closes. If somebody else listens instead of us by now, all is forgotten, as it may be gone; false then. */
bool yagot_tracer_pause(yagot_tracer *tracer);
/* Forgets all but the objects of a table. */
void yagot_tracer_keep(yagot_tracer *tracer, yagot_idtable *wanted);
/* Listens no more. */
void yagot_tracer_fini(yagot_tracer *tracer);
/* May a living object be asked who holds it? Not one that all share. */
bool yagot_tracer_wants(const yagot_made *made);

#endif
