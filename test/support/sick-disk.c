// Preloaded into a process, makes what it does to files below SICK_DISK_ROOT fail as the first byte of the file
// SICK_DISK_CONTROL says: 'f' no space left, 'r' read-only, 'i' writes fail, 'x' reads fail too, 's' syncs are slow.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const volatile char *control;
static const char *root;

__attribute__((constructor)) static void find_control(void) {
  const char *path = getenv("SICK_DISK_CONTROL");
  root = getenv("SICK_DISK_ROOT");
  int fd = path && root ? open(path, O_RDONLY) : -1;
  if (fd < 0) return;
  void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) control = page;
  close(fd);
}

static int below_root(const char *path) { return strncmp(path, root, strlen(root)) == 0; }

static int is_ours(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return below_root(path);
}

static int fault(char mode) { return mode == 'f' ? ENOSPC : mode == 'r' ? EROFS : mode == 'i' || mode == 'x' ? EIO : 0; }

/* What a write to this descriptor fails with; 0: it goes through. */
static int refusal(int fd) {
  char mode = control ? *control : '.';
  return fault(mode) && is_ours(fd) ? fault(mode) : 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITES(type, name, params, ...)              \
  type name params {                                 \
    int error = refusal(fd);                         \
    if (error) return errno = error, -1;             \
    return NEXT(name)(__VA_ARGS__);                  \
  }
WRITES(ssize_t, write, (int fd, const void *from, size_t n), fd, from, n)
WRITES(ssize_t, pwrite, (int fd, const void *from, size_t n, off_t at), fd, from, n, at)
WRITES(ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), fd, from, n, at)
WRITES(ssize_t, writev, (int fd, const struct iovec *from, int n), fd, from, n)
WRITES(ssize_t, pwritev, (int fd, const struct iovec *from, int n, off_t at), fd, from, n, at)
WRITES(int, ftruncate, (int fd, off_t length), fd, length)
WRITES(int, ftruncate64, (int fd, off64_t length), fd, length)

#define READS(type, name, params, ...)                                                \
  type name params {                                                                  \
    if (control && *control == 'x' && is_ours(fd)) return errno = EIO, -1;            \
    return NEXT(name)(__VA_ARGS__);                                                   \
  }
READS(ssize_t, pread, (int fd, void *into, size_t n, off_t at), fd, into, n, at)
READS(ssize_t, pread64, (int fd, void *into, size_t n, off64_t at), fd, into, n, at)

#define SYNCS(name)                                                                   \
  int name(int fd) {                                                                  \
    int error = refusal(fd);                                                          \
    if (error) return errno = error, -1;                                              \
    if (control && *control == 's' && is_ours(fd)) nanosleep(&(struct timespec){0, 700000000}, NULL); \
    return NEXT(name)(fd);                                                            \
  }
SYNCS(fsync)
SYNCS(fdatasync)

#define OPENS(name)                                                                   \
  int name(const char *path, int flags, ...) {                                        \
    va_list rest;                                                                     \
    va_start(rest, flags);                                                            \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;           \
    va_end(rest);                                                                     \
    char state = control ? *control : '.';                                            \
    if (fault(state) && (flags & (O_CREAT | O_TRUNC)) && below_root(path) && (state != 'f' || access(path, F_OK))) \
      return errno = fault(state), -1;                                                \
    return NEXT(name)(path, flags, mode);                                             \
  }
OPENS(open)
OPENS(open64)
