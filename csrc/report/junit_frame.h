/* junit_frame.h - what a JUnit report has around its test cases: root, suites, and the note that it has not ended.
 *
 * In:  the arguments of JUnitWriter(), of which the frame takes references.
 * Out: markup in a yagot_xml, which marks itself when memory is short.
 */
#ifndef YAGOT_JUNIT_FRAME_H
#define YAGOT_JUNIT_FRAME_H

#include "report/junit_counters.h"
#include "report/junit_testcase.h"

typedef struct {
    PyObject *name, *timestamp, *hostname, *properties;     /* owned */
    PyObject *ending;               /* owned; None, or a tuple: the arguments of the case below */
    yagot_case last;                /* stands at the end until the run is over */
    bool ant, with_places;          /* the family: Ant's schema; cases with file and line */
} yagot_frame;

/* Takes new references. -1 with an exception; yagot_frame_clear() is safe then, too. */
int yagot_frame_init(yagot_frame *frame, PyObject *name, PyObject *timestamp, PyObject *hostname, PyObject *properties,
                     PyObject *ending, const char *family);
void yagot_frame_clear(yagot_frame *frame);

/* Start tags; where counters have been written in *xml* is noted in them. */
void yagot_frame_root(yagot_xml *xml, const yagot_frame *frame, yagot_counters *root);
void yagot_frame_suite(yagot_xml *xml, const yagot_frame *frame, const yagot_case *c, int id, yagot_counters *inner);
void yagot_frame_end_suite(yagot_xml *xml, const yagot_frame *frame);
/* A suite of its own for the case at the end, if there is one. */
void yagot_frame_ending(yagot_xml *xml, const yagot_frame *frame, int id);

#endif
