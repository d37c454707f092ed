/* junit_frame.c - report: what a JUnit report has around its test cases.
 *
 * Until the run is over the document ends with a suite of one case, an error, so that nobody takes what has been
 * written so far for the report of a whole run.
 */
#include "report/junit_frame.h"

#include <string.h>

/* -- from Python ---------------------------------------------------------------------------------- */

static bool
are_pairs(PyObject *properties)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(properties); i++) {
        PyObject *pair = PyTuple_GET_ITEM(properties, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0))
            || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 1))) {
            PyErr_SetString(PyExc_TypeError, "properties must be a tuple of pairs of str");
            return false;
        }
    }
    return true;
}

static int
read_ending(yagot_frame *frame)
{
    if (frame->ending == Py_None) {
        return 0;
    }
    if (!PyTuple_Check(frame->ending)) {
        PyErr_SetString(PyExc_TypeError, "ending must be a tuple or None");
        return -1;
    }
    return yagot_case_read(&frame->last, &PyTuple_GET_ITEM(frame->ending, 0), PyTuple_GET_SIZE(frame->ending));
}

int
yagot_frame_init(yagot_frame *frame, PyObject *name, PyObject *timestamp, PyObject *hostname, PyObject *properties,
                 PyObject *ending, const char *family)
{
    *frame = (yagot_frame){
        .name = Py_NewRef(name), .timestamp = Py_NewRef(timestamp), .hostname = Py_NewRef(hostname),
        .properties = Py_NewRef(properties), .ending = Py_NewRef(ending),
        .ant = strcmp(family, "ant") == 0, .with_places = strcmp(family, "xunit1") == 0,
    };
    return are_pairs(properties) ? read_ending(frame) : -1;
}

void
yagot_frame_clear(yagot_frame *frame)
{
    Py_CLEAR(frame->name);
    Py_CLEAR(frame->timestamp);
    Py_CLEAR(frame->hostname);
    Py_CLEAR(frame->properties);
    Py_CLEAR(frame->ending);
}

/* -- to XML --------------------------------------------------------------------------------------- */

static void
add_counters(yagot_xml *xml, yagot_counters *c, bool skipped, yagot_counters_form form)
{
    char text[YAGOT_COUNTERS_SIZE];
    c->at = (off_t)xml->bytes.size;
    yagot_counters_format(text, c, skipped, form);
    yagot_xml_attributes(xml, text);
}

static void
add_properties(yagot_xml *xml, PyObject *properties)
{
    yagot_xml_start(xml, "properties");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(properties); i++) {
        PyObject *pair = PyTuple_GET_ITEM(properties, i);
        yagot_xml_raw(xml, "\n");
        yagot_xml_start(xml, "property");
        yagot_xml_attribute_str(xml, "name", PyTuple_GET_ITEM(pair, 0));
        yagot_xml_attribute_str(xml, "value", PyTuple_GET_ITEM(pair, 1));
        yagot_xml_end(xml, "property");
    }
    yagot_xml_raw(xml, "\n");
    yagot_xml_end(xml, "properties");
    yagot_xml_raw(xml, "\n");
}

void
yagot_frame_root(yagot_xml *xml, const yagot_frame *frame, yagot_counters *root)
{
    yagot_xml_start(xml, "testsuites");
    if (!frame->ant) {
        yagot_xml_attribute_str(xml, "name", frame->name);
        add_counters(xml, root, false, YAGOT_BLANK);
    }
    yagot_xml_raw(xml, "\n");
}

void
yagot_frame_suite(yagot_xml *xml, const yagot_frame *frame, const yagot_case *c, int id, yagot_counters *inner)
{
    yagot_xml_start(xml, "testsuite");
    if (frame->ant) {
        yagot_xml_attribute(xml, "package", "");
        yagot_xml_number(xml, "id", id);
    }
    yagot_xml_attribute_str(xml, "name", c->suite);
    add_counters(xml, inner, true, YAGOT_DIGITS);
    yagot_xml_attribute_str(xml, "timestamp", frame->timestamp);
    yagot_xml_attribute_str(xml, "hostname", frame->hostname);
    if (!frame->ant) {
        yagot_xml_attribute_str(xml, "file", c->file);
    }
    yagot_xml_raw(xml, "\n");
    add_properties(xml, frame->properties);
}

void
yagot_frame_end_suite(yagot_xml *xml, const yagot_frame *frame)
{
    yagot_xml_raw(xml, frame->ant ? "<system-out></system-out><system-err></system-err>\n" : "");  /* Ant wants them */
    yagot_xml_raw(xml, "</testsuite>\n");
}

void
yagot_frame_ending(yagot_xml *xml, const yagot_frame *frame, int id)
{
    if (frame->ending != Py_None) {
        yagot_counters one = {.tests = 1, .errors = 1};
        yagot_frame_suite(xml, frame, &frame->last, id, &one);
        yagot_case_write(xml, &frame->last, frame->ant, frame->with_places);
        yagot_frame_end_suite(xml, frame);
    }
}
