/* junit_merger.c - report: writes the spooled test cases suite by suite, with true counters. See junit_reader.c. */
#include "report/junit_spool.h"
#include "base/files.h"
#include "report/xml_out.h"

#include <errno.h>
#include <unistd.h>

typedef struct {
    PyObject_HEAD
    yagot_spool spool;
    uint32_t suite, record;     /* what is written next; record: YAGOT_NONE at a suite's start */
} merger;

typedef struct {
    long long tests, results[4], milliseconds;  /* results by severity */
    uint64_t bytes;
    uint32_t stop;              /* the record behind the part */
} part;

/* The file to write. */
typedef struct {
    int file;
    off_t end;
    yagot_xml xml;              /* what is not written yet */
} joined;

/* -- writing -------------------------------------------------------------------------------------- */

static int
flush(joined *out, size_t least)
{
    size_t size;
    const char *bytes = yagot_xml_bytes(&out->xml, &size);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (size < least) {
        return 0;
    }
    if (yagot_write_at(out->file, bytes, size, out->end) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    out->end += (off_t)size;
    yagot_xml_reset(&out->xml);
    return 0;
}

static void
add_counters(yagot_xml *xml, const part *p, bool skipped)
{
    yagot_xml_number(xml, "tests", p->tests);
    yagot_xml_number(xml, "failures", p->results[2]);
    yagot_xml_number(xml, "errors", p->results[3]);
    if (skipped) {
        yagot_xml_number(xml, "skipped", p->results[1]);
    }
    yagot_xml_seconds(xml, "time", p->milliseconds);
}

static void
add_optional(yagot_xml *xml, const char *name, const char *value)
{
    if (value != NULL) {
        yagot_xml_attribute(xml, name, value);
    }
}

/* Measures the part of a suite, from a record on, that still fits. */
static int
measure(yagot_spool *s, uint32_t from, part *p, long long cases, uint64_t bytes)
{
    for (p->stop = from; p->stop != YAGOT_NONE; p->stop = s->records[p->stop].next) {
        const yagot_record *record = &s->records[p->stop];
        yagot_spooled head;
        if (yagot_spool_head(s, record, &head) < 0) {
            return -1;
        }
        if (p->tests > 0 && (p->tests >= cases || p->bytes + head.size > bytes)) {
            break;
        }
        p->tests++;
        p->bytes += head.size + 1;
        p->milliseconds += head.milliseconds;
        p->results[record->meta >> YAGOT_HASH_BITS]++;
    }
    return 0;
}

static int
copy_case(yagot_spool *s, const yagot_record *record, yagot_xml *xml)
{
    yagot_spooled head;
    if (yagot_spool_head(s, record, &head) < 0) {
        return -1;
    }
    yagot_xml_raw_bytes(xml, s->map + yagot_spool_place(record) + sizeof head + head.identity, head.size);
    yagot_xml_raw(xml, "\n");
    return 0;
}

static int
write_suite(merger *self, joined *out, uint32_t index, uint32_t from, const part *p)
{
    yagot_xml *xml = &out->xml;
    yagot_spool *s = &self->spool;
    const yagot_suite *suite = &s->suites[index];
    yagot_xml_start(xml, "testsuite");
    yagot_xml_attribute(xml, "name", suite->name);
    add_counters(xml, p, true);
    add_optional(xml, "timestamp", suite->timestamp);
    add_optional(xml, "hostname", suite->hostname);
    add_optional(xml, "file", suite->file);
    yagot_xml_raw(xml, "\n");
    yagot_xml_raw(xml, yagot_text_get(&suite->properties));
    for (uint32_t r = from; r != p->stop; r = s->records[r].next) {
        if (copy_case(s, &s->records[r], xml) < 0 || flush(out, 1 << 16) < 0) {
            return -1;
        }
    }
    yagot_xml_raw(xml, p->stop == YAGOT_NONE ? yagot_text_get(&suite->output) : "");
    yagot_xml_raw(xml, "</testsuite>\n");
    return flush(out, 1 << 16);
}

/* Goes over the suites that fit into one file; writes them unless `out` is NULL. `total` gets the sums. */
static int
go_over(merger *self, joined *out, part *total, long long cases, uint64_t bytes)
{
    yagot_spool *s = &self->spool;
    uint32_t suite = self->suite, record = self->record;
    long long left = cases;
    uint64_t room = bytes;
    while (suite < s->suite_count && (left > 0 || total->tests == 0)) {
        part p = {0};
        uint32_t from = record != YAGOT_NONE ? record : s->suites[suite].first;
        if (measure(s, from, &p, left, room) < 0) {
            return -1;
        }
        if (total->tests > 0 && p.bytes > room) {
            break;              /* a single case that is too large for what is left */
        }
        if (out != NULL && write_suite(self, out, suite, from, &p) < 0) {
            return -1;
        }
        total->tests += p.tests;
        total->milliseconds += p.milliseconds;
        for (int i = 0; i < 4; i++) {
            total->results[i] += p.results[i];
        }
        left -= p.tests;
        room -= p.bytes < room ? p.bytes : room;
        record = p.stop;
        suite += record == YAGOT_NONE;
    }
    if (out != NULL) {
        self->suite = suite;
        self->record = record;
    }
    return 0;
}

static int
write_report(merger *self, int file, const char *name, long long cases, uint64_t bytes)
{
    joined out = {.file = file};
    part total = {0}, again = {0};
    yagot_xml *xml = &out.xml;
    int result = yagot_spool_map(&self->spool) < 0 ? -1 : go_over(self, NULL, &total, cases, bytes);
    if (result == 0) {
        yagot_xml_raw(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        yagot_xml_start(xml, "testsuites");
        yagot_xml_attribute(xml, "name", name);
        add_counters(xml, &total, false);
        yagot_xml_raw(xml, "\n");
        result = go_over(self, &out, &again, cases, bytes);
    }
    if (result == 0) {
        yagot_xml_raw(xml, "</testsuites>\n");
        result = flush(&out, 0);
    }
    if (result == 0 && fsync(file) < 0 && errno != EINVAL && errno != EROFS) {
        PyErr_SetFromErrno(PyExc_OSError);
        result = -1;
    }
    yagot_xml_fini(xml);
    return result;
}

/* -- the type ------------------------------------------------------------------------------------- */

static PyObject *
merger_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"spool", NULL};
    int file;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "i:JUnitMerger", names, &file)) {
        return NULL;
    }
    merger *self = (merger *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->spool.file = file;
    self->record = YAGOT_NONE;
    self->spool.by_name = xmlHashCreate(64);
    if (self->spool.by_name == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void
merger_dealloc(merger *self)
{
    PyTypeObject *type = Py_TYPE(self);
    yagot_spool_fini(&self->spool);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(read_doc,
"read($self, file, prefix='', /)\n--\n\n"
"Adds the test cases of a JUnit XML file, a descriptor, which stays open; prefix and a dot come before the\n"
"names of its suites and classes. Raises ValueError, and keeps what was read before the error.");

static PyObject *
merger_read(merger *self, PyObject *args)
{
    int file;
    const char *prefix = "";
    char error[320];
    if (!PyArg_ParseTuple(args, "i|s:read", &file, &prefix)) {
        return NULL;
    }
    yagot_spool_unmap(&self->spool);
    if (yagot_spool_read(&self->spool, file, prefix, error, sizeof error) < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, error);
        }
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(write_doc,
"write($self, file, name, cases=0, bytes=0, /)\n--\n\n"
"Writes a report with what was not written yet, with at most so many cases and about so many bytes (0: no\n"
"limit) to a descriptor, which stays open. Returns whether anything is left. Raises OSError.");

static PyObject *
merger_write(merger *self, PyObject *args)
{
    int file;
    const char *name;
    long long cases = 0, bytes = 0;
    if (!PyArg_ParseTuple(args, "is|LL:write", &file, &name, &cases, &bytes)) {
        return NULL;
    }
    if (write_report(self, file, name, cases > 0 ? cases : INT64_MAX, bytes > 0 ? (uint64_t)bytes : UINT64_MAX) < 0) {
        return NULL;
    }
    return PyBool_FromLong(self->suite < self->spool.suite_count);
}

static PyObject *
merger_cases(merger *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->spool.count);
}

static PyObject *
merger_duplicates(merger *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(self->spool.duplicates);
}

static PyMethodDef merger_methods[] = {
    {"read", (PyCFunction)merger_read, METH_VARARGS, read_doc},
    {"write", (PyCFunction)merger_write, METH_VARARGS, write_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef merger_getset[] = {
    {"cases", (getter)merger_cases, NULL, "test cases read, without duplicates", NULL},
    {"duplicates", (getter)merger_duplicates, NULL, "cases that were there before: of two the worse is kept", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(merger_doc,
"JUnitMerger(spool)\n--\n\n"
"Reads JUnit XML files and writes one. spool is the descriptor of an empty file, which it takes over: test cases\n"
"lie there meanwhile; in memory 18 bytes each stay.");

static PyType_Slot merger_slots[] = {
    {Py_tp_doc, (void *)merger_doc}, {Py_tp_new, merger_new}, {Py_tp_dealloc, merger_dealloc},
    {Py_tp_methods, merger_methods}, {Py_tp_getset, merger_getset}, {0, NULL},
};

static PyType_Spec merger_spec = {
    .name = "yagot._core.JUnitMerger",
    .basicsize = sizeof(merger),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = merger_slots,
};

int
yagot_merger_ready(PyObject *module, yagot_state *state)
{
    state->merger_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &merger_spec, NULL);
    return state->merger_type != NULL ? PyModule_AddType(module, state->merger_type) : -1;
}
