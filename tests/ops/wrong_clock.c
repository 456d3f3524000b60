/* Loaded before a program (LD_PRELOAD): its wall clock is off by as many seconds as the file named by
   WRONG_CLOCK says, 64 bits that may change at any time. Only the wall clock: what sleeps, and the
   monotonic clock, are right, as on a host whose administrator sets the time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *file;

/* PostgreSQL, which the product may have started, has its own: the only one that counts. */
__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("WRONG_CLOCK");
    int opened = name && strcmp(program_invocation_short_name, "postgres") ? open(name, O_RDONLY) : -1;
    void *mapped = opened < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, opened, 0);
    if (opened >= 0)
        close(opened);
    if (mapped != MAP_FAILED)
        file = mapped;
}

static int64_t off(void)
{
    return file ? *file : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += off();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (kept)
        *kept = exact.tv_sec;
    return exact.tv_sec;
}

/* The kernel knows nothing of all this. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
    struct timespec right = *until;
    right.tv_sec -= off();
    return sem_clockwait(semaphore, CLOCK_REALTIME, &right);
}
