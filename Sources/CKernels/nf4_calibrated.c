// Rounding to NF4, or to five bits, by what the inputs of a matrix are like: scales by a search, then codes that take up
// one another's errors (Frantar et al. 2022, arXiv 2210.17323, GPTQ, in the form of LDLQ: Chee et al. 2023, arXiv
// 2307.13304, §3.1, which theorem 6 there shows to be the same), then coordinate descent on what is left (Behdin et al.
// 2023, arXiv 2309.01885, QuantEase).
//
// With H = Xᵀ·X = L·Lᵀ, ‖X·(w - q)ᵀ‖² = ‖e·L‖² for e = w - q: what the columns behind column k leave of its term is
// e_k + Σ e_i·L[i, k]/L[k, k] over i > k, so that q_k is the value nearest to w_k and that sum.
#include "nf4.h"

// What codes stand for, ascending, and the shares of a block's largest value that its scale is looked for among: finer
// values ask for finer shares.
typedef struct {
  int count, shares;
  float least_share, step_of_shares, values[32], bounds[31];
} code_book;

static code_book code_book_of(bool is_fine) {
  code_book book = {.count = 16, .shares = 19, .least_share = 0.70f, .step_of_shares = 0.02f};
  if (is_fine) book = (code_book){.count = 32, .shares = 37, .least_share = 0.66f, .step_of_shares = 0.01f};
  if (is_fine) mk_nf4_fine_code(book.values);
  else mk_nf4_code(book.values);
  for (int k = 0; k + 1 < book.count; k++) book.bounds[k] = (book.values[k] + book.values[k + 1]) / 2;
  return book;
}

typedef struct {
  code_book book;
  const float *x, *weights;
  int64_t count, inputs;
  float *scales;
} searching;

// Of a block's values, Σ weight·(x - value)² at each of the shares.
MK_KERNEL(search_blocks, (const searching *s, int64_t begin, int64_t end), (s, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  const code_book *book = &s->book;
  float steps[31];
  int last = book->count - 1;
  for (int k = 0; k < last; k++) steps[k] = book->values[k + 1] - book->values[k];
  for (int64_t block = begin; block < end; block++) {
    int64_t first = block * MK_NF4_BLOCK, count = s->count - first;
    if (count > MK_NF4_BLOCK) count = MK_NF4_BLOCK;
    float x[MK_NF4_BLOCK] = {0}, weights[MK_NF4_BLOCK] = {0}, largest = 0, least = INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) {
      x[i] = s->x[first + i];
      weights[i] = s->weights[(first + i) % s->inputs];
      largest = fmaxf(largest, fabsf(x[i]));
      sum += weights[i];
    }
    // Inputs that were always zero say nothing: the block's values count alike then.
    for (int64_t i = 0; i < count && sum == 0; i++) weights[i] = 1;
    s->scales[block] = largest;
    if (largest == 0) continue;
    for (int share = 0; share < book->shares; share++) {
      float scale = largest * (book->least_share + book->step_of_shares * (float)share), inverse = 1 / scale, error = 0;
      for (int i = 0; i < MK_NF4_BLOCK; i++) {
        float y = x[i] * inverse, value = book->values[0];
        for (int k = 0; k < last; k++) value += y > book->bounds[k] ? steps[k] : 0;
        float rest = x[i] - value * scale;
        error += weights[i] * rest * rest;
      }
      if (error < least) least = error, s->scales[block] = scale;
    }
  }
}

static void search_part(void *s, int64_t begin, int64_t end) { search_blocks(s, begin, end); }

void mk_nf4_search_scales(
  const float *x, int64_t outputs, int64_t inputs, const float *weights, bool is_fine, float *scales) {
  searching s = {code_book_of(is_fine), x, weights, outputs * inputs, inputs, scales};
  mk_parallel_ranges((s.count + MK_NF4_BLOCK - 1) / MK_NF4_BLOCK, 64, search_part, &s);
}

// Rows that are rounded together, a column of all of them at a time.
enum { lanes = 16 };

typedef struct {
  code_book book;
  const float *x, *scales, *feedback;
  const int32_t *order;
  int64_t outputs, inputs;
  uint8_t *codes;
} rounding;

MK_KERNEL(round_rows, (const rounding *q, int64_t begin, int64_t end), (q, begin, end)) {
#pragma clang fp contract(fast)
  const code_book *book = &q->book;
  int64_t n = q->inputs;
  // What is wanted of each column, [inputs][lanes].
  float *wanted = mk_scratch(1, (size_t)(n * lanes) * sizeof(float));
  for (int64_t first = begin; first < end; first += lanes) {
    int64_t rows = end - first < lanes ? end - first : lanes;
    memset(wanted, 0, (size_t)(n * lanes) * sizeof(float));
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < n; k++) wanted[k * lanes + r] = q->x[(first + r) * n + q->order[k]];
    for (int64_t i = n - 1; i >= 0; i--) {
      float scale[lanes] = {0}, error[lanes] = {0}, y[lanes];
      int32_t codes[lanes] = {0};
      for (int64_t r = 0; r < rows; r++) {
        int64_t at = (first + r) * n + q->order[i];
        scale[r] = q->scales[at / MK_NF4_BLOCK];
        error[r] = q->x[at];
      }
      for (int r = 0; r < lanes; r++) y[r] = scale[r] == 0 ? 0 : wanted[i * lanes + r] / scale[r];
      for (int k = 0; k + 1 < book->count; k++)
        for (int r = 0; r < lanes; r++) codes[r] += y[r] > book->bounds[k];
      for (int64_t r = 0; r < rows; r++) {
        error[r] -= book->values[codes[r]] * scale[r];
        q->codes[(first + r) * n + q->order[i]] = (uint8_t)codes[r];
      }
      const float *share = q->feedback + i * n;
      for (int64_t k = 0; k < i; k++)
        for (int r = 0; r < lanes; r++) wanted[k * lanes + r] += error[r] * share[k];
    }
  }
}

static void round_part(void *q, int64_t begin, int64_t end) { round_rows(q, begin, end); }

void mk_nf4_round(
  const float *x, int64_t outputs, int64_t inputs, const float *scales, const int32_t *order,
  const float *feedback, bool is_fine, uint8_t *codes) {
  rounding q = {code_book_of(is_fine), x, scales, feedback, order, outputs, inputs, codes};
  mk_parallel_ranges(outputs, lanes, round_part, &q);
}

// Rows that are refined together, which bounds the memory.
enum { refined = 1024 };

typedef struct {
  code_book book;
  const float *x, *scales, *moment;
  // e and e·H of the rows.
  float *errors, *pulls;
  int64_t first, inputs;
  int sweeps;
  uint8_t *codes;
} refining;

MK_KERNEL(take_errors, (const refining *q, int64_t begin, int64_t end), (q, begin, end)) {
  for (int64_t i = begin * q->inputs; i < end * q->inputs; i++) {
    int64_t at = q->first * q->inputs + i;
    q->errors[i] = q->x[at] - q->book.values[q->codes[at]] * q->scales[at / MK_NF4_BLOCK];
  }
}

// With the others as they are, a column's best value is q_k + (e·H)_k/H[k, k].
MK_KERNEL(refine_rows, (const refining *q, int64_t begin, int64_t end), (q, begin, end)) {
#pragma clang fp contract(fast)
  const code_book *book = &q->book;
  int64_t n = q->inputs;
  for (int64_t row = begin; row < end; row++) {
    float *pull = q->pulls + row * n;
    for (int sweep = 0; sweep < q->sweeps; sweep++) {
      int64_t changes = 0;
      for (int64_t k = 0; k < n; k++) {
        int64_t at = (q->first + row) * n + k;
        const float *h = q->moment + k * n;
        float scale = q->scales[at / MK_NF4_BLOCK];
        if (scale == 0) continue;
        float value = book->values[q->codes[at]], y = value + pull[k] / (h[k] * scale);
        int code = 0;
        for (int step = book->count / 2; step > 0; step /= 2) code += y > book->bounds[code + step - 1] ? step : 0;
        if (code == q->codes[at]) continue;
        q->codes[at] = (uint8_t)code;
        float change = (value - book->values[code]) * scale;
        for (int64_t i = 0; i < n; i++) pull[i] += change * h[i];
        changes++;
      }
      if (changes == 0) break;
    }
  }
}

static void errors_part(void *q, int64_t begin, int64_t end) { take_errors(q, begin, end); }
static void refine_part(void *q, int64_t begin, int64_t end) { refine_rows(q, begin, end); }

void mk_nf4_refine(
  const float *x, int64_t outputs, int64_t inputs, const float *scales, const float *moment, int sweeps,
  bool is_fine, uint8_t *codes) {
  code_book book = code_book_of(is_fine);
  float *errors = mk_scratch(2, (size_t)(2 * refined * inputs) * sizeof(float)), *pulls = errors + refined * inputs;
  for (int64_t first = 0; first < outputs; first += refined) {
    int64_t rows = outputs - first < refined ? outputs - first : refined;
    refining q = {book, x, scales, moment, errors, pulls, first, inputs, sweeps, codes};
    mk_parallel_ranges(rows, 1, errors_part, &q);
    mk_gemm(rows, inputs, inputs, 1, errors, inputs, 1, moment, inputs, 1, 0, pulls, inputs);
    mk_parallel_ranges(rows, 1, refine_part, &q);
  }
}
