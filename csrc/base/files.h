/* files.h - bytes into files, and a file that stays the same one whatever tests do to descriptors.
 *
 * In:  descriptors: a yagot_file owns its own, the plain functions borrow theirs.
 * Out: bytes at an offset.
 * Errors are -1 with errno set; no exception is set.
 */
#ifndef YAGOT_OUTPUT_H
#define YAGOT_OUTPUT_H

#include "core.h"

#include <sys/types.h>

/* Writes all the bytes at an offset; -1 with errno set. Sets no exception, needs no GIL. */
int yagot_write_at(int file, const char *bytes, size_t size, off_t at);
/* Reads so many bytes from there; -1 with errno set, EIO where the file ends before. */
int yagot_read_at(int file, char *bytes, size_t size, off_t at);

/* An open file. A test may close its descriptor, or open another file under its number: before each use the device and
 * the inode are compared, and the file is opened again by its path if it is still there. */
typedef struct {
    int descriptor;             /* -1: closed */
    dev_t device;
    ino_t inode;
    off_t size;                 /* what was written so far, and must still be there */
    bool reopened;
    bool unlimited;             /* do not mind a limit on sizes, if it may be raised: what was begun is to be ended */
    char *path;                 /* owned; absolute; NULL: the file cannot be opened again */
} yagot_file;

/* What errno is when the file was removed, replaced or shortened by somebody else. */
#define YAGOT_FILE_LOST ESTALE

/* Takes over a descriptor, and moves it to a high number: tests find the low ones as they would without us. -1 with
 * errno set; the descriptor is the caller's then. */
int yagot_file_take(yagot_file *file, int descriptor, const char *path);
/* Writes at an offset. -1 with errno set; SIGXFSZ is never raised. */
int yagot_file_write(yagot_file *file, const char *bytes, size_t size, off_t at);
/* Sees to it that the file has so many bytes, by line feeds at its end; rarely has to. -1 with errno set. */
int yagot_file_reserve(yagot_file *file, off_t size);
/* Cuts the file, flushes it to the disk and checks whether it is still the one at its path. -1 with errno set. */
int yagot_file_finish(yagot_file *file, off_t size);
/* Closes the descriptor if it is still ours, and forgets the path. -1 with errno set. */
int yagot_file_close(yagot_file *file);

#endif
