// What every kernel may ask for: the vector level, scratch memory, and a place for what went wrong.
#if defined(__linux__)
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"

int mk_vector_level(void) {
  static _Atomic int level;
  if (level) return level;
  int found = 1;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) found = 3;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    found = 4;
#endif
  const char *asked = getenv("MOTET_ISA");
  if (asked && atoi(asked) > 0 && atoi(asked) < found) found = atoi(asked);
  level = found;
  return level;
}

bool mk_has_avx_vnni(void) {
#if defined(__x86_64__)
  return mk_vector_level() >= 3 && !getenv("MOTET_ISA") && __builtin_cpu_supports("avxvnni");
#else
  return false;
#endif
}

void mk_return_large_blocks(void) {
#if defined(__GLIBC__)
  // Left alone, glibc raises the size from which blocks go back to the system as soon as they are free to that of
  // the largest freed so far: what loading a model used would stay.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  // Each heap keeps what was freed in it. glibc makes as many as eight for each processor: adapters that are loaded side
  // by side left 145 MB in theirs.
  mallopt(M_ARENA_MAX, 2);
  malloc_trim(0);
#endif
}

void *mk_scratch(int slot, size_t bytes) {
  static _Thread_local struct { void *memory; size_t bytes; } slots[scratch_slots];
  if (slots[slot].bytes >= bytes) return slots[slot].memory;
  free(slots[slot].memory);
  size_t size = (bytes + bytes / 4 + 4095) / 4096 * 4096;
  if (posix_memalign(&slots[slot].memory, 4096, size) != 0) {
    fprintf(stderr, "motet: out of memory (%zu bytes)\n", size);
    abort();
  }
  slots[slot].bytes = size;
  return slots[slot].memory;
}

static char last_error[512] = "";

void mk_set_error(const char *format, ...) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&lock);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  pthread_mutex_unlock(&lock);
  va_end(arguments);
}

const char *mk_last_error(void) { return last_error; }
