/* check.h - for tests of C units that Python does not reach alone.
 *
 * Each test_x.c becomes an extension module with a function for each TEST, which ctest calls by name: so no libpython is
 * needed to link with. CMake finds the tests by lines that begin with "TEST(".
 */
#ifndef YAGOT_CHECK_H
#define YAGOT_CHECK_H

#include "core.h"

/* Ends the test with an AssertionError unless the condition holds. */
#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            if (!PyErr_Occurred()) { \
                PyErr_Format(PyExc_AssertionError, "%s:%d: %s", __FILE__, __LINE__, #condition); \
            } \
            return; \
        } \
    } while (0)

#define TEST(name) \
    static void name(void); \
    static PyObject *run_##name(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) \
    { \
        name(); \
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None); \
    } \
    static void name(void)

#define ENTRY(name) {#name, run_##name, METH_NOARGS, NULL}

/* The module with the methods in `methods`. */
#define MODULE(name) \
    static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, #name, NULL, -1, methods, NULL, NULL, NULL, NULL}; \
    PyMODINIT_FUNC PyInit_##name(void); \
    PyMODINIT_FUNC PyInit_##name(void) \
    { \
        return PyModule_Create(&definition); \
    }

#endif
