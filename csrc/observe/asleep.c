/* asleep.c - see asleep.h. The kernel counts the time that a thread has run in nanoseconds: it is the same as long as
 * the thread waits.
 */
#include "observe/asleep.h"

#include "base/array.h"
#include "base/kernel.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct yagot_sleeper {
    long number;                /* the kernel's */
    int64_t ran;                /* nanoseconds, when the last window began; -1: not known */
    uint32_t since;             /* the label of the first window at whose beginning it was the same */
};

/* How long a thread has run, in nanoseconds; -1 if the kernel does not say. This is how glibc numbers the clocks that
 * pthread_getcpuclockid() gives, which may be asked about threads that are there only. */
static int64_t
time_of(long number)
{
    enum { OF_A_THREAD = 6 };
    struct timespec ran;
    clockid_t clock = (clockid_t)((~(unsigned)number << 3) | OF_A_THREAD);
    return clock_gettime(clock, &ran) == 0 ? ran.tv_sec * INT64_C(1000000000) + ran.tv_nsec : -1;
}

/* A sandbox may have a kernel of its own, which counts in larger steps: then a short run would not be seen. */
static bool
is_counted_finely(void)
{
    long self = syscall(SYS_gettid);
    int64_t before = time_of(self);
    return before >= 0 && time_of(self) > before;
}

static const yagot_sleeper *
find(const yagot_asleep *asleep, long number)
{
    for (size_t i = 0; i < asleep->count; i++) {
        if (asleep->threads[i].number == number) {
            return &asleep->threads[i];
        }
    }
    return NULL;
}

void
yagot_asleep_note(yagot_asleep *asleep, uint32_t label)
{
    enum { MOST = 256 };        /* there may be thousands, and each is looked up among all */
    PyThreadState *self = PyThreadState_Get(), *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    yagot_asleep now = {0};
    size_t room = 0;
    for (; t != NULL && now.count < MOST; t = PyThreadState_Next(t)) {
        long number = yagot_number_of_thread(t);
        if (t == self || number == 0) {
            continue;
        }
        yagot_sleeper *grown = yagot_array_grow(now.threads, now.count, &room, sizeof *grown);
        if (grown == NULL) {
            break;
        }
        const yagot_sleeper *before = find(asleep, number);
        int64_t ran = time_of(number);
        bool same = before != NULL && before->ran == ran;
        now.threads = grown;
        now.threads[now.count++] = (yagot_sleeper){number, ran, same ? before->since : label};
    }
    yagot_asleep_fini(asleep);
    *asleep = now;
}

bool
yagot_is_asleep(const yagot_asleep *asleep, long number, uint32_t label)
{
    const yagot_sleeper *thread = find(asleep, number);
    return thread != NULL && thread->since <= label && thread->ran >= 0 && time_of(number) == thread->ran
           && is_counted_finely();
}

void
yagot_asleep_fini(yagot_asleep *asleep)
{
    PyMem_RawFree(asleep->threads);
    *asleep = (yagot_asleep){0};
}
