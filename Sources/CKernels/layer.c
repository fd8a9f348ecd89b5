// A decoder layer of a few rows, as stages of one loop. Between the products lies little work, which is not worth the way
// from one processor to another: each thread norms the rows and brings them to 8 bits for itself, and the activation is where its
// inputs are.
#include "attention_cached.h"
#include "rows.h"
#include "stored.h"

enum { most_stages = 13 };

typedef struct {
  stored_step step;
  int activation;
  // What goes into the last product: rows in 8 bits, and in bf16.
  int64_t width;
  byte_rows codes;
  uint16_t *narrow;
  factors_rows rows;
} gated;

// How many blocks a thread gates at once: terms are added to a few at a time.
enum { gated_blocks = 8 };

// What a gate's panel comes to, and what it gates: the panels of the one and of the other lie one below the other, and a
// panel of each makes a block of what goes into the next product. Rows are [gate, up] of all blocks of the run.
static void gate_run(gated *g, int64_t begin, int64_t end, const uint8_t *next, factors_rows x, float *both) {
  stored_step *step = &g->step;
  const stored_panel *gates = step->w->panels + begin, *ups = gates + g->width / panel_outputs;
  int64_t m = step->source.m, count = end - begin, columns = count * panel_outputs, stride = 2 * columns;
  for (int64_t i = 0; i < count; i++) {
    const stored_panel *gate = gates + i, *up = ups + i;
    factors_fetch(&step->inner, gate->first, gate->first + panel_outputs);
    factors_fetch(&step->inner, up->first, up->first + panel_outputs);
    float *to = both + i * panel_outputs;
    gate->kernel(gate, up->tiles, x.codes, m, &(stored_target){to, stride, NULL});
    up->kernel(
      up, i + 1 < count ? gate[1].tiles : next, x.codes, m, &(stored_target){to + columns, stride, NULL});
  }
  factors_wait(&step->inner);
  factors_expand(&step->inner, gates->first, gates->first + columns, both - gates->first, stride);
  factors_expand(&step->inner, ups->first, ups->first + columns, both + columns - ups->first, stride);
  uint16_t *found = (uint16_t *)(both + m * stride);
  if (g->activation == MK_SILU) swiglu_narrow(both, found, m, columns);
  else activate_narrow(g->activation, both, found, m, columns);
  // What they came from is not needed any more.
  widen_values(found, both, m * columns);
  byte_rows_take_blocks(both, &g->codes, 0, m, begin, end);
  for (int64_t i = 0; g->narrow && i < m; i++)
    memcpy(
      g->narrow + i * g->width + begin * byte_block, found + i * columns, (size_t)columns * sizeof(uint16_t));
}

static void gate(void *context, int64_t task) {
  gated *g = context;
  stored_step *step = &g->step;
  int64_t begin, end, blocks = g->width / panel_outputs;
  stored_range(blocks, task, &begin, &end);
  if (begin == end) return;
  byte_rows own;
  factors_rows x = stored_step_rows(step, &own);
  size_t value = 2 * sizeof(float) + sizeof(uint16_t);
  float *both = mk_scratch(3, (size_t)(step->source.m * gated_blocks * panel_outputs) * value);
  for (int64_t last; begin < end; begin = last) {
    last = begin + gated_blocks < end ? begin + gated_blocks : end;
    const uint8_t *next = stored_is_last(blocks, task, last - 1)
      ? stored_first(step->following, step->following_units, task) : step->w->panels[last].tiles;
    gate_run(g, begin, last, next, x, both);
  }
}

// --- Rows between the products ------------------------------------------------------------------------------

// Queries, keys and values before attention has them.
typedef struct {
  const mk_layer *layer;
  const mk_layers_pass *pass;
} heads;

static void norm_heads(const heads *h, float *x, const float *weight, int64_t width, int64_t columns) {
  if (!weight) return;
  mk_norm_groups groups = {
    .x = x, .stride = columns, .rows = 1, .groups = columns / width, .width = width, .weight = weight,
    .epsilon = h->pass->epsilon};
  rms_norm_groups_rows(&groups);
}

static void finish_heads(void *context, int64_t row) {
  const heads *h = context;
  const mk_layer *layer = h->layer;
  const mk_attention_rule *rule = layer->rule;
  float *x = h->pass->projected + row * layer->qkv->outputs;
  int64_t queries = rule->heads * rule->dimension, keys = rule->kv_heads * rule->dimension;
  if (layer->bias) add_bias_rows(x, layer->bias, 1, layer->qkv->outputs);
  norm_heads(h, x, layer->query_norm, layer->query_norm_width, queries);
  norm_heads(h, x + queries, layer->key_norm, layer->key_norm_width, keys);
}

// A sublayer's result, normed and scaled, on its way into the residual stream.
typedef struct {
  const float *x, *result, *weight;
  float *y, epsilon, scale;
  int64_t hidden;
} addition;

static void add_row(void *context, int64_t row) {
  const addition *a = context;
  int64_t n = a->hidden, at = row * n;
  uint16_t *normed = NULL;
  if (a->weight) {
    normed = mk_scratch(2, (size_t)n * sizeof(uint16_t));
    rms_norm_rows(a->result + at, a->weight, a->epsilon, normed, 1, n);
  }
  sum_scaled_values(a->x + at, a->result + at, normed, a->scale, a->y + at, n);
}

// One of the layer's products: what goes in, and where it goes.
typedef struct {
  const mk_stored *w;
  const void *x;
  int x_type;
  const float *norm;
  stored_target to;
  const mk_stored *following;
  int64_t following_units;
} product;

// `terms` are this layer's. `then` is what is multiplied after it.
static void run_layer(
  const mk_layer *layer, const mk_layers_pass *pass, const float *x, const mk_factors *terms, const int64_t *term_counts,
  const cached_attention *attention, const mk_stored *then, float *y) {
  int64_t m = pass->rows, hidden = pass->hidden, width = layer->down->inputs;
  float scale = layer->residual_scale;
  // Whether sublayers' results go straight into the residual stream.
  bool is_added[] = {!layer->attention_after && scale == 1, !layer->feed_forward_after && scale == 1};
  int64_t result_bytes = is_added[0] && is_added[1] ? 0 : m * hidden * (int64_t)sizeof(float);
  const product products[] = {
    {layer->qkv, x, MK_F32, layer->attention_norm, {pass->projected, layer->qkv->outputs, NULL}, layer->output,
     layer->output->panel_count},
    {layer->output, pass->attended, MK_BF16, NULL, {y, hidden, is_added[0] ? x : NULL}, layer->gate_up,
     width / panel_outputs},
    {layer->gate_up, y, MK_F32, layer->feed_forward_norm, {NULL, 0, NULL}, layer->down, layer->down->panel_count},
    {layer->down, NULL, MK_F32, NULL, {y, hidden, is_added[1] ? y : NULL}, then, then ? then->panel_count : 0}};

  // Memory for the terms, and for what goes into the last product.
  stored_source inner = stored_rows_of(layer->down, NULL, MK_F32, m, NULL, 0);
  int64_t size = stored_rows_size(&inner), bytes = 0;
  const mk_factors *own = terms;
  for (int i = 0; i < 4; own += term_counts[i], i++) bytes += factors_room(own, term_counts[i], products[i].w->inputs);
  char *memory = mk_scratch(7, (size_t)(result_bytes + size + m * width * (int64_t)sizeof(uint16_t) + bytes));
  float *result = (float *)memory;
  memory += result_bytes;
  gated middle = {.activation = layer->activation, .width = width, .codes = stored_rows_in(&inner, memory)};
  char *narrow = memory + size, *room = narrow + m * width * (int64_t)sizeof(uint16_t);

  stored_step qkv, output, down, *steps[] = {&qkv, &output, &middle.step, &down};
  for (int i = 0; i < 4; i++) {
    const product *p = products + i;
    stored_step step = {
      .w = p->w, .source = stored_rows_of(p->w, p->x, p->x_type, m, terms, term_counts[i]), .to = p->to,
      .following = p->following, .following_units = p->following_units};
    step.source.weight = p->norm, step.source.epsilon = pass->epsilon;
    step.source.is_narrowed = p->x && p->x_type == MK_F32 && !p->norm;
    if ((i == 1 && !is_added[0]) || (i == 3 && !is_added[1])) step.to.y = result;
    factors_plan(&step.inner, terms, term_counts[i], p->w->inputs, room);
    room += factors_room(terms, term_counts[i], p->w->inputs), terms += term_counts[i];
    *steps[i] = step;
  }
  if (down.source.is_narrow_needed) middle.narrow = (uint16_t *)narrow;
  middle.rows = (factors_rows){&middle.codes, middle.narrow};
  down.shared = &middle.rows;

  heads found = {layer, pass};
  addition first = {x, result, layer->attention_after, y, pass->epsilon, scale, hidden};
  addition second = {y, result, layer->feed_forward_after, y, pass->epsilon, scale, hidden};
  mk_stage stages[most_stages];
  int64_t count = stored_stages(&qkv, stages);
  if (layer->bias || layer->query_norm || layer->key_norm)
    stages[count++] = (mk_stage){.tasks = m, .body = finish_heads, .context = &found};
  count += cached_attention_stages(attention, stages + count);
  count += stored_stages(&output, stages + count);
  if (!is_added[0]) stages[count++] = (mk_stage){.tasks = m, .body = add_row, .context = &first};
  int64_t sums = stored_reduction(&middle.step, stages + count);
  count += sums;
  stages[count++] = (mk_stage){.tasks = stored_tasks(), .body = gate, .context = &middle, .is_early = sums > 0};
  count += stored_stages(&down, stages + count);
  if (!is_added[1]) stages[count++] = (mk_stage){.tasks = m, .body = add_row, .context = &second};
  mk_parallel_stages(stages, count);
}

void mk_layers_forward(
  const mk_layer *layers, int64_t count, const mk_layers_pass *pass, const float *x, const mk_factors *terms,
  const int64_t *term_counts, const mk_rotary_table *tables, const mk_cache_shape *shape,
  const mk_cached_sequence *sequences, float *y) {
  for (int64_t i = 0; i < count; i++, term_counts += 4, x = y) {
    const mk_rotary_table *table = tables + layers[i].table;
    cached_attention attention = cached_attention_of(
      layers[i].rule, shape, sequences, pass->sequence_count, i * pass->layer_bytes, table->cosines, table->sines);
    const mk_stored *then = i + 1 < count ? layers[i + 1].qkv : pass->following;
    run_layer(layers + i, pass, x, terms, term_counts, &attention, then, y);
    for (int j = 0; j < 4; j++) terms += term_counts[j];
  }
}
