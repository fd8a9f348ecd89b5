// The thread team. With oneDNN we call into libgomp, so that our loops run on the very threads oneDNN's do:
// a second team would fight it for the cores. Without it, a small pool of our own stands in.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "dispatch.h"

#if defined(MOTET_ONEDNN)
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_thread_limit(void);
#endif

int mk_threads(void) {
  static int threads;
  if (threads) return threads;
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
#endif
#if defined(MOTET_ONEDNN)
  // oneDNN 2.6 sums wrongly when it gets fewer threads than it planned for.
  if (omp_get_thread_limit() < cores) cores = omp_get_thread_limit();
#endif
  const char *asked = getenv("MOTET_THREADS");
  if (!asked) asked = getenv("OMP_NUM_THREADS");
  int limit = asked ? atoi(asked) : 0;
  threads = limit > 0 && limit < cores ? limit : cores;
  if (threads < 1) threads = 1;
  return threads;
}

int mk_vector_level(void) {
  static int level;
  if (level) return level;
  int found = 1;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found = 3;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    found = 4;
#endif
  const char *asked = getenv("MOTET_ISA");
  if (asked && atoi(asked) > 0 && atoi(asked) < found) found = atoi(asked);
  level = found;
  return level;
}

typedef struct {
  void (*body)(void *, int, int);
  void *context;
} region;

#if defined(MOTET_ONEDNN)
static void run_region(void *data) {
  region *r = data;
  // libgomp may give fewer threads than asked (OMP_THREAD_LIMIT, OMP_DYNAMIC).
  r->body(r->context, omp_get_thread_num(), omp_get_num_threads());
}

static void parallel(void (*body)(void *, int, int), void *context) {
  int threads = mk_threads();
  if (threads == 1) return body(context, 0, 1);
  region r = {body, context};
  GOMP_parallel(run_region, &r, (unsigned)threads, 0);
}
#else
// Workers wait on a counter, spinning a little before they sleep.
static struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  region current;
  atomic_long generation;
  atomic_int running;
  bool started;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void *work(void *argument) {
  int part = (int)(intptr_t)argument;
  long seen = 0;
  for (;;) {
    for (int spin = 0; spin < 20000 && atomic_load(&pool.generation) == seen; spin++)
      ;
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    seen = atomic_load(&pool.generation);
    region r = pool.current;
    pthread_mutex_unlock(&pool.lock);
    r.body(r.context, part, mk_threads());
    atomic_fetch_sub(&pool.running, 1);
  }
  return NULL;
}

static void parallel(void (*body)(void *, int, int), void *context) {
  int threads = mk_threads();
  if (threads == 1) return body(context, 0, 1);
  if (!pool.started) {
    pool.started = true;
    for (int part = 1; part < threads; part++) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, work, (void *)(intptr_t)part) != 0) abort();
      pthread_detach(thread);
    }
  }
  pthread_mutex_lock(&pool.lock);
  pool.current = (region){body, context};
  atomic_store(&pool.running, threads - 1);
  atomic_fetch_add(&pool.generation, 1);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  body(context, 0, threads);
  while (atomic_load(&pool.running) > 0)
    ;
}
#endif

typedef struct {
  int64_t count, grain;
  mk_range_body body;
  void *context;
} ranges;

static void run_ranges(void *data, int part, int parts) {
  ranges *r = data;
  int64_t grains = (r->count + r->grain - 1) / r->grain;
  int64_t begin = grains * part / parts * r->grain;
  int64_t end = grains * (part + 1) / parts * r->grain;
  if (end > r->count) end = r->count;
  if (begin < end) r->body(r->context, begin, end);
}

void mk_parallel_ranges(int64_t count, int64_t grain, mk_range_body body, void *context) {
  if (count <= 0) return;
  if (count <= grain) return body(context, 0, count);
  ranges r = {count, grain, body, context};
  parallel(run_ranges, &r);
}

typedef struct {
  int64_t count;
  atomic_llong next;
  mk_task_body body;
  void *context;
} tasks;

static void run_tasks(void *data, int part, int parts) {
  (void)part, (void)parts;
  tasks *t = data;
  for (int64_t task; (task = atomic_fetch_add(&t->next, 1)) < t->count;) t->body(t->context, task);
}

void mk_parallel_tasks(int64_t count, mk_task_body body, void *context) {
  if (count <= 0) return;
  tasks t = {.count = count, .body = body, .context = context};
  if (count == 1) return body(context, 0);
  parallel(run_tasks, &t);
}

void *mk_scratch(int slot, size_t bytes) {
  static _Thread_local struct { void *memory; size_t bytes; } slots[8];
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
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
}

const char *mk_last_error(void) { return last_error; }
