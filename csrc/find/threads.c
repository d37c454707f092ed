/* threads.c - find: references of running frames and of thread states. See holders.h.
 *
 * From 3.11 on a running frame's variables do not show in a traversal, nor does the reference to the function that
 * it runs. Of the frame's stack of temporaries nothing can be known: whoever asks must do so where none of them was
 * born in the window.
 */
#include "find/holders.h"

#if PY_VERSION_HEX >= 0x030C0000
static void
add_variables(yagot_holders *h, PyFrameObject *frame, PyObject *names)
{
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *value = PyFrame_GetVar(frame, PyTuple_GET_ITEM(names, i));
        yagot_holders_add(h, value);
        Py_XDECREF(value);      /* the frame keeps it */
        PyErr_Clear();          /* NameError: unbound */
    }
    Py_XDECREF(names);
}

static void
add_frame(yagot_holders *h, PyFrameObject *frame)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    add_variables(h, frame, PyCode_GetVarnames(code));
    Py_DECREF(code);
    PyErr_Clear();
}
#elif PY_VERSION_HEX >= 0x030B0000
static void
add_copy(yagot_holders *h, PyFrameObject *frame, PyObject *locals)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(locals, &position, &key, &value)) {
        yagot_holders_add(h, value);
    }
    PyCodeObject *code = PyFrame_GetCode(frame);
    if (code->co_flags & CO_OPTIMIZED) {
        PyDict_Clear(locals);   /* a copy that the frame keeps */
    }
    Py_DECREF(code);
}

static void
add_frame(yagot_holders *h, PyFrameObject *frame)
{
    PyObject *locals = PyFrame_GetLocals(frame);
    if (locals != NULL && PyDict_Check(locals)) {
        add_copy(h, frame, locals);
    }
    Py_XDECREF(locals);
    PyErr_Clear();
}
#else
static void
add_frame(yagot_holders *h, PyFrameObject *frame)
{
    (void)Py_TYPE(frame)->tp_traverse((PyObject *)frame, yagot_holders_visit, h);
}
#endif

/* From 3.11 on a running frame holds the function that it runs. */
static void
add_function(yagot_holders *h, PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyCodeObject *code = PyFrame_GetCode(frame);
    for (uint32_t i = 0; i < h->wanted->count; i++) {
        PyObject *object = h->wanted->objects[i];
        if (PyFunction_Check(object) && PyFunction_GET_CODE(object) == (PyObject *)code) {
            h->wanted->refs[i]--;
        }
    }
    Py_DECREF(code);
#else
    (void)h;
    (void)frame;
#endif
}

static void
add_exceptions(yagot_holders *h, const _PyErr_StackItem *item)
{
    for (; item != NULL; item = item->previous_item) {
        yagot_holders_add(h, item->exc_value);
#if PY_VERSION_HEX < 0x030B0000
        yagot_holders_add(h, item->exc_type);
        yagot_holders_add(h, item->exc_traceback);
#endif
    }
}

static void
add_thread(yagot_holders *h, PyThreadState *thread)
{
    yagot_holders_add(h, thread->dict);
    yagot_holders_add(h, thread->context);
    yagot_holders_add(h, thread->c_traceobj);
    yagot_holders_add(h, thread->c_profileobj);
    yagot_holders_add(h, thread->async_gen_firstiter);
    yagot_holders_add(h, thread->async_gen_finalizer);
    add_exceptions(h, thread->exc_info);
    PyFrameObject *frame = PyThreadState_GetFrame(thread);
    while (frame != NULL) {
        add_frame(h, frame);
        add_function(h, frame);
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
    }
}

void
yagot_holders_add_threads(yagot_holders *h)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    yagot_holders_add(h, PyInterpreterState_GetDict(interpreter));
    for (PyThreadState *t = PyInterpreterState_ThreadHead(interpreter); t != NULL; t = PyThreadState_Next(t)) {
        add_thread(h, t);
    }
}
