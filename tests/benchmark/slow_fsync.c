/* Copyright (c) 2026, the redtrust.certificate_enroll authors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk that needs SLOW_FSYNC_MS milliseconds more for each fsync and fdatasync. For LD_PRELOAD.
 * A process that ends writes the number of its calls to the file SLOW_FSYNC_LOG, one line each.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;

static int slowly(const char *name, int descriptor)
{
    const char *milliseconds = getenv("SLOW_FSYNC_MS");
    long wait = milliseconds ? atol(milliseconds) : 0;
    struct timespec pause = {wait / 1000, wait % 1000 * 1000000};
    int (*original)(int);

    atomic_fetch_add(&calls, 1);
    nanosleep(&pause, NULL);
    *(void **)&original = dlsym(RTLD_NEXT, name);
    return original(descriptor);
}

int fsync(int descriptor)
{
    return slowly("fsync", descriptor);
}

int fdatasync(int descriptor)
{
    return slowly("fdatasync", descriptor);
}

__attribute__((destructor)) static void count(void)
{
    const char *path = getenv("SLOW_FSYNC_LOG");
    long made = atomic_load(&calls);
    int file;

    if (!path || !made)
        return;
    file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file >= 0) {
        dprintf(file, "%ld\n", made);
        close(file);
    }
}
