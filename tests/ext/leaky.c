/* leaky.c - a C extension that does wrong on purpose, for the tests. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- functions ------------------------------------------------------------------------------------ */

/* A stray Py_INCREF of the argument. */
static PyObject *
leaky_incref(PyObject *Py_UNUSED(module), PyObject *object)
{
    Py_INCREF(object);
    Py_RETURN_NONE;
}

/* A decref too many; the caller must know what it does. */
static PyObject *
leaky_decref(PyObject *Py_UNUSED(module), PyObject *object)
{
    Py_DECREF(object);
    Py_RETURN_NONE;
}

/* Makes a list and forgets it. */
static PyObject *
leaky_forget_new(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    (void)Py_BuildValue("[iis]", 1, 2, "forgotten");
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Makes a list, or a tuple, that it never fills, and forgets it. */
static PyObject *
leaky_forget_unfilled(PyObject *Py_UNUSED(module), PyObject *tuple)
{
    PyObject *made = PyObject_IsTrue(tuple) ? PyTuple_New(3) : PyList_New(3);
    return made != NULL ? Py_NewRef(Py_None) : NULL;
}

/* Copies a list of numbers; on its error path it forgets the copy. */
static PyObject *
leaky_checked_copy(PyObject *Py_UNUSED(module), PyObject *list)
{
    PyObject *copy = PySequence_List(list);
    if (copy == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(copy); i++) {
        if (!PyLong_Check(PyList_GET_ITEM(copy, i))) {
            PyErr_SetString(PyExc_TypeError, "numbers only");
            return NULL;
        }
    }
    return copy;
}

/* Returns a tuple that it caches, with a reference too many each time. */
static PyObject *
leaky_cached(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    static PyObject *cached = NULL;
    if (cached == NULL) {
        cached = Py_BuildValue("([i])", 1);
        if (cached == NULL) {
            return NULL;
        }
    }
    Py_INCREF(cached);
    Py_INCREF(cached);
    return cached;
}

/* Keeps the argument in a C variable, as a cache does: no bug. */
static PyObject *
leaky_keep(PyObject *Py_UNUSED(module), PyObject *object)
{
    static PyObject *kept = NULL;
    Py_INCREF(object);
    Py_XDECREF(kept);
    kept = object;
    Py_RETURN_NONE;
}

/* Keeps the first argument that it gets: no bug. */
static PyObject *
leaky_keep_first(PyObject *Py_UNUSED(module), PyObject *object)
{
    static PyObject *kept = NULL;
    if (kept == NULL) {
        kept = Py_NewRef(object);
    }
    Py_RETURN_NONE;
}

/* A cache in memory of its own: the newest eight. */
static PyObject *
leaky_remember(PyObject *Py_UNUSED(module), PyObject *object)
{
    enum { NEWEST = 8 };
    static PyObject **memory;
    static size_t next;
    if (memory == NULL && (memory = calloc(NEWEST, sizeof *memory)) == NULL) {
        return PyErr_NoMemory();
    }
    Py_XSETREF(memory[next], Py_NewRef(object));
    next = (next + 1) % NEWEST;
    Py_RETURN_NONE;
}

static PyObject *
leaky_malloc(PyObject *Py_UNUSED(module), PyObject *size)
{
    volatile char *memory = malloc((size_t)PyLong_AsSsize_t(size));
    if (memory != NULL) {
        memory[0] = 1;
    }
    Py_RETURN_NONE;
}

/* Waits without the GIL until a pipe gives an 'x', with words on the stack that were addresses once: no bug. */
static PyObject *
leaky_wait_with(PyObject *Py_UNUSED(module), PyObject *args)
{
    enum { MOST = 4096 };
    volatile char stack[MOST] = {0};
    const char *words;
    Py_ssize_t size;
    char got = 0;
    int pipe;
    if (!PyArg_ParseTuple(args, "y#i", &words, &size, &pipe)) {
        return NULL;
    }
    memcpy((void *)stack, words, size < MOST ? (size_t)size : MOST);
    Py_BEGIN_ALLOW_THREADS
    while (got != 'x' && read(pipe, &got, 1) == 1) {
    }
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(stack[0]);
}

/* -- a type whose traverse function does not show its member -------------------------------------- */

typedef struct {
    PyObject_HEAD
    PyObject *value;
} box;

static int
box_init(box *self, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *value;
    if (!PyArg_ParseTuple(args, "O:box", &value)) {
        return -1;
    }
    Py_INCREF(value);
    Py_XSETREF(self->value, value);
    return 0;
}

static void
free_box(box *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The member is released, as it should be. */
static void
box_dealloc(box *self)
{
    if (PyObject_IS_GC((PyObject *)self)) {
        PyObject_GC_UnTrack(self);
    }
    Py_CLEAR(self->value);
    free_box(self);
}

/* The member is forgotten. */
static void
forgetful_dealloc(box *self)
{
    free_box(self);
}

static int
blind_traverse(box *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int
box_clear(box *self)
{
    Py_CLEAR(self->value);
    return 0;
}

/* A finalizer of the old kind: the collector does not call it, and keeps the object. */
static void
old_del(PyObject *Py_UNUSED(self))
{
}

static int
box_traverse(box *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->value);
    return 0;
}

#define SLOT(function) ((void *)(function))

static PyType_Slot opaque_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(box_dealloc)}, {0, NULL},
};
static PyType_Slot forgetful_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(forgetful_dealloc)}, {0, NULL},
};
static PyType_Slot blind_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(box_dealloc)}, {Py_tp_traverse, SLOT(blind_traverse)},
    {Py_tp_clear, SLOT(box_clear)}, {0, NULL},
};
static PyType_Slot open_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(box_dealloc)}, {Py_tp_traverse, SLOT(box_traverse)},
    {Py_tp_clear, SLOT(box_clear)}, {0, NULL},
};
static PyType_Slot old_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(box_dealloc)}, {Py_tp_traverse, SLOT(box_traverse)},
    {Py_tp_clear, SLOT(box_clear)}, {Py_tp_del, SLOT(old_del)}, {0, NULL},
};

/* Blind, and the member is forgotten. */
static void
blind_forgetful_dealloc(box *self)
{
    PyObject_GC_UnTrack(self);
    free_box(self);
}

static PyType_Slot blind_forgetful_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(blind_forgetful_dealloc)},
    {Py_tp_traverse, SLOT(blind_traverse)}, {0, NULL},
};

static PyType_Spec specs[] = {
    {"leaky.Opaque", sizeof(box), 0, Py_TPFLAGS_DEFAULT, opaque_slots},
    {"leaky.Forgetful", sizeof(box), 0, Py_TPFLAGS_DEFAULT, forgetful_slots},
    {"leaky.Open", sizeof(box), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, open_slots},
    {"leaky.Blind", sizeof(box), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, blind_slots},
    {"leaky.BlindForgetful", sizeof(box), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
     blind_forgetful_slots},
    {"leaky.Old", sizeof(box), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, old_slots},
};

/* A traverse function that does not show the object's type, as those of Cython's functions. */
static int
silent_traverse(box *self, visitproc visit, void *arg)
{
    Py_VISIT(self->value);
    return 0;
}

static PyType_Slot silent_slots[] = {
    {Py_tp_init, SLOT(box_init)}, {Py_tp_dealloc, SLOT(box_dealloc)}, {Py_tp_traverse, SLOT(silent_traverse)},
    {Py_tp_clear, SLOT(box_clear)}, {0, NULL},
};
static PyType_Spec silent_spec = {
    "leaky.Silent", sizeof(box), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, silent_slots,
};

static PyObject *
leaky_make_silent_type(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyType_FromSpec(&silent_spec);
}

/* -- one thing of each kind, lost or given back, on the good path and on an error path ----------------- */

static PyObject *
finish(PyObject *fails)
{
    if (PyObject_IsTrue(fails)) {
        PyErr_SetString(PyExc_ValueError, "on purpose");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* A new reference to something new, or to something that was there before. */
#define OBJECT(name, reference)                                                                                 \
    static PyObject *leaky_lose_##name(PyObject *module, PyObject *fails)                                       \
    {                                                                                                           \
        (void)module;                                                                                           \
        return (reference) != NULL ? finish(fails) : NULL;                                                      \
    }                                                                                                           \
    static PyObject *leaky_clean_##name(PyObject *module, PyObject *fails)                                      \
    {                                                                                                           \
        (void)module;                                                                                           \
        PyObject *object = (reference);                                                                         \
        Py_XDECREF(object);                                                                                     \
        return object != NULL ? finish(fails) : NULL;                                                           \
    }

#define MEMORY(name, take, give)                                                                                \
    static PyObject *leaky_lose_##name(PyObject *Py_UNUSED(module), PyObject *fails)                            \
    {                                                                                                           \
        void *volatile memory = (take);                                                                         \
        return memory != NULL ? finish(fails) : PyErr_NoMemory();                                               \
    }                                                                                                           \
    static PyObject *leaky_clean_##name(PyObject *Py_UNUSED(module), PyObject *fails)                           \
    {                                                                                                           \
        void *volatile memory = (take);                                                                         \
        if (memory == NULL) {                                                                                   \
            return PyErr_NoMemory();                                                                            \
        }                                                                                                       \
        (give);                                                                                                 \
        return finish(fails);                                                                                   \
    }

static PyObject *
new_opaque(PyObject *module)
{
    PyObject *type = PyObject_GetAttrString(module, "Opaque");
    PyObject *object = type != NULL ? PyObject_CallFunction(type, "i", 5) : NULL;
    Py_XDECREF(type);
    return object;
}

enum { LARGE = 3 << 16 };

OBJECT(type, PyObject_GetAttrString(module, "Open"))
OBJECT(list, PyObject_GetAttrString(module, "LIST"))
OBJECT(tuple, PyObject_GetAttrString(module, "TUPLE"))
OBJECT(function, PyObject_GetAttrString(module, "incref"))
OBJECT(str, PyUnicode_FromString("a text"))
OBJECT(int, PyLong_FromLongLong(1LL << 60))
OBJECT(float, PyFloat_FromDouble(1.5))
OBJECT(bytes, PyBytes_FromString("some bytes"))
OBJECT(opaque, new_opaque(module))
MEMORY(malloc, malloc(48), free(memory))
MEMORY(calloc, calloc(3, 40), free(memory))
MEMORY(buffer, PyMem_Malloc(80), PyMem_Free(memory))
MEMORY(mapping, mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), munmap(memory, LARGE))

#define LOSES(name)                                          \
    {"lose_" #name, leaky_lose_##name, METH_O, NULL},        \
    {"clean_" #name, leaky_clean_##name, METH_O, NULL}

/* -- the module ----------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    LOSES(type), LOSES(list), LOSES(tuple), LOSES(function), LOSES(str), LOSES(int), LOSES(float), LOSES(bytes),
    LOSES(opaque), LOSES(malloc), LOSES(calloc), LOSES(buffer), LOSES(mapping),
    {"incref", leaky_incref, METH_O, NULL},
    {"decref", leaky_decref, METH_O, NULL},
    {"forget_new", leaky_forget_new, METH_NOARGS, NULL},
    {"forget_unfilled", leaky_forget_unfilled, METH_O, NULL},
    {"checked_copy", leaky_checked_copy, METH_O, NULL},
    {"cached", leaky_cached, METH_NOARGS, NULL},
    {"keep", leaky_keep, METH_O, NULL},
    {"keep_first", leaky_keep_first, METH_O, NULL},
    {"make_silent_type", leaky_make_silent_type, METH_NOARGS, NULL},
    {"remember", leaky_remember, METH_O, NULL},
    {"malloc", leaky_malloc, METH_O, NULL},
    {"wait_with", leaky_wait_with, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int
leaky_exec(PyObject *module)
{
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        PyObject *type = PyType_FromSpec(&specs[i]);
        if (type == NULL || PyModule_AddType(module, (PyTypeObject *)type) < 0) {
            Py_XDECREF(type);
            return -1;
        }
        Py_DECREF(type);
    }
    PyObject *list = PyList_New(0), *tuple = Py_BuildValue("(is)", 1, "cached");
    int result = list == NULL || tuple == NULL || PyModule_AddObjectRef(module, "LIST", list) < 0
                 || PyModule_AddObjectRef(module, "TUPLE", tuple) < 0 ? -1 : 0;
    Py_XDECREF(list);
    Py_XDECREF(tuple);
    return result;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, SLOT(leaky_exec)},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "leaky", .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_leaky(void)
{
    return PyModuleDef_Init(&definition);
}
