/* stacks.c - find: references on the stacks of other threads.
 *
 * A thread holds what it works with on its C stack, and on the stack of its Python frames. It waits for the GIL or in
 * a system call while we look: the kernel knows how far its stack reaches then. Of a thread that is running nothing can
 * be known, nor where the kernel does not say it.
 */
#include "find/reach.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RED_ZONE = 128, MOST_OF_A_STACK = 1 << 20, STACK_PAGE = 4096 };

/* Where a thread's stack ends; 0 if nobody knows. The last two numbers of this file are stack and program pointers. */
static uintptr_t
stack_pointer(const char *thread)
{
    char path[64], text[256];
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/syscall", thread);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    if (file >= 0) {
        (void)close(file);
    }
    text[size > 0 ? size : 0] = 0;
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

static void
search_c_stacks(yagot_reach *r)
{
    long self = syscall(SYS_gettid);
    DIR *threads = opendir("/proc/self/task");
    if (threads == NULL) {
        r->h->stacks = true;
        return;
    }
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == self) {
            continue;
        }
        uintptr_t end = stack_pointer(entry->d_name), start = (end & ~(uintptr_t)7) - RED_ZONE;
        if (end == 0 || yagot_reach_unsafe(r, start, size_of_stack(r, start), true) == 0) {
            r->h->stacks = true;
        }
    }
    (void)closedir(threads);
}

/* From 3.11 on frames lie in memory of their own: in chunks, of which the newest is in use up to its top. */
static void
search_frames(yagot_reach *r)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    PyThreadState *self = PyThreadState_Get();
    for (PyThreadState *t = PyInterpreterState_ThreadHead(interpreter); t != NULL; t = PyThreadState_Next(t)) {
        const _PyStackChunk *newest = t != self ? t->datastack_chunk : NULL;
        for (const _PyStackChunk *chunk = newest; chunk != NULL; chunk = chunk->previous) {
            PyObject *const *end = chunk == newest ? t->datastack_top : chunk->data + chunk->top;
            if (end > chunk->data) {
                yagot_reach_range(r, chunk->data, (size_t)(end - chunk->data) * sizeof *end, true);
            }
        }
    }
#else
    (void)r;
#endif
}

void
yagot_reach_stacks(yagot_reach *r)
{
    search_frames(r);
    search_c_stacks(r);
}
