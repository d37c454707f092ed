/* findings.h - what was found, as plain text and numbers; no live object is kept, but for those whose repr() is wanted.
 *
 * In:  causes and objects, one after the other.
 * Out: a list of dicts. The findings own all texts and arrays in them.
 * Functions return -1 or YAGOT_NONE without an exception when memory is short, unless they say otherwise.
 */
#ifndef YAGOT_FINDINGS_H
#define YAGOT_FINDINGS_H

#include "base/identity.h"
#include "explain/forms.h"
#include "explain/hops.h"
#include "explain/sizes.h"
#include "observe/test_labels.h"

#include <libxml/tree.h>
#include <libxml/dict.h>
#include <libxml/hash.h>

typedef struct {
    const char *name;           /* interned by yagot_findings */
    Py_ssize_t count;
} yagot_type_count;

typedef struct {
    yagot_type_count *items;    /* owned */
    size_t count, room;
} yagot_type_counts;

/* How much a finding is: grows with every object that belongs to it. */
typedef struct {
    Py_ssize_t count;           /* components of this structure */
    Py_ssize_t entangled;       /* of these, such as are more than one cycle */
    Py_ssize_t objects;
    Py_ssize_t cyclic;          /* of these, on cycles themselves; the others hang off them */
    Py_ssize_t survivors;       /* of these, still alive after a collection */
    Py_ssize_t unheld;          /* references that nobody holds */
    size_t bytes;
    yagot_type_counts types, survivor_types;
} yagot_amounts;

/* What goes with a component as a whole, or with an object of it. */
typedef struct {
    uint32_t count, entangled;  /* of components */
    uint32_t cyclic;            /* of objects */
    size_t bytes;
} yagot_share;

typedef struct {
    char *text[3];              /* owned: object, path, contents */
    char *general, *maker;      /* owned: object and path without indices; the module whose code made the reference */
    yagot_identity identity;    /* owned */
    yagot_edge edges[YAGOT_MOST_EDGES];     /* parts of the path */
    uint32_t edge_count;
    char *defined, *made;       /* owned: "file:line", allocation traceback; may be empty */
    PyObject *waiting;          /* owned while its repr is still to be asked for, else NULL */
} yagot_step_text;

typedef struct {
    char *concrete;             /* owned; the cause with the classes and keys of this cycle */
    yagot_cause cause;          /* owned; NULL if it is no cycle */
    char *makers;               /* owned; those of all steps, a line each; NULL if it is no cycle */
    char *left_out;             /* owned; the names of the steps that are not among `steps`, likewise */
    size_t subject;             /* so many bytes of `concrete` name an object of which it says something, or 0 */
    yagot_hop *hops;            /* owned; of the first component */
    uint32_t hop_count;
    yagot_step_text *steps;     /* owned */
    uint32_t step_count, cycle_length;
    yagot_amounts amounts;
    uint32_t label;             /* of who made the objects, or 0 */
    bool known;                 /* described before: what is the same for a cause is not exported */
    bool untracked;             /* of objects that the collector does not track */
    bool resurrects;            /* one of the survivors has a finalizer */
    const char *why;            /* why objects survived; static */
    const char *kind;           /* other than collected and uncollectable; static, or NULL */
} yagot_finding;

enum { YAGOT_KEYS = 33 };       /* of the dicts that findings are exported as */

typedef struct {
    yagot_finding *items;       /* owned */
    uint32_t count;
    size_t room;
    xmlDictPtr names;           /* owned; type names */
    xmlHashTablePtr by_cause;   /* owned; concrete cause and label -> index + 1 */
    struct { uint64_t key; uint32_t finding; } *shapes;     /* owned; open addressing */
    uint32_t shape_count;
    uint32_t described;         /* components described one by one */
    bool wants_repr;
    bool once;                  /* a cause that was exported is not described again */
    PyObject *modules;          /* owned, or NULL; see makers.h */
    xmlHashTablePtr known;      /* owned; the causes, with the lengths of their cycles, that were exported so far */
    yagot_forms forms;          /* of components that belong to those, with `once` */
    Py_ssize_t recognised;      /* components that were known by their form */
    yagot_sizers sizers;        /* owned; of static types */
    PyObject *keys[YAGOT_KEYS]; /* owned; NULL before the first export; see export.c */
} yagot_findings;

int yagot_findings_init(yagot_findings *findings);
void yagot_findings_fini(yagot_findings *findings);
/* Empties it for the next window. */
int yagot_findings_clear(yagot_findings *findings);
/* The finding of a concrete cause and a label, or YAGOT_NONE. */
uint32_t yagot_findings_find(yagot_findings *findings, const char *concrete, uint32_t label);
/* A new, empty finding (steals the cause); YAGOT_NONE when memory is short. */
uint32_t yagot_findings_add(yagot_findings *findings, char *concrete, uint32_t label);
/* Was a finding of this cause, with a cycle of this length, exported already, in this window or in an earlier one? */
bool yagot_findings_is_known(const yagot_findings *findings, const yagot_finding *finding);
void yagot_findings_add_known(yagot_findings *findings, const yagot_finding *finding);
/* The finding of a component's shape, if one was described before; see explain.c. */
uint32_t yagot_findings_shape(yagot_findings *findings, uint64_t shape);
/* Shapes are made of addresses: they hold for one look only. */
void yagot_findings_forget_shapes(yagot_findings *findings);
void yagot_findings_add_shape(yagot_findings *findings, uint64_t shape, uint32_t finding);
/* Counts an object of a type among the finding's, or among its survivors. */
int yagot_finding_count(yagot_finding *finding, const char *name, bool survivor);
/* One object less of a type. */
void yagot_finding_uncount(yagot_finding *finding, const char *name);
void yagot_finding_add_share(yagot_finding *finding, const yagot_share *share);
void yagot_finding_take_share(yagot_finding *finding, const yagot_share *share);
/* Asks `describe` for a text on each object that waits for it, and lets go of them. Runs Python code. */
void yagot_findings_describe(yagot_findings *findings, PyObject *describe);
/* A list of dicts, one per finding and kind (new reference), or NULL with an exception set. */
PyObject *yagot_findings_export(yagot_findings *findings);

#endif
