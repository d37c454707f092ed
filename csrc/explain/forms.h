/* forms.h - components that have been explained in this run are known again by their form.
 *
 * A form is all that the explanation of a small component depends on, as numbers: the types of its objects, the
 * references between them, and the names by which they refer. Forms are compared in full. They are read of components
 * of Python classes and their instances, functions, methods and plain containers; what else an object may be has no
 * form. A class that is in the component itself is known by its names, as it is another one each time.
 *
 * In:  a graph and one of its components; both stay the caller's.
 * Out: the causes of an earlier component of the same form; the forms own them.
 * Functions return -1 without an exception when memory is short.
 */
#ifndef YAGOT_FORMS_H
#define YAGOT_FORMS_H

#include "explain/cycle.h"

enum { YAGOT_FORM_WORDS = 512, YAGOT_FORM_NAMES = 128, YAGOT_FORM_TYPES = 32 };

/* Of one look. */
typedef struct {
    const yagot_graph *graph;   /* borrowed, as are the next three */
    yagot_snapshot *snapshot;   /* refs: the numbers of nodes */
    const uint32_t *rank;       /* [nodes] place within the component */
    PyObject *modules;          /* see makers.h */
    yagot_idtable classes;      /* type -> whose its classes are */
    uint32_t component;
    uintptr_t words[YAGOT_FORM_WORDS];
    PyObject *names[YAGOT_FORM_NAMES];  /* borrowed; interned strings whose addresses are among the words */
    PyTypeObject *types[YAGOT_FORM_TYPES];  /* borrowed; those whose names are among the words */
    uint32_t count, name_count, type_count;
    bool has_class;             /* a class is in the component */
    uint64_t hash;
} yagot_form_reader;

/* What was said of a component. */
typedef struct {
    uintptr_t *words;           /* owned */
    PyObject **names;           /* owned, with references: as long as they live the addresses mean what they meant */
    uint32_t count, name_count, cycle_length, next;
    uint64_t hash;
    char *concrete;             /* owned */
    yagot_cause cause;          /* owned */
} yagot_form;

typedef struct {
    yagot_form *items;          /* owned */
    uint32_t count;
    size_t room;
    uint32_t *buckets;          /* owned; index + 1 of the first form of each, 0: none */
} yagot_forms;

int yagot_form_reader_init(yagot_form_reader *reader, const yagot_graph *graph, yagot_snapshot *snapshot,
                           const uint32_t *rank, PyObject *modules);
void yagot_form_reader_fini(yagot_form_reader *reader);
/* Reads the form of a component; 1 if it has one, 0 if not. May give instances their dicts. */
int yagot_form_read(yagot_form_reader *reader, uint32_t component);
/* The same form as was read last, or NULL. */
const yagot_form *yagot_forms_find(const yagot_forms *forms, const yagot_form_reader *reader);
/* Keeps what was read last, with copies of what is said of it. */
int yagot_forms_add(yagot_forms *forms, const yagot_form_reader *reader, const char *concrete, const yagot_cause *cause,
                    uint32_t cycle_length);
void yagot_forms_fini(yagot_forms *forms);

/* One more number in a hash. */
static inline uint64_t
yagot_mix(uint64_t state, uint64_t value)
{
    state ^= value;
    state *= 0x9E3779B97F4A7C15u;       /* 2^64 / golden ratio: spreads the bits */
    return state ^ (state >> 29);
}

#endif
