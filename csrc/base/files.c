/* files.c - see files.h. */
#include "base/files.h"

#include <errno.h>
#include <unistd.h>

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
