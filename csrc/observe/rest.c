/* rest.c - see rest.h. The kernel says of each thread whether it could run; while the GIL is free, nobody waits for it
 * for long. */
#include "observe/rest.h"

#include "base/kernel.h"
#include "core.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = YAGOT_RESTLESS, LOOKS = 2 };
enum { FIRST_PAUSE = 20000, LAST_PAUSE = 1000000, LONGEST = 100000000 };        /* in nanoseconds */

typedef struct {
    long numbers[MOST_THREADS]; /* the kernel's */
    size_t count;
} threads;

/* -- which threads -------------------------------------------------------------------------------- */

static void
add_thread(long number, void *list)
{
    threads *others = list;
    if (number != syscall(SYS_gettid) && others->count < MOST_THREADS) {
        others->numbers[others->count++] = number;
    }
}

/* The other Python threads; all others of the process where there are some of whom Python knows no number, as before
 * 3.11, or of a thread that has not run yet. */
static void
list_others(threads *others)
{
    PyThreadState *self = PyThreadState_Get(), *t = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    bool unknown = false;
    others->count = 0;
    for (; t != NULL; t = PyThreadState_Next(t)) {
        if (t == self) {
            continue;
        }
        long number = yagot_number_of_thread(t);
        unknown |= number == 0;
        add_thread(number, others);
    }
    if (unknown) {
        others->count = 0;
        (void)yagot_visit_threads(add_thread, others);
    }
}

/* -- what they do --------------------------------------------------------------------------------- */

/* Does it run, or could it? The state follows the name, which is in parentheses. */
static bool
is_at_work(long number)
{
    char text[128];
    yagot_read_of_thread(number, "stat", text, sizeof text);
    const char *end = strrchr(text, ')');
    return end != NULL && strncmp(end, ") R", 3) == 0;
}

/* The place among the restless ones, or -1. */
static int
find_restless(const yagot_rest *rest, long number)
{
    for (int i = 0; i < YAGOT_RESTLESS; i++) {
        if (rest->restless[i] == number) {
            return i;
        }
    }
    return -1;
}

/* Keeps those that are at work, but for the restless; who is found at rest is not restless any more. */
static void
keep_at_work(yagot_rest *rest, const threads *others, threads *at_work)
{
    at_work->count = 0;
    for (size_t i = 0; i < others->count; i++) {
        long number = others->numbers[i];
        bool works = is_at_work(number);
        int place = find_restless(rest, number);
        if (works && place < 0) {
            add_thread(number, at_work);
        }
        if (!works && place >= 0) {
            rest->restless[place] = 0;
        }
    }
}

static long
nanoseconds_since(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000000000L + (now.tv_nsec - start->tv_nsec);
}

/* One that hands over to another may be seen resting before, and the other one after: so we look more than once. */
static void
wait_for(yagot_rest *rest, const threads *others)
{
    threads at_work;
    struct timespec start, pause = {.tv_nsec = FIRST_PAUSE};
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (int quiet = 0; quiet < LOOKS;) {
        (void)nanosleep(&pause, NULL);
        keep_at_work(rest, others, &at_work);
        quiet = at_work.count == 0 ? quiet + 1 : 0;
        if (quiet == 0 && nanoseconds_since(&start) > LONGEST) {
            break;
        }
        if (quiet == 0 && pause.tv_nsec * 2 <= LAST_PAUSE) {
            pause.tv_nsec *= 2;
        }
    }
    for (size_t i = 0; i < at_work.count; i++) {
        rest->restless[rest->next++ % YAGOT_RESTLESS] = at_work.numbers[i];
    }
}

void
yagot_rest_wait(yagot_rest *rest)
{
    threads others;
    list_others(&others);
    if (others.count > 0) {
        Py_BEGIN_ALLOW_THREADS
        wait_for(rest, &others);
        Py_END_ALLOW_THREADS
    }
}
