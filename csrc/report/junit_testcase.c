/* junit_testcase.c - report: a test case, from the arguments of a call to XML. */
#include "report/junit_testcase.h"

#include <string.h>

/* -- from Python ---------------------------------------------------------------------------------- */

static bool
is_text(PyObject *object, bool optional)
{
    if (PyUnicode_Check(object) || (optional && object == Py_None)) {
        return true;
    }
    PyErr_Format(PyExc_TypeError, "a test case has str%s, not %.100s", optional ? " or None" : "",
                 Py_TYPE(object)->tp_name);
    return false;
}

static int
read_kind(yagot_case *c, PyObject *kind)
{
    static const char *const kinds[] = {"failure", "error", "skipped"};
    if (kind == Py_None) {
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (PyUnicode_CompareWithASCIIString(kind, kinds[i]) == 0) {
            c->kind = kinds[i];
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "kind must be 'failure', 'error', 'skipped' or None, not %R", kind);
    return -1;
}

/* There are many and it happens twice a test: parsing keywords would take longer than writing. */
int
yagot_case_read(yagot_case *c, PyObject *const *args, Py_ssize_t count)
{
    if (count != 12) {
        PyErr_Format(PyExc_TypeError, "a test case has 12 arguments, not %zd", count);
        return -1;
    }
    for (int i = 0; i < 9; i++) {
        if (!is_text(args[i], i != 0 && i != 2 && i != 3)) {
            return -1;
        }
    }
    *c = (yagot_case){
        .suite = args[0], .file = args[1], .classname = args[2], .name = args[3], .type = args[5], .message = args[6],
        .text = args[7], .output = args[8], .pending = args[10] == Py_True,
    };
    if (read_kind(c, args[4]) < 0) {
        return -1;
    }
    c->milliseconds = PyLong_AsLongLong(args[9]);
    if (c->milliseconds == -1 && PyErr_Occurred()) {
        return -1;
    }
    /* a test may have moved the clock */
    c->milliseconds = c->milliseconds < 0 ? 0 : c->milliseconds > YAGOT_LONGEST ? YAGOT_LONGEST : c->milliseconds;
    c->line = PyLong_AsLong(args[11]);
    return c->line == -1 && PyErr_Occurred() ? -1 : 0;
}

/* -- to XML --------------------------------------------------------------------------------------- */

static void
write_result(yagot_xml *xml, const yagot_case *c, bool typed)
{
    yagot_xml_start(xml, c->kind);
    if (typed) {
        yagot_xml_attribute_str(xml, "type", c->type);
    }
    yagot_xml_attribute_str(xml, "message", c->message);
    if (c->text != Py_None) {
        yagot_xml_text_str(xml, c->text);
    }
    yagot_xml_end(xml, c->kind);
}

void
yagot_case_write(yagot_xml *xml, const yagot_case *c, bool ant, bool with_places)
{
    yagot_xml_start(xml, "testcase");
    yagot_xml_attribute_str(xml, "classname", c->classname);
    yagot_xml_attribute_str(xml, "name", c->name);
    yagot_xml_seconds(xml, "time", c->milliseconds);
    if (with_places && c->line > 0) {
        yagot_xml_attribute_str(xml, "file", c->file);
        yagot_xml_number(xml, "line", c->line);
    }
    if (c->kind != NULL) {
        write_result(xml, c, !ant || c->kind[0] != 's');
    }
    if (c->output != Py_None) {
        yagot_xml_start(xml, "system-out");
        yagot_xml_text_str(xml, c->output);
        yagot_xml_end(xml, "system-out");
    }
    yagot_xml_end(xml, "testcase");
    yagot_xml_raw(xml, "\n");
}
