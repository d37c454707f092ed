/* junit_writer.c - report: a JUnit XML file that is complete and valid at every moment.
 *
 * Before a test runs, a test case that says the process died is written with all closing tags over the old
 * ones; when the test is through, its result is written over that. Each is one write, padded with white space
 * where the old tail was longer. The file is made longer first, by white space behind the end of the document, so that
 * a full disk or a limit stops a write that changes nothing; a write that fails half-way is taken back.
 * The suite's counters have a fixed width and are rewritten in place, and become plain numbers when the suite is
 * over; those of the whole report, white space until then, are written at the end. Between two tests the document ends
 * with a case that says that the run is not over, for which there is always room. The dialect is the one of
 * docs/reference/junit.
 */
#include "base/files.h"
#include "report/junit_frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    PyObject_HEAD
    yagot_file file;
    pid_t process;                  /* forked children must not write */
    yagot_frame frame;
    PyObject *suite;                /* owned; the open suite, NULL before the first */
    off_t next_at, end;             /* where the next test case goes; where white space begins */
    bool pending;                   /* the case there is one that says the process died */
    int suites;                     /* begun so far */
    size_t room;                    /* what the end takes while the run is not over */
    bool over;                      /* the run has come to its end, or the report to its own: a write failed */
    bool broken;                    /* a write failed, and so did taking it back */
    yagot_counters root, inner;
    yagot_xml xml;
} junit_writer;

/* -- the file ------------------------------------------------------------------------------------- */

static int
checked(int result)
{
    if (result < 0 && errno == YAGOT_FILE_LOST) {
        PyObject *error = PyObject_CallFunction(PyExc_OSError, "is", errno,
                                                "it was closed, removed or changed during the run");
        if (error != NULL) {
            PyErr_SetObject(PyExc_OSError, error);
            Py_DECREF(error);
        }
    }
    else if (result < 0 && errno == ENOMEM) {
        PyErr_NoMemory();
    }
    else if (result < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return result;
}

/* Writes the fragment where the next case goes, over the old tail; what is left of that becomes white space. -1 with
 * errno set. */
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
        errno = ENOMEM;
        return -1;
    }
    if (yagot_file_reserve(&self->file, self->next_at + (off_t)(size + self->room)) < 0) {
        return -1;
    }
    self->end = self->next_at + (off_t)size;    /* until all is there, white space begins behind it at the earliest */
    if (yagot_file_write(&self->file, bytes, size, self->next_at) < 0) {
        return -1;
    }
    self->end = end;
    return 0;
}

/* -- counters ------------------------------------------------------------------------------------- */

/* Writes the numbers of today over them. -1 with errno set. */
static int
rewrite_counters(junit_writer *self, const yagot_counters *c, bool skipped, yagot_counters_form form)
{
    char text[YAGOT_COUNTERS_SIZE];
    yagot_counters_format(text, c, skipped, form);
    return yagot_file_write(&self->file, text, strlen(text), c->at);
}

/* Makes them plain numbers; digits if that fails half-way. -1 with errno set. */
static int
finish_counters(junit_writer *self, const yagot_counters *c, bool skipped)
{
    if (rewrite_counters(self, c, skipped, YAGOT_PLAIN) == 0) {
        return 0;
    }
    int error = errno;
    (void)rewrite_counters(self, c, skipped, YAGOT_DIGITS);
    errno = error;
    return -1;
}

/* -- test cases ----------------------------------------------------------------------------------- */

/* Ends the open suite, if there is one. */
static void
end_suite(junit_writer *self)
{
    if (self->suite != NULL) {
        yagot_frame_end_suite(&self->xml, &self->frame);
    }
}

static void
begin_suite(junit_writer *self, const yagot_case *c, yagot_counters *inner)
{
    end_suite(self);
    yagot_frame_suite(&self->xml, &self->frame, c, self->suites, inner);
    inner->at += self->next_at;
}

/* Ends the document; until the run is over with the case that says so, but for where a pending one does. */
static void
end_document(junit_writer *self, bool pending, int suites)
{
    if (!pending && !self->over) {
        yagot_frame_ending(&self->xml, &self->frame, suites);
    }
    yagot_xml_raw(&self->xml, "</testsuites>\n");
}

static void
forget_pending(junit_writer *self)
{
    if (self->pending) {
        yagot_counters_add(&self->inner, "error", 0, -1);
        yagot_counters_add(&self->root, "error", 0, -1);
        self->pending = false;
    }
}

/* Ends the document where the next case would go: what is there now is half written, or not true. -1 with errno set. */
static int
take_back(junit_writer *self)
{
    forget_pending(self);
    self->file.unlimited = true;
    yagot_xml_reset(&self->xml);
    end_suite(self);
    end_document(self, false, self->suites);
    if (write_tail(self) < 0) {
        self->broken = true;
        return -1;
    }
    return self->suite != NULL ? rewrite_counters(self, &self->inner, true, YAGOT_DIGITS) : 0;
}

/* The suite of a case that was written is the open one now; the one before is over. -1 with errno set. */
static int
enter_suite(junit_writer *self, const yagot_case *c, const yagot_counters *inner)
{
    int result = self->suite != NULL ? finish_counters(self, &self->inner, true) : 0;
    Py_XSETREF(self->suite, Py_NewRef(c->suite));
    self->inner = *inner;
    self->suites++;
    return result;
}

/* Writes a case and all closing tags. A pending one is overwritten by the next. -1 with errno set. */
static int
put_case(junit_writer *self, const yagot_case *c, bool same)
{
    yagot_counters fresh = {0};
    forget_pending(self);
    yagot_xml_reset(&self->xml);
    if (!same) {
        begin_suite(self, c, &fresh);
    }
    size_t before = self->xml.bytes.size;
    yagot_case_write(&self->xml, c, self->frame.ant, self->frame.with_places);
    size_t after = self->xml.bytes.size;
    yagot_frame_end_suite(&self->xml, &self->frame);
    end_document(self, c->pending, self->suites + !same);
    if (write_tail(self) < 0) {
        return -1;
    }
    self->next_at += (off_t)(c->pending ? before : after);
    int result = same ? 0 : enter_suite(self, c, &fresh);
    self->pending = c->pending;
    yagot_counters_add(&self->inner, c->kind, c->milliseconds, 1);
    yagot_counters_add(&self->root, c->kind, c->milliseconds, 1);
    return rewrite_counters(self, &self->inner, true, YAGOT_DIGITS) < 0 ? -1 : result;
}

/* The same; after an error the file is as if the case had not come, as far as that can be had. -1 with an exception. */
static int
try_case(junit_writer *self, const yagot_case *c)
{
    int same = self->suite != NULL ? PyUnicode_Compare(self->suite, c->suite) == 0 : 0;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (put_case(self, c, same) < 0) {
        int error = errno;
        self->over = true;      /* the user learns of it in other ways */
        (void)take_back(self);
        errno = error;
        return checked(-1);
    }
    return 0;
}

PyDoc_STRVAR(write_doc,
"write($self, suite, file, classname, name, kind, type, message, text, output, milliseconds, pending, line, /)\n--\n\n"
"Writes a test case; the file is complete and valid afterwards. kind is 'failure', 'error', 'skipped' or\n"
"None; type, message, text, output and file are str or None; line is 0 if unknown. A pending case is\n"
"overwritten by the next.\n"
"In a forked child nothing is written. Raises OSError, and the case is not in the file then; ValueError if the\n"
"report is closed.");

static PyObject *
junit_write(junit_writer *self, PyObject *const *args, Py_ssize_t count)
{
    yagot_case c;
    if (yagot_case_read(&c, args, count) < 0) {
        return NULL;
    }
    if (self->file.descriptor < 0 || self->broken) {
        PyErr_SetString(PyExc_ValueError, self->broken ? "an earlier write to the report failed"
                                                       : "the report is closed");
        return NULL;
    }
    if (self->process == getpid() && try_case(self, &c) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* -- begin and end -------------------------------------------------------------------------------- */

/* A report without tests, and without the counters of the whole. -1 with errno set. */
static int
write_skeleton(junit_writer *self)
{
    yagot_frame_ending(&self->xml, &self->frame, 0);
    self->room = self->xml.bytes.size;
    yagot_xml_reset(&self->xml);
    yagot_xml_raw(&self->xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    yagot_frame_root(&self->xml, &self->frame, &self->root);
    off_t next = (off_t)self->xml.bytes.size;
    end_document(self, false, 0);
    self->end = self->file.size;
    if (write_tail(self) < 0) {
        return -1;
    }
    self->next_at = next;
    return 0;
}

static PyObject *
junit_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"file", "name", "timestamp", "hostname", "properties", "family", "path",
                            "ending", NULL};
    int file;
    const char *family = "xunit2";
    PyObject *path = Py_None, *ending = Py_None, *name, *timestamp, *hostname, *properties;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iUUUO!|sOO:JUnitWriter", names, &file, &name, &timestamp,
                                     &hostname, &PyTuple_Type, &properties, &family, &path, &ending)) {
        return NULL;
    }
    const char *again = path != Py_None ? PyBytes_AsString(path) : NULL;
    if (PyErr_Occurred()) {
        return NULL;
    }
    junit_writer *self = (junit_writer *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->file.descriptor = -1;
    self->process = getpid();
    if (yagot_frame_init(&self->frame, name, timestamp, hostname, properties, ending, family) < 0
        || checked(yagot_file_take(&self->file, file, again)) < 0 || checked(write_skeleton(self)) < 0) {
        self->broken = true;    /* nothing is completed */
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
keep_first(int *error, int result)
{
    if (result < 0 && *error == 0) {
        *error = errno;
    }
}

/* Writes what is written at the end only. -1 with errno set. */
static int
complete_file(junit_writer *self)
{
    int error = 0;
    if (!self->broken && self->suite != NULL) {
        keep_first(&error, finish_counters(self, &self->inner, true));
    }
    if (!self->broken && !self->frame.ant) {
        if (!self->over && !self->pending && self->frame.ending != Py_None) {
            yagot_counters_add(&self->root, "error", 0, 1);     /* the case at the end stays */
        }
        keep_first(&error, finish_counters(self, &self->root, false));
    }
    keep_first(&error, yagot_file_finish(&self->file, self->end));
    errno = error;
    return error == 0 ? 0 : -1;
}

/* -1 with errno set. */
static int
close_file(junit_writer *self)
{
    int error = 0;
    if (self->file.descriptor >= 0) {
        if (self->process == getpid()) {
            keep_first(&error, complete_file(self));
        }
        keep_first(&error, yagot_file_close(&self->file));
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n--\n\n"
"Flushes the report to the disk and closes it. A case that is still pending is taken out: the process has not died.\n"
"So is the ending. Raises OSError.");

static PyObject *
junit_close(junit_writer *self, PyObject *Py_UNUSED(ignored))
{
    int error = 0;
    if (!self->broken && self->file.descriptor >= 0 && self->process == getpid()) {
        self->over = true;
        keep_first(&error, take_back(self));
        if (self->broken) {     /* once more: half of it may have been written */
            self->broken = take_back(self) < 0;
        }
    }
    keep_first(&error, close_file(self));
    errno = error;
    return checked(error == 0 ? 0 : -1) < 0 ? NULL : Py_NewRef(Py_None);
}

static void
junit_dealloc(junit_writer *self)
{
    PyTypeObject *type = Py_TYPE(self);
    (void)close_file(self);
    yagot_xml_fini(&self->xml);
    yagot_frame_clear(&self->frame);
    Py_CLEAR(self->suite);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef junit_methods[] = {
    {"write", (PyCFunction)(void (*)(void))junit_write, METH_FASTCALL, write_doc},
    {"close", (PyCFunction)junit_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

static PyObject *
junit_reopened(junit_writer *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->file.reopened);
}

static PyGetSetDef junit_attributes[] = {
    {"reopened", (getter)(void (*)(void))junit_reopened, NULL,
     "Was the descriptor closed by somebody, and the file opened again?", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(junit_doc,
"JUnitWriter(file, name, timestamp, hostname, properties, family='xunit2', path=None, ending=None)\n--\n\n"
"Writes JUnit XML over what an open file has (a descriptor, which it takes over). properties is a tuple of\n"
"pairs of str for each suite; family is 'xunit2', 'xunit1' or 'ant'; path, absolute and in bytes, is where the file\n"
"is opened again, should its descriptor be closed; ending has the arguments of write() for a case that stands at the\n"
"end until close(), or until a write fails. Raises OSError.");

static PyType_Slot junit_slots[] = {
    {Py_tp_doc, (void *)junit_doc},
    {Py_tp_new, junit_new},
    {Py_tp_dealloc, junit_dealloc},
    {Py_tp_methods, junit_methods},
    {Py_tp_getset, junit_attributes},
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
