/* stacks.c - find: references on the stacks of other threads.
 *
 * A thread holds what it works with on its C stack, and on the stack of its Python frames. It waits for the GIL or in
 * a system call while we look: the kernel knows how far its stack reaches then. It does not say that of a thread that
 * is running, in C code that has released the GIL: all that is mapped of its stack is searched, up to a size, and what
 * its registers hold stays unknown.
 */
#include "base/kernel.h"
#include "find/reach.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RED_ZONE = 128, MOST_OF_A_STACK = 1 << 20, STACK_PAGE = 4096 };

/* Where a thread's stack ends; 0 if nobody knows. The last two numbers of this file are stack and program pointers. */
static uintptr_t
stack_pointer(long thread)
{
    char text[256];
    yagot_read_of_thread(thread, "syscall", text, sizeof text);
    char *last = strrchr(text, ' ');
    if (last == NULL) {
        return 0;               /* "running" */
    }
    *last = 0;
    char *before = strrchr(text, ' ');
    return before != NULL ? (uintptr_t)strtoull(before, NULL, 16) : 0;
}

/* How much of a stack is in use. glibc keeps a thread's description at the far end, which begins with its own address
 * (on x86-64 it does, and once more in its third word); what is mapped beyond it belongs to anybody. */
static size_t
size_of_stack(yagot_reach *r, uintptr_t start)
{
    enum { LINE = 8, MIDST_OF_DESCRIPTION = 2048 };
    uintptr_t words[STACK_PAGE / sizeof(uintptr_t)];
    uintptr_t page = start & ~(uintptr_t)(STACK_PAGE - 1);
    for (; page < start + MOST_OF_A_STACK; page += STACK_PAGE) {
        if (yagot_memory_read(r->memory, page, words, sizeof words) < sizeof words) {
            break;
        }
        for (size_t i = 0; i < sizeof words / sizeof *words; i += LINE) {
            if (words[i] == page + i * sizeof *words && words[i + 2] == words[i]) {
                return ((words[i] + MIDST_OF_DESCRIPTION) | (STACK_PAGE - 1)) + 1 - start;
            }
        }
    }
    return MOST_OF_A_STACK;
}

/* Whether this is the kernel's number of a Python thread. 3.10 does not know it, but the C library notes it in the
 * description of the thread, and the kernel deletes it there when the thread ends. */
static bool
has_number(yagot_reach *r, const PyThreadState *thread, long number)
{
#if PY_VERSION_HEX >= 0x030B0000
    (void)r;
    return yagot_number_of_thread(thread) == number;
#else
    enum { FIRST = 8, MOST = 256 };
    int32_t description[MOST];
    size_t size = yagot_memory_read(r->memory, (uintptr_t)thread->thread_id, description, sizeof description);
    size_t i = FIRST;
    while (i < size / sizeof *description && description[i] != number) {
        i++;
    }
    return i < size / sizeof *description;
#endif
}

/* The Python thread with this number; NULL if there is none. The state of a thread that has ended may be left over: the
 * caller knows that the kernel's thread is there. */
static const PyThreadState *
thread_of(yagot_reach *r, long number)
{
    PyThreadState *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    while (t != NULL && !has_number(r, t, number)) {
        t = PyThreadState_Next(t);
    }
    return t;
}

/* Searches the far end of a running thread's stack. It does not end meanwhile: deleting its state needs the GIL. */
static void
search_running(yagot_reach *r, long number)
{
    const PyThreadState *thread = thread_of(r, number);
    pthread_attr_t attributes;
    void *lowest;
    size_t size;
    if (thread == NULL || pthread_getattr_np((pthread_t)thread->thread_id, &attributes) != 0) {
        return;
    }
    if (pthread_attr_getstack(&attributes, &lowest, &size) == 0) {
        uintptr_t end = (uintptr_t)lowest + size, word;
        uintptr_t start = end - (size < MOST_OF_A_STACK ? size : MOST_OF_A_STACK);
        while (start < end && yagot_memory_read(r->memory, start, &word, sizeof word) < sizeof word) {
            start += STACK_PAGE;        /* the main thread's stack is mapped as it grows */
        }
        (void)yagot_reach_unsafe(r, start, start < end ? end - start : 0, true);
    }
    (void)pthread_attr_destroy(&attributes);
}

static void
search_c_stack(long thread, void *reach)
{
    yagot_reach *r = reach;
    if (yagot_is_asleep(r->asleep, thread, r->since)) {
        return;
    }
    uintptr_t end = stack_pointer(thread), start = (end & ~(uintptr_t)7) - RED_ZONE;
    if (end == 0) {
        search_running(r, thread);
    }
    if (end == 0 || yagot_reach_unsafe(r, start, size_of_stack(r, start), true) == 0) {
        r->h->stacks = true;
    }
}

#if PY_VERSION_HEX >= 0x030B0000
/* Frames lie in memory of their own: in chunks, of which the newest is in use up to its top. */
static void
search_frames_of(yagot_reach *r, const PyThreadState *t)
{
    for (const _PyStackChunk *chunk = t->datastack_chunk; chunk != NULL; chunk = chunk->previous) {
        PyObject *const *end = chunk == t->datastack_chunk ? t->datastack_top : chunk->data + chunk->top;
        if (end > chunk->data) {
            yagot_reach_range(r, chunk->data, (size_t)(end - chunk->data) * sizeof *end, true);
        }
    }
}
#else
/* A frame does not say how much of its stack is in use while it runs. */
static void
search_frames_of(yagot_reach *r, const PyThreadState *t)
{
    for (const PyFrameObject *frame = t->frame; frame != NULL; frame = frame->f_back) {
        yagot_reach_range(r, frame->f_valuestack, (size_t)frame->f_code->co_stacksize * sizeof(PyObject *), true);
    }
}
#endif

/* What other threads work with. */
static void
search_frames(yagot_reach *r)
{
    PyThreadState *self = PyThreadState_Get();
    PyThreadState *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; t != NULL; t = PyThreadState_Next(t)) {
        if (t != self && !yagot_is_asleep(r->asleep, yagot_number_of_thread(t), r->since)) {
            search_frames_of(r, t);
        }
    }
}

void
yagot_reach_stacks(yagot_reach *r)
{
    search_frames(r);
    if (yagot_visit_threads(search_c_stack, r) < 0) {
        r->h->stacks = true;
    }
}
