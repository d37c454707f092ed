/* faults.c - preloaded into a process: lets one call on files below a directory fail, for tests/test_faults.py.
 *
 * faults_arm(directory, call, error, half): from now on the calls are counted, and the one of that number (from 1) fails
 * with the error; half: a write that fails writes half of its bytes first, as a short write followed by an error.
 * faults_pause(on): calls are not counted meanwhile; faults_name(): which function failed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char directory[4096];
static int number, wanted, error_number, halves, paused;
static const char *failed = "";

void
faults_arm(const char *where, int call, int error, int half)
{
    snprintf(directory, sizeof directory, "%s", where);
    number = 0;
    wanted = call;
    error_number = error;
    halves = half;
    failed = "";
}

void
faults_pause(int on)
{
    paused = on;
}

const char *
faults_name(void)
{
    return failed;
}

static int
is_below(const char *path)
{
    size_t length = strlen(directory);
    return length > 0 && path != NULL && strncmp(path, directory, length) == 0;
}

static int
is_open_below(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = directory[0] != 0 ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return is_below(path);
}

static int
fails(int below, const char *name)
{
    if (paused || !below || ++number != wanted) {
        return 0;
    }
    failed = name;
    errno = error_number;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPENS(name)                                                         \
    int name(const char *path, int flags, ...)                              \
    {                                                                       \
        va_list list;                                                       \
        va_start(list, flags);                                              \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;           \
        va_end(list);                                                       \
        return fails(is_below(path), "open") ? -1 : NEXT(name)(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

ssize_t
write(int file, const void *bytes, size_t size)
{
    if (fails(is_open_below(file), "write")) {
        if (halves && size > 1) {
            (void)!NEXT(write)(file, bytes, size / 2);
            errno = error_number;
        }
        return -1;
    }
    return NEXT(write)(file, bytes, size);
}

/* A short write; the caller goes on, and is told of the error then. */
#define WRITES_AT(name)                                                     \
    ssize_t name(int file, const void *bytes, size_t size, off_t at)        \
    {                                                                       \
        static int pending;                                                 \
        if (pending && !paused) {                                                      \
            pending = 0;                                                    \
            errno = error_number;                                           \
            return -1;                                                      \
        }                                                                   \
        if (fails(is_open_below(file), "pwrite")) {                         \
            if (halves && size > 1) {                                       \
                pending = 1;                                                \
                return NEXT(name)(file, bytes, size / 2, at);               \
            }                                                               \
            return -1;                                                      \
        }                                                                   \
        return NEXT(name)(file, bytes, size, at);                           \
    }
WRITES_AT(pwrite)
WRITES_AT(pwrite64)

int
rename(const char *from, const char *to)
{
    return fails(is_below(to), "rename") ? -1 : NEXT(rename)(from, to);
}

int
fsync(int file)
{
    return fails(is_open_below(file), "fsync") ? -1 : NEXT(fsync)(file);
}

int
ftruncate64(int file, off_t size)
{
    return fails(is_open_below(file), "ftruncate") ? -1 : NEXT(ftruncate64)(file, size);
}

int
ftruncate(int file, off_t size)
{
    return fails(is_open_below(file), "ftruncate") ? -1 : NEXT(ftruncate)(file, size);
}

int
fchmod(int file, mode_t mode)
{
    return fails(is_open_below(file), "fchmod") ? -1 : NEXT(fchmod)(file, mode);
}

int
mkdir(const char *path, mode_t mode)
{
    return fails(is_below(path), "mkdir") ? -1 : NEXT(mkdir)(path, mode);
}
