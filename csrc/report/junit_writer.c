/* junit_writer.c - report: a JUnit XML file that is complete and valid at every moment.
 *
 * Before a test runs, a test case that says the process died is written with all closing tags over the old
 * ones; when the test is through, its result is written over that. Each is one write, padded with white space
 * where the old tail was longer. The suite's counters have a fixed width and are rewritten in place; those of the
 * whole report, white space until then, are written at the end. The dialect is the one of docs/reference/junit.
 */
#include "report/junit_testcase.h"
#include "base/files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 8, COUNTERS_SIZE = 192 };    /* digits of a counter; room for all of them as text */

typedef struct {
    long long tests, failures, errors, skipped, milliseconds;
    off_t at;                       /* where they are in the file */
} counters;

typedef struct {
    PyObject_HEAD
    int file;                       /* -1 once closed */
    pid_t owner;                    /* forked children must not write */
    PyObject *name, *timestamp, *hostname, *properties;     /* owned */
    PyObject *suite, *suite_file;   /* owned; the open suite, NULL before the first */
    off_t next_at, end, size;       /* where the next test case goes; where white space begins; the file's size */
    bool pending;                   /* the case there is one that says the process died */
    bool ant, with_places;          /* the family: Ant's schema; cases with file and line */
    int suites;                     /* begun so far */
    bool broken;                    /* a write failed: what is known of the file may be wrong */
    counters root, inner;
    yagot_xml xml;
} junit_writer;

/* -- the file ------------------------------------------------------------------------------------- */

static int
checked(int result)
{
    if (result < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return result;
}

/* Writes the fragment where the next case goes, over the old tail; what is left of that becomes white space. */
static int
write_tail(junit_writer *self)
{
    char blank[128];
    off_t end = self->next_at + (off_t)self->xml.bytes.size;
    memset(blank, '\n', sizeof blank);
    for (off_t rest = self->end - end; rest > 0; rest -= (off_t)sizeof blank) {
        yagot_xml_raw_bytes(&self->xml, blank, rest < (off_t)sizeof blank ? (size_t)rest : sizeof blank);
    }
    size_t size;
    const char *bytes = yagot_xml_bytes(&self->xml, &size);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->end = end;
    self->size = self->next_at + (off_t)size > self->size ? self->next_at + (off_t)size : self->size;
    return checked(yagot_write_at(self->file, bytes, size, self->next_at));
}

/* -- start tags ----------------------------------------------------------------------------------- */

/* Counters as attributes, always of the same width. */
static void
format_counters(char text[COUNTERS_SIZE], const counters *c, bool skipped)
{
    char *end = yagot_put_digits(stpcpy(text, " tests=\""), c->tests, WIDTH);
    end = yagot_put_digits(stpcpy(end, "\" failures=\""), c->failures, WIDTH);
    end = yagot_put_digits(stpcpy(end, "\" errors=\""), c->errors, WIDTH);
    if (skipped) {
        end = yagot_put_digits(stpcpy(end, "\" skipped=\""), c->skipped, WIDTH);
    }
    (void)stpcpy(yagot_put_seconds(stpcpy(end, "\" time=\""), c->milliseconds, WIDTH), "\"");
}

/* Writes them, and notes where they go. */
static void
add_counters(junit_writer *self, counters *c, bool skipped)
{
    char text[COUNTERS_SIZE];
    c->at = self->next_at + (off_t)self->xml.bytes.size;
    format_counters(text, c, skipped);
    yagot_xml_attributes(&self->xml, text);
}

/* Writes new numbers over them, or white space. -1 with errno set. */
static int
rewrite_counters(const junit_writer *self, const counters *c, bool skipped, bool blank)
{
    char text[COUNTERS_SIZE];
    format_counters(text, c, skipped);
    size_t size = strlen(text);
    if (blank) {
        memset(text, ' ', size);
    }
    return yagot_write_at(self->file, text, size, c->at);
}

static void
start_root(junit_writer *self)
{
    yagot_xml_start(&self->xml, "testsuites");
    if (!self->ant) {
        yagot_xml_attribute_str(&self->xml, "name", self->name);
        add_counters(self, &self->root, false);
    }
}

static void
start_suite(junit_writer *self)
{
    yagot_xml_start(&self->xml, "testsuite");
    if (self->ant) {
        yagot_xml_attribute(&self->xml, "package", "");
        yagot_xml_number(&self->xml, "id", self->suites - 1);
    }
    yagot_xml_attribute_str(&self->xml, "name", self->suite);
    add_counters(self, &self->inner, true);
    yagot_xml_attribute_str(&self->xml, "timestamp", self->timestamp);
    yagot_xml_attribute_str(&self->xml, "hostname", self->hostname);
    if (!self->ant) {
        yagot_xml_attribute_str(&self->xml, "file", self->suite_file);
    }
}

/* What Ant's schema wants behind the cases of a suite. */
static const char *
suite_tail(const junit_writer *self)
{
    return self->ant ? "<system-out></system-out><system-err></system-err>\n" : "";
}

static void
add_properties(junit_writer *self)
{
    yagot_xml *xml = &self->xml;
    yagot_xml_start(xml, "properties");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->properties); i++) {
        PyObject *pair = PyTuple_GET_ITEM(self->properties, i);
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

/* -- test cases ----------------------------------------------------------------------------------- */

static void
count(counters *c, const char *kind, long long milliseconds, int by)
{
    c->tests += by;
    c->milliseconds += milliseconds;
    if (c->milliseconds > YAGOT_LONGEST) {
        c->milliseconds = YAGOT_LONGEST;
    }
    if (kind != NULL) {
        *(kind[0] == 'f' ? &c->failures : kind[0] == 'e' ? &c->errors : &c->skipped) += by;
    }
}

/* Begins the test case's suite after closing the one before. */
static void
begin_suite(junit_writer *self, const yagot_case *c)
{
    if (self->suite != NULL) {
        yagot_xml_raw(&self->xml, suite_tail(self));
        yagot_xml_raw(&self->xml, "</testsuite>\n");
    }
    self->suites++;
    self->inner = (counters){0};
    Py_XSETREF(self->suite, Py_NewRef(c->suite));
    Py_XSETREF(self->suite_file, Py_NewRef(c->file));
    start_suite(self);
    yagot_xml_raw(&self->xml, "\n");
    add_properties(self);
}

/* Writes a case and all closing tags. A pending one is overwritten by the next. */
static int
put_case(junit_writer *self, const yagot_case *c)
{
    yagot_xml_reset(&self->xml);
    int same = self->suite != NULL ? PyUnicode_Compare(self->suite, c->suite) == 0 : 0;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (self->pending) {
        count(&self->inner, "error", 0, -1);
        count(&self->root, "error", 0, -1);
    }
    if (!same) {
        begin_suite(self, c);
    }
    size_t before = self->xml.bytes.size;
    yagot_case_write(&self->xml, c, self->ant, self->with_places);
    size_t after = self->xml.bytes.size;
    yagot_xml_raw(&self->xml, suite_tail(self));
    yagot_xml_raw(&self->xml, "</testsuite>\n</testsuites>\n");
    if (write_tail(self) < 0) {
        return -1;
    }
    count(&self->inner, c->kind, c->milliseconds, 1);
    count(&self->root, c->kind, c->milliseconds, 1);
    self->pending = c->pending;
    self->next_at += (off_t)(c->pending ? before : after);
    return checked(rewrite_counters(self, &self->inner, true, false));
}

PyDoc_STRVAR(write_doc,
"write($self, suite, file, classname, name, kind, type, message, text, output, milliseconds, pending, line, /)\n--\n\n"
"Writes a test case; the file is complete and valid afterwards. kind is 'failure', 'error', 'skipped' or\n"
"None; type, message, text, output and file are str or None; line is 0 if unknown. A pending case is\n"
"overwritten by the next.\n"
"In a forked child nothing is written. Raises OSError, and ValueError if the report is closed.");

static PyObject *
junit_write(junit_writer *self, PyObject *const *args, Py_ssize_t count)
{
    yagot_case c;
    if (yagot_case_read(&c, args, count) < 0) {
        return NULL;
    }
    if (self->file < 0 || self->broken) {
        PyErr_SetString(PyExc_ValueError, self->file < 0 ? "the report is closed"
                                                         : "an earlier write to the report failed");
        return NULL;
    }
    if (self->owner == getpid() && put_case(self, &c) < 0) {
        self->broken = true;
        return NULL;
    }
    Py_RETURN_NONE;
}

/* -- begin and end -------------------------------------------------------------------------------- */

static int
write_skeleton(junit_writer *self)
{
    yagot_xml_raw(&self->xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    start_root(self);
    yagot_xml_raw(&self->xml, "\n");
    off_t next = (off_t)self->xml.bytes.size;
    yagot_xml_raw(&self->xml, "</testsuites>\n");
    if (write_tail(self) < 0) {
        return -1;
    }
    self->next_at = next;
    return self->ant ? 0 : checked(rewrite_counters(self, &self->root, false, true));
}

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

static PyObject *
junit_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"file", "name", "timestamp", "hostname", "properties", "family", NULL};
    int file;
    const char *family = "xunit2";
    PyObject *name, *timestamp, *hostname, *properties;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iUUUO!|s:JUnitWriter", names, &file, &name, &timestamp,
                                     &hostname, &PyTuple_Type, &properties, &family) || !are_pairs(properties)) {
        return NULL;
    }
    junit_writer *self = (junit_writer *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->file = file;
    self->owner = getpid();
    self->ant = strcmp(family, "ant") == 0;
    self->with_places = strcmp(family, "xunit1") == 0;
    self->name = Py_NewRef(name);
    self->timestamp = Py_NewRef(timestamp);
    self->hostname = Py_NewRef(hostname);
    self->properties = Py_NewRef(properties);
    if (write_skeleton(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* What is written at the end only. -1 with errno set. */
static int
complete_file(const junit_writer *self)
{
    int result = self->ant || self->broken ? 0 : rewrite_counters(self, &self->root, false, false);
    if (self->end < self->size && ftruncate(self->file, self->end) < 0) {
        result = -1;
    }
    return fsync(self->file) < 0 && errno != EINVAL && errno != EROFS ? -1 : result;
}

/* -1 with errno set. */
static int
close_file(junit_writer *self)
{
    int result = 0;
    if (self->file >= 0) {
        result = self->owner == getpid() ? complete_file(self) : 0;
        if (close(self->file) < 0) {
            result = -1;
        }
        self->file = -1;
    }
    return result;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\nFlushes the report to the disk and closes it. Raises OSError.");

static PyObject *
junit_close(junit_writer *self, PyObject *Py_UNUSED(ignored))
{
    return checked(close_file(self)) < 0 ? NULL : Py_NewRef(Py_None);
}

static void
junit_dealloc(junit_writer *self)
{
    PyTypeObject *type = Py_TYPE(self);
    (void)close_file(self);
    yagot_xml_fini(&self->xml);
    Py_CLEAR(self->name);
    Py_CLEAR(self->timestamp);
    Py_CLEAR(self->hostname);
    Py_CLEAR(self->properties);
    Py_CLEAR(self->suite);
    Py_CLEAR(self->suite_file);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef junit_methods[] = {
    {"write", (PyCFunction)(void (*)(void))junit_write, METH_FASTCALL, write_doc},
    {"close", (PyCFunction)junit_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(junit_doc,
"JUnitWriter(file, name, timestamp, hostname, properties, family='xunit2')\n--\n\n"
"Writes JUnit XML into an open, empty file (a descriptor, which it takes over). properties is a tuple of\n"
"pairs of str for each suite; family is 'xunit2', 'xunit1' or 'ant'. Raises OSError.");

static PyType_Slot junit_slots[] = {
    {Py_tp_doc, (void *)junit_doc},
    {Py_tp_new, junit_new},
    {Py_tp_dealloc, junit_dealloc},
    {Py_tp_methods, junit_methods},
    {0, NULL},
};

static PyType_Spec junit_spec = {
    .name = "yagot._core.JUnitWriter",
    .basicsize = sizeof(junit_writer),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = junit_slots,
};

int
yagot_junit_ready(PyObject *module, yagot_state *state)
{
    state->junit_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &junit_spec, NULL);
    return state->junit_type != NULL ? PyModule_AddType(module, state->junit_type) : -1;
}
