/* asleep.c - see asleep.h. The kernel counts the time that a thread has run in nanoseconds: it is the same as long as
 * the thread waits.
 */
#include "observe/asleep.h"

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

#if PY_VERSION_HEX >= 0x030B0000
/* The other Python threads: their number, and with an array also what is known of each. */
static size_t
visit_others(const yagot_asleep *asleep, yagot_sleeper *threads, uint32_t label)
{
    enum { MOST = 256 };        /* there may be thousands, and each is looked up among all */
    PyThreadState *self = PyThreadState_Get(), *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    size_t count = 0;
    for (; t != NULL && count < MOST; t = PyThreadState_Next(t)) {
        if (t == self || t->native_thread_id == 0) {
            continue;
        }
        if (threads != NULL) {
            long number = (long)t->native_thread_id;
            const yagot_sleeper *before = find(asleep, number);
            int64_t ran = time_of(number);
            bool same = before != NULL && before->ran == ran;
            threads[count] = (yagot_sleeper){number, ran, same ? before->since : label};
        }
        count++;
    }
    return count;
}
#else
static size_t
visit_others(const yagot_asleep *asleep, yagot_sleeper *threads, uint32_t label)
{
    (void)asleep;
    (void)threads;
    (void)label;
    return 0;
}
#endif

void
yagot_asleep_note(yagot_asleep *asleep, uint32_t label)
{
    size_t count = visit_others(asleep, NULL, label);
    count = count > 0 && is_counted_finely() ? count : 0;
    yagot_sleeper *threads = count > 0 ? PyMem_RawMalloc(count * sizeof *threads) : NULL;
    count = threads != NULL ? visit_others(asleep, threads, label) : 0;
    PyMem_RawFree(asleep->threads);
    *asleep = (yagot_asleep){threads, count, label};
}

bool
yagot_is_asleep(const yagot_asleep *asleep, long number, uint32_t label)
{
    const yagot_sleeper *thread = find(asleep, number);
    return thread != NULL && thread->since <= label && thread->ran >= 0 && time_of(number) == thread->ran;
}

void
yagot_asleep_fini(yagot_asleep *asleep)
{
    PyMem_RawFree(asleep->threads);
    *asleep = (yagot_asleep){0};
}
