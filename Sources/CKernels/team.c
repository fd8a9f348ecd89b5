// The thread team. Every loop of ours runs on it, and oneDNN's products do too: each thread computes its own part
// of a product with oneDNN held to one thread (packed_onednn.c). So nothing here waits for libgomp, whose threads
// either sleep between loops (and each loop pays for waking them) or spin (and starve the very thread they wait
// for, where another program wants the processor).
//
// A loop is a number of tasks that threads take one by one. A thread that the system keeps from its processor
// takes none and delays none; the loop is over when every task is done, not when every thread has reported.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "dispatch.h"

int mk_threads(void) {
  static _Atomic int threads;
  if (threads) return threads;
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
#endif
  const char *own = getenv("MOTET_THREADS"), *common = getenv("OMP_NUM_THREADS");
  int asked = own ? atoi(own) : common ? atoi(common) : 0;
  if (asked > 0) cores = asked < 1024 ? asked : 1024;
  return threads = cores > 1 ? cores : 1;
}

static struct {
  // The loop's number of tasks in the upper half, the next task in the lower: one atomic step takes a task and
  // says whether there was one.
  _Alignas(64) atomic_ullong ticket;
  _Alignas(64) atomic_ullong done;
  // Written before the ticket is, and read only by threads that hold a task of this loop.
  _Alignas(64) mk_task_body body;
  void *context;
  // Threads that waited long enough sleep.
  _Alignas(64) pthread_mutex_t lock;
  pthread_cond_t work, finish;
  atomic_int asleep;
  atomic_bool awaited;
  // Held by the thread whose loop is running.
  atomic_flag taken;
  bool started;
} team = {
  .lock = PTHREAD_MUTEX_INITIALIZER,
  .work = PTHREAD_COND_INITIALIZER,
  .finish = PTHREAD_COND_INITIALIZER,
  .taken = ATOMIC_FLAG_INIT,
};

static bool has_tasks(void) {
  unsigned long long ticket = atomic_load(&team.ticket);
  return (uint32_t)ticket < ticket >> 32;
}

// Takes tasks until there are none.
static void take_tasks(void) {
  while (has_tasks()) {
    unsigned long long ticket = atomic_fetch_add(&team.ticket, 1);
    unsigned long long count = ticket >> 32, task = (uint32_t)ticket;
    if (task >= count) return;
    team.body(team.context, (int64_t)task);
    if (atomic_fetch_add(&team.done, 1) + 1 == count && atomic_load(&team.awaited)) {
      pthread_mutex_lock(&team.lock);
      pthread_cond_signal(&team.finish);
      pthread_mutex_unlock(&team.lock);
    }
  }
}

static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Longer than the gaps between the loops of a pass, much shorter than a time slice.
enum { patience = 100000 };

// Spins until `ready` or until patience (nanoseconds) is at its end; whether it became ready.
static bool spin(bool (*ready)(void)) {
  int64_t end = 0;
  for (;;) {
    for (int i = 0; i < 32; i++) {
      if (ready()) return true;
      pause_briefly();
    }
    int64_t now = nanoseconds();
    if (end == 0) end = now + patience;
    if (now > end) return false;
  }
}

static _Thread_local bool inside;

static void *member(void *unused) {
  (void)unused;
  inside = true;
  for (;;) {
    take_tasks();
    if (spin(has_tasks)) continue;
    pthread_mutex_lock(&team.lock);
    atomic_fetch_add(&team.asleep, 1);
    while (!has_tasks()) pthread_cond_wait(&team.work, &team.lock);
    atomic_fetch_sub(&team.asleep, 1);
    pthread_mutex_unlock(&team.lock);
  }
  return NULL;
}

// Fewer threads than wished for is no error: a loop needs only the one that called it.
static void start(void) {
  team.started = true;
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 1; i < mk_threads(); i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, member, NULL) != 0) break;
    pthread_detach(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool finished(void) {
  return atomic_load(&team.done) == atomic_load(&team.ticket) >> 32;
}

void mk_parallel_tasks(int64_t count, mk_task_body body, void *context) {
  // A loop within a loop, or beside another thread's, runs where it is called.
  if (count < 2 || count > INT32_MAX || mk_threads() == 1 || inside || atomic_flag_test_and_set(&team.taken)) {
    for (int64_t task = 0; task < count; task++) body(context, task);
    return;
  }
  inside = true;
  if (!team.started) start();
  team.body = body, team.context = context;
  atomic_store(&team.done, 0);
  atomic_store(&team.ticket, (unsigned long long)count << 32);
  int wanted = atomic_load(&team.asleep);
  if (wanted > 0) {
    if (wanted > count - 1) wanted = (int)count - 1;
    pthread_mutex_lock(&team.lock);
    for (int i = 0; i < wanted; i++) pthread_cond_signal(&team.work);
    pthread_mutex_unlock(&team.lock);
  }
  take_tasks();
  if (!spin(finished)) {
    atomic_store(&team.awaited, true);
    pthread_mutex_lock(&team.lock);
    while (!finished()) pthread_cond_wait(&team.finish, &team.lock);
    pthread_mutex_unlock(&team.lock);
    atomic_store(&team.awaited, false);
  }
  inside = false;
  atomic_flag_clear(&team.taken);
}

// Who is waited for may have no processor. Sleeping gives it this one; yielding again and again would count as time that
// was used, for which Linux then keeps the one who waits from every processor.
void mk_pause(int turn) {
  if (turn < 4096) pause_briefly();
  else nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

void mk_wait_for_none(atomic_int *counter) {
  for (int turn = 0; atomic_load(counter) > 0; turn++) mk_pause(turn);
}

// The first round of the threads takes half of all, the next a quarter, and so on: whoever is behind at the end is so by
// a small part, and still there are few.
enum { rounds = 5 };

static int64_t parts_of(int64_t grains) {
  int64_t parts = (int64_t)mk_threads() * rounds;
  return parts < grains ? parts : grains;
}

// Where a part begins, in grains.
static int64_t part_begin(int64_t grains, int64_t part) {
  int64_t threads = mk_threads(), unit = 16 * threads;
  if (grains < rounds * threads) return part;
  int64_t round = part / threads, place = part % threads;
  if (round >= rounds) return grains;
  if (round == rounds - 1) return grains * (15 * threads + place) / unit;
  return grains * ((16 - (16 >> round)) * threads + place * (8 >> round)) / unit;
}

int64_t mk_range_parts(int64_t count) { return parts_of(count); }

void mk_range_part(int64_t count, int64_t part, int64_t *begin, int64_t *end) {
  *begin = part_begin(count, part), *end = part_begin(count, part + 1);
}

typedef struct {
  int64_t count, grain;
  mk_range_body body;
  void *context;
} ranges;

static void run_range(void *data, int64_t part) {
  ranges *r = data;
  int64_t grains = (r->count + r->grain - 1) / r->grain, begin, end;
  mk_range_part(grains, part, &begin, &end);
  begin *= r->grain, end *= r->grain;
  if (end > r->count) end = r->count;
  if (begin < end) r->body(r->context, begin, end);
}

void mk_parallel_ranges(int64_t count, int64_t grain, mk_range_body body, void *context) {
  if (count <= 0) return;
  int64_t parts = parts_of((count + grain - 1) / grain);
  ranges r = {count, grain, body, context};
  if (parts == 1 || mk_threads() == 1) return body(context, 0, count);
  mk_parallel_tasks(parts, run_range, &r);
}
