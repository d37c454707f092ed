/* hops.h - a cycle object by object, as data for the advice that is chosen when the finding is reported.
 *
 * In:  a graph, a component and its cycle; all stay the caller's.
 * Out: hops, which own their texts and keep no object alive.
 */
#ifndef YAGOT_HOPS_H
#define YAGOT_HOPS_H

#include "explain/cycle.h"

/* An object of the cycle and its reference to the next one. */
typedef struct yagot_hop {
    const char *kind;           /* static: "instance", "frame", "list" … */
    char *what, *module, *name; /* owned; as shown; the module and the qualified name: see identity.h */
    char *defined, *state;      /* owned; "file:line", and the attributes that show its state */
    char *edge, *cut;           /* owned; the reference's general name, and its kind (see simulate.h) */
    int line;                   /* where a frame or traceback is, else 0 */
    bool weak;                  /* can it be referred to weakly? */
    bool breaks;                /* is no cycle left without this kind of reference? */
    bool apart;                 /* … without any reference of the objects of its class? */
    bool others;                /* is nothing of the project's on what is left without this kind of reference? */
    struct yagot_hop *rest;     /* owned; where two kinds have to go, a cycle that is left without this one, whose */
    uint32_t rest_count;        /* `breaks` are together with this one; NULL if one is enough, or two are not */
} yagot_hop;

/* The hops of a cycle (owned; their number in `count`); none if it is too long, or of a class and its MRO. NULL when
 * memory is short. `modules`: see makers.h. */
yagot_hop *yagot_hops(yagot_graph *graph, uint32_t component, const yagot_cycle *cycle, PyObject *modules,
                      uint32_t *count);
void yagot_hops_free(yagot_hop *hops, uint32_t count);
/* A list of dicts (new reference), or NULL with an exception set. */
PyObject *yagot_hops_export(const yagot_hop *hops, uint32_t count);

#endif
