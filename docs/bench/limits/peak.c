/* Runs a command and prints its peak resident memory in KiB, its CPU and its wall time in ms, and its exit code, to the file of
 * its first argument. A child begins with the peak of whoever forks it, so a small program must do it: Python's own is 12 MB.
 * After the seconds of the second argument (0: never) the command is asked to stop. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void stop(int signal) {
    (void)signal;
    kill(child, SIGTERM);
}

static long ms(struct timeval time) { return time.tv_sec * 1000 + time.tv_usec / 1000; }

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    child = fork();
    if (child == 0) {
        execv(argv[3], argv + 3);
        _exit(127);
    }
    signal(SIGALRM, stop);
    alarm((unsigned)atoi(argv[2]));
    int status = 0;
    struct rusage usage;
    while (wait4(child, &status, 0, &usage) < 0)
        ;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    FILE *said = fopen(argv[1], "w");
    if (!said) return 69;
    long wall = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
    fprintf(said, "%ld %ld %ld %d\n", usage.ru_maxrss, ms(usage.ru_utime) + ms(usage.ru_stime), wall,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(said) ? 69 : 0;
}
