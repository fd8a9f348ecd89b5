// Loops one after the other that the team goes through together: no thread comes back to its caller between them. What a
// loop costs beside its tasks is the way of a few lines of memory from one processor to another, and where processors
// have caches of their own that is as long as a small product.
//
// Each member of the team has its share of a stage's tasks, so that what it asked memory for in one stage is there in the
// next; then it takes what others have not begun. So a thread that the system keeps from its processor delays no stage by
// what it has not begun; the end of the call it does delay.
#include "dispatch.h"

typedef struct {
  // The stage's number in the upper half, the next of the share's tasks in the lower. Others look at it only when they
  // have nothing left to do.
  _Alignas(128) atomic_ullong next;
  // Tasks that this member has done, of all stages. Those who wait read it again and again.
  _Alignas(128) atomic_llong done;
} member;

typedef struct {
  const mk_stage *stages;
  int64_t count;
  int64_t size;
  member *members;
} region;

// Takes the next task of a member's share of a stage, which are those of its number and every `size` further on; -1
// where there is none.
static int64_t take(const region *r, int64_t stage, int64_t of) {
  atomic_ullong *next = &r->members[of].next;
  int64_t tasks = r->stages[stage].tasks;
  unsigned long long seen = atomic_load_explicit(next, memory_order_relaxed);
  for (;;) {
    int64_t at = (int64_t)(seen >> 32), place = at == stage ? (int64_t)(uint32_t)seen : 0;
    int64_t task = of + place * r->size;
    // Whoever is further on has seen that nothing was left here.
    if (at > stage || task >= tasks) return -1;
    unsigned long long wanted = (unsigned long long)stage << 32 | (unsigned long long)(place + 1);
    if (atomic_compare_exchange_weak(next, &seen, wanted)) return task;
  }
}

static bool are_done(const region *r, int64_t tasks) {
  long long done = 0;
  for (int64_t i = 0; i < r->size; i++) done += atomic_load_explicit(&r->members[i].done, memory_order_acquire);
  return done >= tasks;
}

static void go_through(void *context, int64_t own) {
  const region *r = context;
  int64_t before = 0;
  long long done = 0;
  for (int64_t s = 0; s < r->count; s++) {
    const mk_stage *stage = r->stages + s;
    if (!stage->is_early)
      for (int turn = 0; !are_done(r, before); turn++) mk_pause(turn);
    for (int64_t i = 0; i < r->size; i++) {
      int64_t of = own + i < r->size ? own + i : own + i - r->size;
      for (int64_t task; (task = take(r, s, of)) >= 0; done++) stage->body(stage->context, task);
      // What is its own is done, or it would look for more.
      if (i == 0) atomic_store_explicit(&r->members[own].done, done, memory_order_release);
    }
    atomic_store_explicit(&r->members[own].done, done, memory_order_release);
    before += stage->tasks;
  }
}

void mk_parallel_stages(const mk_stage *stages, int64_t count) {
  region r = {.stages = stages, .count = count, .size = mk_threads()};
  // No task asks for this slot: none has stages of its own.
  r.members = mk_scratch(8, (size_t)r.size * sizeof(member));
  for (int64_t i = 0; i < r.size; i++) {
    atomic_init(&r.members[i].next, 0);
    atomic_init(&r.members[i].done, 0);
  }
  mk_parallel_tasks(r.size, go_through, &r);
}
