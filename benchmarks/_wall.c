/* A wall clock that can be moved while a program runs: loaded with LD_PRELOAD, moved through the file that WALL_FILE
   names, which holds one signed 64-bit number, nanoseconds to add to CLOCK_REALTIME. No other clock is touched, but where
   WALL_MOVES_ALL is set: then the monotonic clocks go with it, for hours that pass in minutes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none;
static int moves_all;
static volatile int64_t *moved;

static int64_t offset(void) {
    if (moved == NULL) {
        const char *name = getenv("WALL_FILE");
        int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
        void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        moved = page == MAP_FAILED ? &none : page;
        if (file >= 0) close(file);
        moves_all = getenv("WALL_MOVES_ALL") != NULL;
    }
    return *moved;
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, told);
    int64_t added = failed == 0 ? offset() : 0;
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    int is_steady = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
    if (failed == 0 && (is_wall || (moves_all && is_steady))) {
        int64_t now = (int64_t)told->tv_sec * 1000000000 + told->tv_nsec + added;
        if (now < 0) now = 0;
        told->tv_sec = now / 1000000000;
        told->tv_nsec = now % 1000000000;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told != NULL) *told = now.tv_sec;
    return now.tv_sec;
}
