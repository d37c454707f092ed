/* junit_testcase.h - a test case on its way into a JUnit report.
 *
 * In:  the arguments of JUnitWriter.write(), borrowed while the call lasts.
 * Out: an element in a yagot_xml, which marks itself when memory is short.
 */
#ifndef YAGOT_JUNIT_CASE_H
#define YAGOT_JUNIT_CASE_H

#include "core.h"
#include "report/xml_out.h"

#define YAGOT_LONGEST 99999999999LL     /* milliseconds: counters of suites have eight digits for seconds */

typedef struct {
    PyObject *suite, *file, *classname, *name, *type, *message, *text, *output;    /* borrowed: str, or None */
    const char *kind;               /* borrowed: "failure", "error", "skipped", or NULL */
    long long milliseconds;         /* 0 to YAGOT_LONGEST */
    long line;                      /* 0: unknown */
    bool pending;
} yagot_case;

/* Takes the arguments of JUnitWriter.write(). -1 with TypeError, ValueError or OverflowError set. */
int yagot_case_read(yagot_case *c, PyObject *const *args, Py_ssize_t count);
/* Writes it as an element. Ant's schema knows no type of a skip; places are file and line. */
void yagot_case_write(yagot_xml *xml, const yagot_case *c, bool ant, bool with_places);

#endif
