/* files.h - report: bytes into a file. */
#ifndef YAGOT_OUTPUT_H
#define YAGOT_OUTPUT_H

#include "core.h"

#include <sys/types.h>

/* Writes all the bytes at an offset; -1 with errno set. Sets no exception, needs no GIL. */
int yagot_write_at(int file, const char *bytes, size_t size, off_t at);
/* Reads so many bytes from there; -1 with errno set, EIO where the file ends before. */
int yagot_read_at(int file, char *bytes, size_t size, off_t at);

#endif
