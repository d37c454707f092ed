/* kernel.c - see kernel.h. */
#include "base/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int
yagot_visit_threads(void (*visit)(long number, void *arg), void *arg)
{
    long self = syscall(SYS_gettid);
    DIR *threads = opendir("/proc/self/task");
    if (threads == NULL) {
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        long number = strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && number != self) {
            visit(number, arg);
        }
    }
    (void)closedir(threads);
    return 0;
}

void
yagot_read_of_thread(long number, const char *name, char *text, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%ld/%s", number, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, size - 1) : 0;
    if (file >= 0) {
        (void)close(file);
    }
    text[got > 0 ? got : 0] = '\0';
}
