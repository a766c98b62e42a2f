/* The least that reading a tree costs on this machine: N threads open, stat, read and close every file and do
 * nothing with the bytes. A folder is a unit of work, and so is a file of 8 MiB or more. With `row` it asks what a row
 * has to say: statx instead of stat, a read that does not wait for the disk, and fstat again when all is read.
 *   floor THREADS TREE [row]  prints: files bytes */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER 65536
#define BIG (8 << 20)

struct unit { struct unit *next; char path[]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct unit *todo;
static int busy, is_row;
static atomic_long files, bytes;

static void put(const char *folder, const char *name) {
  struct unit *unit = malloc(sizeof *unit + strlen(folder) + strlen(name) + 2);
  sprintf(unit->path, "%s/%s", folder, name);
  pthread_mutex_lock(&lock);
  unit->next = todo;
  todo = unit;
  pthread_cond_signal(&moved);
  pthread_mutex_unlock(&lock);
}

static struct unit *take(int had_one) {
  pthread_mutex_lock(&lock);
  busy -= had_one;
  while (!todo && busy > 0) pthread_cond_wait(&moved, &lock);
  struct unit *unit = todo;
  if (unit) {
    todo = unit->next;
    busy++;
  } else {
    pthread_cond_broadcast(&moved);
  }
  pthread_mutex_unlock(&lock);
  return unit;
}

static void read_to_end(int fd, char *buffer) {
  struct iovec all = {buffer, BUFFER};
  long got = 0, n = is_row ? preadv2(fd, &all, 1, -1, RWF_NOWAIT) : -1;
  if (n < 0) n = read(fd, buffer, BUFFER);
  while (n > 0) {
    got += n;
    n = n == BUFFER ? read(fd, buffer, BUFFER) : 0;
  }
  files++;
  bytes += got;
}

static void one(const char *folder_path, int folder, const char *name, int is_unit, char *buffer) {
  struct stat stat;
  struct statx row;
  int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME);
  if (fd < 0) fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  if (is_row && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &row) == 0) {
    stat.st_mode = row.stx_mode;
    stat.st_size = row.stx_size;
  } else if (fstat(fd, &stat) != 0) {
    stat.st_mode = 0;
  }
  if (S_ISREG(stat.st_mode)) {
    if (stat.st_size >= BIG && !is_unit) put(folder_path, name);
    else read_to_end(fd, buffer);
    if (is_row) fstat(fd, &stat);
  }
  close(fd);
}

static void *work(void *unused) {
  char *buffer = malloc(BUFFER);
  struct unit *unit = NULL;
  while ((unit = take(unit != NULL))) {
    int folder = open(unit->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *names = folder < 0 ? NULL : fdopendir(folder);
    if (!names) {
      one("", AT_FDCWD, unit->path, 1, buffer);
      free(unit);
      unit = (void *)1;
      continue;
    }
    struct dirent *entry;
    while ((entry = readdir(names))) {
      if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
      if (entry->d_type == DT_DIR) put(unit->path, entry->d_name);
      else if (entry->d_type == DT_REG) one(unit->path, folder, entry->d_name, 0, buffer);
    }
    closedir(names);
    free(unit);
    unit = (void *)1;
  }
  free(buffer);
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) return 64;
  is_row = argc == 4;
  int threads = atoi(argv[1]);
  put(argv[2], ".");
  pthread_t all[64];
  for (int n = 0; n < threads && n < 64; n++) pthread_create(&all[n], NULL, work, NULL);
  for (int n = 0; n < threads && n < 64; n++) pthread_join(all[n], NULL);
  printf("%ld %ld\n", files, bytes);
  return 0;
}
