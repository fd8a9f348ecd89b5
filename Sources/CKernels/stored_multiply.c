// Products with stored blocks over the team, as stages of a loop.
#include "stored.h"

// Of a member's part, tasks are smaller and smaller: whoever is behind at the end is so by a small one, which another
// member takes.
enum { share_tasks = 5 };

int64_t stored_tasks(void) { return (int64_t)mk_threads() * share_tasks; }

static int64_t share_begin(int64_t units, int64_t member) { return units * member / mk_threads(); }

void stored_range(int64_t units, int64_t task, int64_t *begin, int64_t *end) {
  int64_t member = task % mk_threads(), place = task / mk_threads();
  int64_t first = share_begin(units, member), count = share_begin(units, member + 1) - first;
  *begin = first + count * (16 - (16 >> place)) / 16;
  *end = first + (place + 1 < share_tasks ? count * (16 - (8 >> place)) / 16 : count);
}

const uint8_t *stored_first(const mk_stored *w, int64_t units, int64_t task) {
  return w->panels[share_begin(units, task % mk_threads())].tiles;
}

bool stored_is_last(int64_t units, int64_t task, int64_t unit) {
  return unit + 1 == share_begin(units, task % mk_threads() + 1);
}

factors_rows stored_step_rows(const stored_step *step, byte_rows *rows) {
  return step->shared ? *step->shared : stored_own_rows(&step->source, rows);
}

static void reduce(void *context, int64_t task) {
  stored_step *step = context;
  byte_rows own;
  factors_reduce(&step->inner, task, stored_step_rows(step, &own));
}

static void multiply(void *context, int64_t task) {
  stored_step *step = context;
  const mk_stored *w = step->w;
  int64_t begin, end, count = w->panel_count;
  stored_range(count, task, &begin, &end);
  if (begin == end) return;
  byte_rows own;
  factors_rows x = stored_step_rows(step, &own);
  for (int64_t i = begin; i < end; i++) {
    const stored_panel *panel = w->panels + i;
    const uint8_t *next = panel->tiles + panel_bytes(panel, w->blocks);
    if (stored_is_last(count, task, i))
      next = step->following ? stored_first(step->following, step->following_units, task) : panel->tiles;
    // On their way while the panel is multiplied.
    factors_fetch(&step->inner, panel->first, panel->first + panel->count);
    stored_target to = {
      step->to.y + panel->first, step->to.stride, step->to.onto ? step->to.onto + panel->first : NULL};
    panel->kernel(panel, next, x.codes, step->source.m, &to);
  }
  factors_wait(&step->inner);
  const stored_panel *last = w->panels + end - 1;
  factors_expand(&step->inner, w->panels[begin].first, last->first + last->count, step->to.y, step->to.stride);
}

int64_t stored_reduction(stored_step *step, mk_stage *stage) {
  if (step->inner.tasks == 0) return 0;
  *stage = (mk_stage){.tasks = step->inner.tasks, .body = reduce, .context = step};
  return 1;
}

int64_t stored_stages(stored_step *step, mk_stage *stages) {
  int64_t count = stored_reduction(step, stages);
  // The sums are waited for where they are needed.
  stages[count] = (mk_stage){.tasks = stored_tasks(), .body = multiply, .context = step, .is_early = count > 0};
  return count + 1;
}

// --- By itself ----------------------------------------------------------------------------------------------

typedef struct {
  const stored_source *source;
  byte_rows rows;
  uint16_t *narrow;
} shared_rows;

static void take_group(void *context, int64_t task) {
  const shared_rows *s = context;
  int64_t first = task * byte_group, left = s->source->m - first;
  stored_take(s->source, first, left < byte_group ? left : byte_group, &s->rows, s->narrow);
}

void mk_stored_multiply(
  const mk_stored *w, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count, float *y,
  bool accumulate) {
  if (m <= 0) return;
  int64_t k = w->inputs, stages = 0;
  stored_step step = {
    .w = w, .source = stored_rows_of(w, x, x_type, m, terms, count), .to = {y, w->outputs, accumulate ? y : NULL}};
  factors_plan(&step.inner, terms, count, k, mk_scratch(6, (size_t)factors_room(terms, count, k)));
  mk_stage all[3];
  shared_rows shared = {.source = &step.source};
  factors_rows rows;
  if (m > byte_group) {
    int64_t size = stored_rows_size(&step.source);
    char *memory = mk_scratch(7, (size_t)(size + m * k * (int64_t)sizeof(uint16_t)));
    shared.rows = stored_rows_in(&step.source, memory);
    if (stored_has_narrow(&step.source)) shared.narrow = (uint16_t *)(memory + size);
    rows = (factors_rows){&shared.rows, shared.narrow ? shared.narrow : x};
    step.shared = &rows;
    all[stages++] =
      (mk_stage){.tasks = (m + byte_group - 1) / byte_group, .body = take_group, .context = &shared};
  }
  stages += stored_stages(&step, all + stages);
  mk_parallel_stages(all, stages);
}
