// How fast this machine reads memory with the whole team: what a pass of a few rows is measured against.
#include "dispatch.h"

typedef struct {
  const uint64_t *words;
  uint64_t sums[256];
  int64_t count, parts;
} reading;

typedef uint64_t eight_words __attribute__((vector_size(64), aligned(8)));

MK_KERNEL(sum_words, (const uint64_t *words, int64_t count, uint64_t *sum), (words, count, sum)) {
  eight_words totals[4] = {{0}};
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    for (int j = 0; j < 4; j++) totals[j] += *(const eight_words *)(words + i + 8 * j);
  for (; i + 8 <= count; i += 8) totals[0] += *(const eight_words *)(words + i);
  eight_words total = totals[0] + totals[1] + totals[2] + totals[3];
  for (int j = 0; j < 8; j++) *sum += total[j];
}

static void read_part(void *context, int64_t part) {
  reading *r = context;
  int64_t begin = r->count * part / r->parts / 8 * 8, end = r->count * (part + 1) / r->parts / 8 * 8;
  sum_words(r->words + begin, end - begin, r->sums + part);
}

uint64_t mk_sum_words(const void *words, int64_t count) {
  reading r = {.words = words, .count = count, .parts = mk_threads() * 8 < 256 ? mk_threads() * 8 : 256};
  mk_parallel_tasks(r.parts, read_part, &r);
  uint64_t sum = 0;
  for (int64_t i = 0; i < r.parts; i++) sum += r.sums[i];
  return sum;
}
