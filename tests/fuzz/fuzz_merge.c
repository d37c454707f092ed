/* fuzz_merge.c - a libFuzzer target: any bytes as a JUnit file to merge. `./dev fuzz` builds and runs it.
 *
 * What is read must be written as a report that reads back with as many test cases; what is refused must be refused
 * with ValueError. The core is part of the program, in an interpreter of its own.
 */
#include "core.h"

#include <libxml/xmlmemory.h>
#include <sys/mman.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit__core(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PyObject *merger_type;

static void
insist(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_merge: %s\n", what);
        if (PyErr_Occurred()) {
            PyErr_Print();
        }
        abort();
    }
}

int
LLVMFuzzerInitialize(int *Py_UNUSED(argc), char ***Py_UNUSED(argv))
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    PyImport_AppendInittab("_core", PyInit__core);
    insist(!PyStatus_Exception(Py_InitializeFromConfig(&config)), "no interpreter");
    PyConfig_Clear(&config);
    PyObject *core = PyImport_ImportModule("_core");
    insist(core != NULL, "no core");
    merger_type = PyObject_GetAttrString(core, "JUnitMerger");
    insist(merger_type != NULL, "no merger");
    Py_DECREF(core);
    return 0;
}

static int
memory_file(const char *name)
{
    int file = memfd_create(name, MFD_CLOEXEC);
    insist(file >= 0, "memfd_create");
    return file;
}

/* A merger that has read the file; NULL if the file was refused. */
static PyObject *
read_file(int file, const char *prefix, long *cases)
{
    PyObject *merger = PyObject_CallFunction(merger_type, "i", memory_file("spool"));
    insist(merger != NULL, "JUnitMerger()");
    PyObject *done = PyObject_CallMethod(merger, "read", "is", file, prefix);
    if (done == NULL) {
        insist(PyErr_ExceptionMatches(PyExc_ValueError), "read() raised something else than ValueError");
        PyErr_Clear();
        Py_DECREF(merger);
        return NULL;
    }
    Py_DECREF(done);
    PyObject *count = PyObject_GetAttrString(merger, "cases");
    insist(count != NULL, "cases");
    *cases = PyLong_AsLong(count);
    Py_DECREF(count);
    return merger;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long cases = 0, again = 0;
    int in = memory_file("in"), out = memory_file("out");
    insist(write(in, data, size) == (ssize_t)size && lseek(in, 0, SEEK_SET) == 0, "write");
    PyObject *merger = read_file(in, size % 2 == 0 ? "" : "shard", &cases);
    if (merger != NULL) {
        PyObject *more = PyObject_CallMethod(merger, "write", "isnn", out, "yagot", (Py_ssize_t)0, (Py_ssize_t)0);
        insist(more != NULL, "write()");
        Py_DECREF(more);
        insist(lseek(out, 0, SEEK_SET) == 0, "lseek");
        PyObject *back = read_file(out, "", &again);
        insist(back != NULL, "what was written cannot be read");
        insist(cases == again, "test cases were lost or added");
        Py_DECREF(back);
    }
    Py_XDECREF(merger);
    (void)close(in);
    (void)close(out);
    return 0;
}
