/* junit_reading.h - a JUnit file on its way into the spool: what is shared by the reader's parts.
 *
 * In:  a file that is being parsed, and a spool; the reading borrows both.
 * Out: records and suites in the spool. Errors end the reading (yagot_reading_stop()), with an exception set.
 */
#ifndef YAGOT_JUNIT_READING_H
#define YAGOT_JUNIT_READING_H

#include "report/junit_attributes.h"
#include "report/junit_time.h"

enum { YAGOT_DEEPEST_SUITE = 200 };

/* A suite that is read. */
typedef struct {
    uint32_t suite;
    size_t path, name;                      /* how long the path is without it; where its name begins there */
    int64_t said[YAGOT_COUNTERS], said_milliseconds;    /* of its counters; -1: it has none */
    yagot_sums sums;                        /* of its test cases in this file */
    yagot_surplus surplus;                  /* of the suites in it */
    int64_t results;                        /* elements that are failures or errors */
} yagot_opened;

typedef struct {
    yagot_xmlin in;
    yagot_spool *spool;                     /* borrowed, as the prefix is */
    const char *prefix;
    yagot_opened open[YAGOT_DEEPEST_SUITE + 1];         /* the suites around the place that is read; first the root */
    uint32_t depth;
    uint32_t skipped, copied, properties;   /* the level of an element that is left out, written again, read; or 0 */
    uint32_t innermost_case;    /* the level of the test case, or suite, that the reader is in, within the one copied */
    uint32_t loose;                         /* the suite of test cases that have none; or 0 */
    yagot_text loose_name;
    bool foreign, any;                      /* the root is not JUnit's; there was a suite or a test case */
    yagot_xml xml;                          /* what was written of it */
    yagot_text attributes, others, path;    /* of a suite; `path` has the names of all that are open */
    yagot_xml root;                         /* the root's attributes */
    bool wrapped;                           /* what is written is the result of a test case that was made for it */
    yagot_kind kind;
    int64_t milliseconds;
    unsigned commas;                        /* see junit_time.h */
    bool scanned;
} yagot_reading;

static inline yagot_opened *
yagot_innermost(yagot_reading *r)
{
    return &r->open[r->depth];
}

/* Reads no more: an exception is set, or memory is short. */
void yagot_reading_stop(yagot_reading *r);
/* A name with the prefix before it, if there is one. */
void yagot_add_prefixed(yagot_text *text, const char *prefix, const char *name, size_t size);
/* Reads a time; what is unclear is warned of, with a name. */
yagot_time yagot_reading_time(yagot_reading *r, const yagot_attribute *attribute, const char *whose);

/* The root and suites begin and end. */
void yagot_enter_root(yagot_reading *r, const yagot_attributes *attributes);
void yagot_enter_suite(yagot_reading *r, const yagot_attributes *attributes);
void yagot_leave_suite(yagot_reading *r);
/* The file is one of JUnit's: what the root has belongs to the result. False with an exception set. */
bool yagot_accept_root(yagot_reading *r);
/* The suite of test cases that have none: it has the root's name, for consumers want one. 0 with an exception set. */
uint32_t yagot_loose_suite(yagot_reading *r);

#endif
