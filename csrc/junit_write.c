/* junit_write.c - report: a JUnit XML file that is complete and valid at every moment.
 *
 * Before a test runs, a test case that says the process died is written with all closing tags over the old
 * ones; when the test is through, its result is written over that. Each is one write, padded with white space
 * where the old tail was longer. The suite's counters have a fixed width and are rewritten in place; those of the
 * whole report, white space until then, are written at the end. The dialect is the one of docs/reference/junit.
 */
#include "output.h"
#include "xmlout.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
    size_t size;
    if (yagot_xml_bytes(&self->xml, &size) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    off_t end = self->next_at + (off_t)size;
    for (; self->next_at + (off_t)size < self->end; size++) {
        yagot_xml_raw(&self->xml, "\n");
    }
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

static void
add_number(yagot_xml *xml, const char *name, long long number)
{
    char text[32];
    PyOS_snprintf(text, sizeof text, "%08lld", number);
    yagot_xml_attribute(xml, name, text);
}

/* Seconds with three decimals from an integer: no locale has a say. */
static void
add_time(yagot_xml *xml, const char *format, long long milliseconds)
{
    char text[48];
    PyOS_snprintf(text, sizeof text, format, milliseconds / 1000, (int)(milliseconds % 1000));
    yagot_xml_attribute(xml, "time", text);
}

/* Counters as attributes, and where they go. */
static void
add_counters(junit_writer *self, counters *c, bool skipped)
{
    size_t before = 0;
    yagot_xml *xml = &self->xml;
    (void)yagot_xml_bytes(xml, &before);
    c->at = self->next_at + (off_t)before;
    add_number(xml, "tests", c->tests);
    add_number(xml, "failures", c->failures);
    add_number(xml, "errors", c->errors);
    if (skipped) {
        add_number(xml, "skipped", c->skipped);
    }
    add_time(xml, "%08lld.%03d", c->milliseconds);
}

/* Writes new numbers over them, in the same width; or white space. -1 with errno set. */
static int
rewrite_counters(const junit_writer *self, const counters *c, bool skipped, bool blank)
{
    char text[160];
    int size = PyOS_snprintf(text, sizeof text, " tests=\"%08lld\" failures=\"%08lld\" errors=\"%08lld\"", c->tests,
                             c->failures, c->errors);
    if (skipped) {
        size += PyOS_snprintf(text + size, sizeof text - (size_t)size, " skipped=\"%08lld\"", c->skipped);
    }
    size += PyOS_snprintf(text + size, sizeof text - (size_t)size, " time=\"%08lld.%03d\"", c->milliseconds / 1000,
                          (int)(c->milliseconds % 1000));
    if (blank) {
        memset(text, ' ', (size_t)size);
    }
    return yagot_write_at(self->file, text, (size_t)size, c->at);
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
        char number[16];
        PyOS_snprintf(number, sizeof number, "%d", self->suites - 1);
        yagot_xml_attribute(&self->xml, "package", "");
        yagot_xml_attribute(&self->xml, "id", number);
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
    yagot_xml_start(&self->xml, "properties");
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->properties); i++) {
        PyObject *pair = PyTuple_GET_ITEM(self->properties, i);
        yagot_xml_raw(&self->xml, "\n");
        yagot_xml_start(&self->xml, "property");
        yagot_xml_attribute_str(&self->xml, "name", PyTuple_GET_ITEM(pair, 0));
        yagot_xml_attribute_str(&self->xml, "value", PyTuple_GET_ITEM(pair, 1));
        yagot_xml_end(&self->xml);
    }
    yagot_xml_raw(&self->xml, "\n");
    yagot_xml_end(&self->xml);
    yagot_xml_raw(&self->xml, "\n");
}

/* -- test cases ----------------------------------------------------------------------------------- */

typedef struct {
    PyObject *suite, *file, *classname, *name, *kind, *type, *message, *text, *output;  /* borrowed */
    long long milliseconds;
    int line;                       /* 0: not told */
    bool untyped_skips;             /* as Ant's schema wants them */
} test_case;

static void
add_result(yagot_xml *xml, const test_case *c, const char *kind)
{
    yagot_xml_start(xml, kind);
    if (!c->untyped_skips || kind[0] != 's') {
        yagot_xml_attribute_str(xml, "type", c->type);
    }
    yagot_xml_attribute_str(xml, "message", c->message);
    if (c->text != Py_None) {
        yagot_xml_text(xml, c->text);
    }
    yagot_xml_end(xml);
}

static void
add_case(yagot_xml *xml, const test_case *c, const char *kind)
{
    yagot_xml_start(xml, "testcase");
    yagot_xml_attribute_str(xml, "classname", c->classname);
    yagot_xml_attribute_str(xml, "name", c->name);
    add_time(xml, "%lld.%03d", c->milliseconds);
    if (c->line > 0) {
        char number[16];
        PyOS_snprintf(number, sizeof number, "%d", c->line);
        yagot_xml_attribute_str(xml, "file", c->file);
        yagot_xml_attribute(xml, "line", number);
    }
    if (kind != NULL) {
        add_result(xml, c, kind);
    }
    if (c->output != Py_None) {
        yagot_xml_start(xml, "system-out");
        yagot_xml_text(xml, c->output);
        yagot_xml_end(xml);
    }
    yagot_xml_end(xml);
    yagot_xml_raw(xml, "\n");
}

static void
count(counters *c, const char *kind, long long milliseconds, int by)
{
    c->tests += by;
    c->milliseconds += milliseconds;
    if (kind != NULL) {
        *(kind[0] == 'f' ? &c->failures : kind[0] == 'e' ? &c->errors : &c->skipped) += by;
    }
}

/* Begins the test case's suite after closing the one before. */
static int
begin_suite(junit_writer *self, const test_case *c)
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
    return 0;
}

/* Writes a case and all closing tags. A pending one is overwritten by the next. */
static int
put_case(junit_writer *self, const test_case *c, const char *kind, bool pending)
{
    size_t before = 0, after = 0;
    yagot_xml_reset(&self->xml);
    int same = self->suite != NULL ? PyUnicode_Compare(self->suite, c->suite) == 0 : 0;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (self->pending) {
        count(&self->inner, "error", 0, -1);
        count(&self->root, "error", 0, -1);
    }
    bool complete = (same || begin_suite(self, c) == 0) && yagot_xml_bytes(&self->xml, &before) != NULL;
    add_case(&self->xml, c, kind);
    complete = complete && yagot_xml_bytes(&self->xml, &after) != NULL;
    yagot_xml_raw(&self->xml, suite_tail(self));
    if (same) {
        yagot_xml_raw(&self->xml, "</testsuite>");
    }
    else {
        yagot_xml_end(&self->xml);
    }
    yagot_xml_raw(&self->xml, "\n</testsuites>\n");
    if (!complete) {
        PyErr_NoMemory();
        return -1;
    }
    if (write_tail(self) < 0) {
        return -1;
    }
    count(&self->inner, kind, c->milliseconds, 1);
    count(&self->root, kind, c->milliseconds, 1);
    self->pending = pending;
    self->next_at += (off_t)(pending ? before : after);
    return checked(rewrite_counters(self, &self->inner, true, false));
}

PyDoc_STRVAR(write_doc,
"write($self, /, *, suite, file, classname, name, kind, type, message, text, output, milliseconds, pending, line)\n--\n\n"
"Writes a test case; the file is complete and valid afterwards. kind is 'failure', 'error', 'skipped' or\n"
"None; type, message, text, output and file are str or None; line is 0 if unknown. A pending case is\n"
"overwritten by the next.\n"
"In a forked child nothing is written. Raises OSError, and ValueError if the report is closed.");

static PyObject *
junit_write(junit_writer *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"suite", "file", "classname", "name", "kind", "type", "message", "text", "output",
                            "milliseconds", "pending", "line", NULL};
    test_case c = {.line = 0};
    const char *kind;
    int pending;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$UOUUzOOOOLpi:write", names, &c.suite, &c.file, &c.classname,
                                     &c.name, &kind, &c.type, &c.message, &c.text, &c.output, &c.milliseconds,
                                     &pending, &c.line)) {
        return NULL;
    }
    c.untyped_skips = self->ant;
    c.line = self->with_places ? c.line : 0;
    if (kind != NULL && strcmp(kind, "failure") != 0 && strcmp(kind, "error") != 0 && strcmp(kind, "skipped") != 0) {
        PyErr_Format(PyExc_ValueError, "kind must be 'failure', 'error', 'skipped' or None, not %s", kind);
        return NULL;
    }
    if (self->file < 0) {
        PyErr_SetString(PyExc_ValueError, "the report is closed");
        return NULL;
    }
    if (self->broken) {
        PyErr_SetString(PyExc_ValueError, "an earlier write to the report failed");
        return NULL;
    }
    if (self->owner == getpid() && put_case(self, &c, kind, pending) < 0) {
        self->broken = true;
        return NULL;
    }
    Py_RETURN_NONE;
}

/* -- begin and end -------------------------------------------------------------------------------- */

static int
write_skeleton(junit_writer *self)
{
    size_t size;
    yagot_xml_raw(&self->xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    start_root(self);
    yagot_xml_raw(&self->xml, "\n");
    if (yagot_xml_bytes(&self->xml, &size) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    off_t next = (off_t)size;
    yagot_xml_end(&self->xml);
    yagot_xml_raw(&self->xml, "\n");
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
    if (yagot_xml_init(&self->xml) < 0) {
        PyErr_NoMemory();
        Py_DECREF(self);
        return NULL;
    }
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
    {"write", (PyCFunction)(void (*)(void))junit_write, METH_VARARGS | METH_KEYWORDS, write_doc},
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
