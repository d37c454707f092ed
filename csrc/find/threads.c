/* threads.c - find: references of running frames and of thread states. See holders.h.
 *
 * From 3.11 on a running frame's variables do not show in a traversal, nor does the reference to the function that
 * it runs. Of the frame's stack of temporaries nothing can be known: whoever asks must do so where none of them was
 * born in the window.
 */
#include "base/frames.h"
#include "find/holders.h"

#if PY_VERSION_HEX >= 0x030B0000
static int
add_variable(PyObject *Py_UNUSED(name), PyObject *value, bool in_cell, void *holders)
{
    if (!in_cell) {             /* a cell shows what is in it */
        yagot_holders_add(holders, value);
    }
    return 0;
}

static void
add_frame(yagot_holders *h, PyFrameObject *frame)
{
    (void)yagot_visit_variables(frame, add_variable, h);
    yagot_holders_add(h, yagot_frame_namespace(frame));
    yagot_holders_add(h, yagot_frame_copy(frame));
    if (!yagot_is_tracked((PyObject *)frame)) {     /* a trace function; from 3.13 on also what a debugger has added */
        (void)Py_TYPE(frame)->tp_traverse((PyObject *)frame, yagot_holders_visit, h);
    }
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
