// The C face of Motet's compute core: a thread team, packed matrix products, and the few fused loops that
// need the processor's vector units. All pointers are to f32 unless a name says otherwise; all matrices are
// row-major. Every function here is called from one thread only (Motet's compute thread).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- The team -----------------------------------------------------------------------------------------

// Threads of the team: MOTET_THREADS, else OMP_NUM_THREADS, else the cores of this process.
int mk_threads(void);

// Runs body(context, task) once for each task of 0..<count, each on whichever thread is free, and returns when all
// are done. Only for tasks that write to places of their own. Within a task, or while another thread's tasks run,
// the tasks run one after the other on the calling thread.
typedef void (*mk_task_body)(void *context, int64_t task);
void mk_parallel_tasks(int64_t count, mk_task_body body, void *context);

// One loop of several that the team goes through together. Task i is in the share of member i % mk_threads(), who is one
// thread for all stages of a call and begins with its share; then it takes what others have not begun.
typedef struct {
  int64_t tasks;
  mk_task_body body;
  void *context;
  // Begins when all earlier tasks are begun, in place of done.
  bool is_early;
} mk_stage;

// Each stage begins when all before it are done. Not within a task.
void mk_parallel_stages(const mk_stage *stages, int64_t count);

// The sum of 64-bit words, `count` of them in whole eights, read by the whole team: to time memory.
uint64_t mk_sum_words(const void *words, int64_t count);

// Has the process give large blocks of memory back to the system when they are freed.
void mk_return_large_blocks(void);

// The vector level in use: 4 (AVX-512), 3 (AVX2), 1 (portable); MOTET_ISA=3 or 1 lowers it.
int mk_vector_level(void);

// --- Matrix products ----------------------------------------------------------------------------------

// C[m,n] = beta·C + alpha · A·B in f32, with A(i,k) at a[i·ars + k·acs] and B(k,j) at b[k·brs + j·bcs].
// One of brs and bcs is 1. beta is 0 or 1. The same call gives the same bits; with other m, sums may round
// otherwise.
void mk_gemm(
  int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t ars, int64_t acs, const float *b,
  int64_t brs, int64_t bcs, float beta, float *c, int64_t ldc);

enum { MK_F32 = 0, MK_BF16 = 1, MK_S8 = 2, MK_S4 = 3 };

// A constant matrix B[k,n] reordered once for products x[m,k]·B.
typedef struct mk_packed mk_packed;

// Packs B from `weights`, of element type `type`, where B(i,j) stands at weights[i·brs + j·bcs]. The products are
// done in `type`. MK_S8 takes f32 weights and holds them in 8 bits with a scale for each column; its products bring
// rows of x to 8 bits with a scale for each. NULL when memory, oneDNN or the processor refuses: see mk_last_error.
// `flatten`, for MK_S8, is what each of the k inputs is multiplied by before its row is brought to 8 bits; NULL is 1.
mk_packed *mk_packed_create(
  const void *weights, int type, int64_t k, int64_t n, int64_t brs, int64_t bcs, const float *flatten);
void mk_packed_destroy(mk_packed *matrix);

// Other weights of its type, not MK_S8, and size in its memory. 0, or an error: see mk_last_error.
int mk_packed_refill(mk_packed *matrix, const void *weights, int64_t brs, int64_t bcs);

int64_t mk_packed_columns(const mk_packed *matrix);

// The packed bytes, for fingerprints.
const void *mk_packed_bytes(const mk_packed *matrix, int64_t *count);

// Writes B back row-major [k,n] in its own element type; in f32 when that is MK_S8.
int mk_packed_unpack(const mk_packed *matrix, void *weights);

// Column j of B, widened to f32.
void mk_packed_column(const mk_packed *matrix, int64_t j, float *column);

// Bᵀ packed in bf16, from B in bf16 or 8 bits: into `reused`, made by an earlier call for the same sizes, or into a
// new matrix when it is NULL. NULL when the layout at hand cannot be turned: see mk_last_error.
mk_packed *mk_packed_turned(const mk_packed *matrix, mk_packed *reused);

// y[m,n] = x[m,k]·B, or y += x·B with `accumulate`. x is of type `x_type`: MK_F32, or MK_BF16 where the matrix is
// not MK_F32. y is f32. 0, or an error: see mk_last_error.
int mk_packed_multiply(const mk_packed *matrix, const void *x, int x_type, int64_t m, float *y, bool accumulate);

// What failed last, as text.
const char *mk_last_error(void);

// "oneDNN 2.6.3" or "portable".
const char *mk_backend_name(void);

// Whether bf16 products run on units made for them (AVX512-BF16, AMX, AVX-VNNI2).
bool mk_bf16_is_fast(void);

// Whether 8-bit products come out exact here: not without the unit for them (AVX512-VNNI).
bool mk_int8_is_exact(void);

// --- NF4 ----------------------------------------------------------------------------------------------

// Weights of 4 bits as bitsandbytes holds them (Dettmers et al. 2023, arXiv 2305.14314): each run of MK_NF4_BLOCK
// values of the row-major matrix as indices into 16 values and one scale; the scales, less their mean, as indices
// into the signed dynamic map with one f32 for each MK_NF4_NESTED of them.
enum { MK_NF4_BLOCK = 64, MK_NF4_NESTED = 256 };

typedef struct {
  int64_t outputs, inputs;
  // Two values a byte, the first in the upper half.
  const uint8_t *codes;
  // One a block: map[scales[i]]·nested[i / MK_NF4_NESTED] + mean. NULL where `wide_scales` are the scales themselves.
  const uint8_t *scales;
  const float *nested, *map;
  float mean;
  const float *wide_scales;
  // A bit more for each value, the lowest of a byte first, or NULL: whether it is the upper of the two that its four
  // stand for, see mk_nf4_fine_code.
  const uint8_t *fifth;
} mk_nf4;

// The 16 values, ascending.
void mk_nf4_code(float *values);
// The 32 that five bits stand for, ascending: two for each of the 16, the middles of what is nearer to it than to its
// neighbours below it and above it, so that four of the bits are NF4.
void mk_nf4_fine_code(float *values);
void mk_nf4_quantize(const float *x, int64_t count, uint8_t *codes, float *scales);
void mk_nf4_quantize_scales(const float *scales, int64_t count, uint8_t *codes, float *nested, float *mean);
// For each block of x[outputs, inputs] the scale, as a share of its largest value, of least Σ weights[column]·error².
// Here and below `is_fine` takes the 32 values of five bits.
void mk_nf4_search_scales(
  const float *x, int64_t outputs, int64_t inputs, const float *weights, bool is_fine, float *scales);
// Rounds x[outputs, inputs] with given scales, one code a byte, so that codes take up the errors of others in their row.
// `order` names the columns, the last of them rounded first; feedback[inputs, inputs] holds at (i, k), k < i, the share
// of the error of column order[i] that column order[k] takes up: L[i, k]/L[k, k] for Xᵀ·X = L·Lᵀ in that order.
void mk_nf4_round(
  const float *x, int64_t outputs, int64_t inputs, const float *scales, const int32_t *order,
  const float *feedback, bool is_fine, uint8_t *codes);
// Goes over the codes of each row so many times, and takes for each the one of least error with the others as they are.
// moment[inputs, inputs] is Xᵀ·X.
void mk_nf4_refine(
  const float *x, int64_t outputs, int64_t inputs, const float *scales, const float *moment, int sweeps,
  bool is_fine, uint8_t *codes);
// Values `first` and on of the row-major matrix.
void mk_nf4_unpack(const mk_nf4 *matrix, int64_t first, int64_t count, float *values);

// y[m, outputs] = x·Wᵀ, or y[m, inputs] = x·W with `is_back`, or added to y; W is `count` matrices of the same inputs
// one below the other. x is f32 or bf16. W is unpacked by pieces as it is multiplied: in bf16 where the processor has
// units for it, else in f32. 0, or an error: see mk_last_error.
int mk_nf4_multiply(
  const mk_nf4 *parts, int64_t count, bool is_back, const void *x, int x_type, int64_t m, float *y, bool accumulate);

// Columns first..<first + columns of Wᵀ (of W with `is_back`), both multiples of 64, in bf16 by blocks of 64 columns
// and 32 rows, the pairs of two rows together; zeros where there is no value. `is_plain` takes the portable loops.
void mk_nf4_slice(
  const mk_nf4 *parts, int64_t count, bool is_back, int64_t first, int64_t columns, uint16_t *to, bool is_plain);

// --- Blocks of a GGUF -----------------------------------------------------------------------------------

// ggml's numbers for its types of blocks that are multiplied as they are.
enum {
  MK_Q4_0 = 2, MK_Q4_1 = 3, MK_Q5_0 = 6, MK_Q5_1 = 7, MK_Q8_0 = 8, MK_Q2_K = 10, MK_Q3_K = 11, MK_Q4_K = 12,
  MK_Q5_K = 13, MK_Q6_K = 14, MK_IQ4_NL = 20, MK_IQ4_XS = 23
};
// Of a block as a file has it; 0 for types that are not multiplied.
int64_t mk_stored_block_values(int type);
int64_t mk_stored_block_bytes(int type);

// Rows of a weight matrix as a file has them: `blocks` is [file's rows][inputs / values of a block] blocks, and output i is
// row rows[i], or i where that is NULL.
typedef struct {
  int type;
  int64_t outputs;
  const void *blocks;
  const int64_t *rows;
} mk_stored_part;

// Whether products with blocks go by kernels that are faster than products in f32, and not by the plain loops.
bool mk_stored_is_fast(void);

// W[outputs, inputs], of parts one below the other, for products x·Wᵀ: the values are the file's own.
typedef struct mk_stored mk_stored;

// NULL when the type is not known, `inputs` is not whole blocks or there is no memory: see mk_last_error. `is_plain` has
// products take the portable loops, to compare others with.
mk_stored *mk_stored_create(const mk_stored_part *parts, int64_t count, int64_t inputs, bool is_plain);
void mk_stored_destroy(mk_stored *matrix);
const void *mk_stored_bytes(const mk_stored *matrix, int64_t *count);
// One row of W in f32.
void mk_stored_row(const mk_stored *matrix, int64_t output, float *values);

// What an adapter adds to a product: its factors, laid out by mk_factors_pack once and for all.
typedef struct {
  // MK_BF16, or MK_S8 or MK_S4 for codes of 8 or 4 bits with a scale in bf16 for each output of 32 inputs.
  int type;
  // The rows of the batch, at least one, and the columns of the result that it adds to.
  int64_t first_row, rows, first_column, outputs, rank;
  float scale;
  // A and B as mk_factors_pack leaves them.
  const void *reduce, *expand;
} mk_factors;

// Bytes of the two factors.
void mk_factors_sizes(int type, int64_t inputs, int64_t outputs, int64_t rank, int64_t *reduce, int64_t *expand);
// From A[rank][inputs] and B[outputs][rank], which are finite. May be called from any thread.
void mk_factors_pack(
  int type, const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank, void *reduce,
  void *expand);
// (Σₙ maxₖ Bₙₖ²)·‖A‖² / ‖B·A‖², with the last from random probes: by how much the square of rounding's change to B·A
// grows beyond its size; infinite where there is nothing left of it, 0 for zeros. May be called from any thread.
float mk_factors_growth(const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank);
// The values that are multiplied, row by row.
void mk_factors_unpack(
  int type, const void *reduce, const void *expand, int64_t inputs, int64_t outputs, int64_t rank, float *a,
  float *b);
// y[m][columns] += scale·(x·Aᵀ)·Bᵀ for each, with x[m][inputs] in bf16.
void mk_factors_add(
  const mk_factors *terms, int64_t count, const uint16_t *x, int64_t m, int64_t inputs, float *y, int64_t columns);

// y[m, outputs] = x·Wᵀ, or added to y. x is f32 or bf16; its rows are brought to 8 bits by blocks of 32, each with a
// scale. `terms` add to y in the same pass. A row's result is the same bit for bit whatever rows come with it.
void mk_stored_multiply(
  const mk_stored *matrix, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count, float *y,
  bool accumulate);

// What one adapter adds to one product, for a run of rows of a batch, in bf16 with f32 sums.
typedef struct {
  // The run's first row in the batch: terms of one run stand together.
  int64_t first_row, rows;
  int64_t inputs, outputs, rank;
  float scale;
  // A[rank][inputs] and B[outputs][rank], f32.
  const float *a, *b;
  // x[rows][inputs] in bf16.
  const uint16_t *x;
  int64_t x_stride;
  // x·Aᵀ, mk_low_rank_inner_count(rows, rank) values: written forward, read backward; du is the same for backward.
  uint16_t *u, *du;
  // Forward: y[rows][outputs] += scale·u·Bᵀ.
  float *y;
  int64_t y_stride;
  // Backward: dx += du·A unless NULL; dA and dB are added to unless NULL.
  const uint16_t *dy;
  int64_t dy_stride;
  float *dx;
  int64_t dx_stride;
  float *da, *db;
} mk_low_rank_term;

int64_t mk_low_rank_inner_count(int64_t rows, int64_t rank);
void mk_low_rank_forward(const mk_low_rank_term *terms, int64_t count);
void mk_low_rank_backward(const mk_low_rank_term *terms, int64_t count);

// How far apart rows of bf16 values should stand so that those of a tile do not fall into the same places of a cache.
int64_t mk_spread(int64_t columns);

// y[m,n] = x[m,k]·B + addend, and mk_low_rank_forward, in one: what the terms add to y goes on while its rows are in the
// cache. The addend is NULL for none, y, or another matrix of its size. A term's y (dx, on the way back) lies in row
// first_row of the result, its rows as far apart, or outside of it.
int mk_adapted_multiply(
  const mk_packed *matrix, const void *x, int x_type, int64_t m, float *y, const float *addend,
  const mk_low_rank_term *terms, int64_t count);

// The same back: dx[m,k] = dy[m,n]·Bᵀ + addend, and mk_low_rank_backward, with B as it lies: no other form of it is needed
// where mk_packed_goes_back says so.
bool mk_packed_goes_back(const mk_packed *matrix);
// Rows of dy in bf16 are `dy_stride` apart, 0 for as long as they are.
int mk_adapted_multiply_back(
  const mk_packed *matrix, const void *dy, int dy_type, int64_t dy_stride, int64_t m, float *dx,
  const float *addend, const mk_low_rank_term *terms, int64_t count);

// Puts L into the lower triangle of a symmetric positive definite S[n,n] = L·Lᵀ, in f64; false, with S undefined, when S
// is not positive definite.
bool mk_cholesky(double *s, int64_t n);

// R[m,n] ← R·S⁻¹ for a symmetric positive definite S[n,n], in f64. Reads and overwrites S's lower triangle.
// false, with S and R undefined, when S is not positive definite.
bool mk_solve_symmetric(double *s, int64_t n, double *r, int64_t m);

// --- Conversions --------------------------------------------------------------------------------------

// xᵀ in bf16 from x[rows,columns], MK_F32 or MK_BF16: y[columns,depth], zeros from `rows` on; depth >= rows.
void mk_transpose_to_bf16(
  const void *x, int type, int64_t rows, int64_t columns, int64_t depth, uint16_t *y);

// Round to nearest even; NaN stays NaN.
void mk_to_bf16(const float *x, uint16_t *y, int64_t count);
void mk_from_bf16(const uint16_t *x, float *y, int64_t count);

// --- Elementwise --------------------------------------------------------------------------------------

// y += scale·x
void mk_add_scaled(float *y, const float *x, float scale, int64_t count);
// y = x + scale·z, with z in f32 or, where `narrow_z` is not NULL, in bf16.
void mk_sum_scaled(const float *x, const float *z, const uint16_t *narrow_z, float scale, float *y, int64_t count);
// y = scale·x; y may be x.
void mk_scale(const float *x, float scale, float *y, int64_t count);
void mk_scale_bf16(const uint16_t *x, float scale, uint16_t *y, int64_t count);
// x becomes cap·tanh(x/cap).
void mk_softcap(float *x, float cap, int64_t count);
// y[rows][columns] += bias[columns]
void mk_add_bias(float *y, const float *bias, int64_t rows, int64_t columns);
// sums[columns] += Σ_rows x, with x in f32 or, where `narrow_x` is not NULL, in bf16; rows `stride` apart.
void mk_column_sums(
  const float *x, const uint16_t *narrow_x, int64_t stride, float *sums, int64_t rows, int64_t columns);
// The sum of squares, by blocks in a fixed order.
double mk_sum_of_squares(const float *x, int64_t count);
// Whether no value is infinite or not a number.
bool mk_all_finite(const float *x, int64_t count);
// y = x · mask/(1-rate), the mask drawn from (seed, element index); the same call redraws the same mask.
void mk_dropout(const float *x, float *y, int64_t rows, int64_t columns, float rate, uint64_t seed, bool accumulate);
void mk_dropout_bf16(const uint16_t *x, uint16_t *y, int64_t rows, int64_t columns, float rate, uint64_t seed);

// --- RMSNorm ------------------------------------------------------------------------------------------

// y is f32 in mk_rms_norm, bf16 in mk_rms_norm_bf16, which also writes x in bf16 to `kept` unless NULL.
void mk_rms_norm(
  const float *x, const float *weight, float epsilon, float *y, float *inverse_rms, int64_t rows, int64_t columns);
void mk_rms_norm_bf16(
  const float *x, const float *weight, float epsilon, uint16_t *y, uint16_t *kept, float *inverse_rms, int64_t rows,
  int64_t columns);
// dx += the gradient through RMSNorm.
void mk_rms_norm_backward(
  const float *x, const float *weight, const float *inverse_rms, const float *dy, float *dx, int64_t rows,
  int64_t columns);
void mk_rms_norm_backward_bf16(
  const uint16_t *x, const float *weight, const float *inverse_rms, const float *dy, float *dx, int64_t rows,
  int64_t columns);

// RMSNorm of groups of neighbouring columns of each row, in place.
typedef struct {
  // The first value of the first group: rows are `stride` apart, and a row's groups side by side.
  float *x;
  int64_t stride, rows, groups, width;
  // [width], the same for all groups.
  const float *weight;
  float epsilon;
  // What the way back needs, or NULL: each group's 1/sqrt(mean(x²) + ε), [rows][groups], and x before it was normed, in
  // one of two formats, rows `kept_stride` apart.
  float *inverse_rms;
  float *kept;
  uint16_t *narrow_kept;
  int64_t kept_stride;
} mk_norm_groups;

void mk_rms_norm_groups(const mk_norm_groups *p);
// `x` is the gradient of the result and becomes that of what was normed.
void mk_rms_norm_groups_backward(const mk_norm_groups *p);
// dw[width] += the weight's gradient; `x` is the gradient of the result.
void mk_rms_norm_groups_gradient(const mk_norm_groups *p, float *dw);

// --- LayerNorm ----------------------------------------------------------------------------------------

// `bias` is NULL for none. y is f32 or, where `narrow_y` is not NULL, bf16. For the way back: `means` and `inverse`,
// [rows] each, and unless `kept` is NULL x in bf16.
void mk_layer_norm(
  const float *x, const float *weight, const float *bias, float epsilon, float *y, uint16_t *narrow_y, uint16_t *kept,
  float *means, float *inverse, int64_t rows, int64_t columns);
// dx += the gradient through LayerNorm, with x in f32 or, where `narrow_x` is not NULL, in bf16.
void mk_layer_norm_backward(
  const float *x, const uint16_t *narrow_x, const float *weight, const float *means, const float *inverse,
  const float *dy, float *dx, int64_t rows, int64_t columns);
// dw += Σ_rows dy·(x - mean)·inverse
void mk_layer_norm_gradient(
  const float *x, const uint16_t *narrow_x, const float *means, const float *inverse, const float *dy, float *dw,
  int64_t rows, int64_t columns);

// --- Scaled columns -----------------------------------------------------------------------------------

// y = c ⊙ x (+ residual, unless NULL) for x[rows][columns] and c[columns].
void mk_scale_columns(
  const float *x, const float *factors, const float *residual, float *y, int64_t rows, int64_t columns);
// dc += Σ_rows dy ⊙ x, with x in f32 or, where `narrow_x` is not NULL, in bf16.
void mk_scale_columns_gradient(
  const float *dy, const float *x, const uint16_t *narrow_x, float *dc, int64_t rows, int64_t columns);

// --- SwiGLU -------------------------------------------------------------------------------------------

// gate_up: [rows, 2·columns], gate first. y = silu(gate)·up: [rows, columns].
void mk_swiglu(const float *gate_up, float *y, int64_t rows, int64_t columns);
void mk_swiglu_backward(const float *gate_up, const float *dy, float *dgate_up, int64_t rows, int64_t columns);
// With y and dgate_up in bf16. Forward reads f32 and keeps gate_up in bf16 unless `kept` is NULL; backward reads it.
void mk_swiglu_bf16(const float *gate_up, uint16_t *y, uint16_t *kept, int64_t rows, int64_t columns);
void mk_swiglu_backward_bf16(
  const uint16_t *gate_up, const float *dy, uint16_t *dgate_up, int64_t rows, int64_t columns);

// --- Other activations ----------------------------------------------------------------------------------

enum { MK_SILU, MK_GELU, MK_GELU_TANH, MK_QUICK_GELU, MK_RELU, MK_TANH };

// The rows of an activation: y = f(x), [rows][columns], or with `is_gated` y = f(gate)·up for x = [gate, up] of
// [rows][2·columns]. Each of x, y and dx is in one of two formats.
typedef struct {
  int kind;
  bool is_gated;
  int64_t rows, columns;
  // Forward in f32; backward in one of the two.
  const float *x;
  const uint16_t *narrow_x;
  // Forward, one of the two.
  float *y;
  uint16_t *narrow_y;
  // Forward: x in bf16, unless NULL.
  uint16_t *kept;
  // Backward: of the result, and one of the two.
  const float *dy;
  float *dx;
  uint16_t *narrow_dx;
} mk_activation;

void mk_activate(const mk_activation *p);
void mk_activate_backward(const mk_activation *p);

// --- Rotary attention ---------------------------------------------------------------------------------

// What an attention layer computes.
typedef struct {
  int64_t heads, kv_heads, dimension;
  // The first so many values of a head are rotated, paired (j, j + rotated/2); 0: none.
  int64_t rotated;
  // A query sees the keys of its own sequence from `before` places before it to `after` places after it.
  int64_t before, after;
  // Scores are multiplied by `scale`; then, unless `softcap` is 0, they become softcap·tanh(score/softcap).
  float scale, softcap;
} mk_attention_rule;

// A `before` or `after` without a bound.
enum { MK_UNBOUNDED = INT32_MAX };

// Rotates the heads of queries and keys in each row of x (row stride in elements) by positions[row]; `cosines` and
// `sines` are [positions, rotated/2]. direction: +1 forward, -1 back.
void mk_rotate(
  const mk_attention_rule *rule, float *x, int64_t stride, int64_t rows, const int32_t *positions,
  const float *cosines, const float *sines, float direction);

// One sequence, its rows already rotated.
typedef struct {
  const float *q, *k, *v;
  int64_t q_stride, kv_stride, queries;
  // Where the result goes: one of the two, f32 or bf16.
  float *out;
  uint16_t *narrow_out;
  int64_t out_stride;
  float *log_sum;  // [heads, queries], or NULL
} mk_sequence;

void mk_attention(const mk_attention_rule *rule, const mk_sequence *sequences, int64_t count);

// The same sequence backward. dq, dk, dv are written, not added to.
typedef struct {
  const float *q, *k, *v, *dout, *log_sum;
  // The forward result: one of the two.
  const float *out;
  const uint16_t *narrow_out;
  float *dq, *dk, *dv;
  int64_t qkv_stride, out_stride, queries;
} mk_sequence_backward;

void mk_attention_backward(const mk_attention_rule *rule, const mk_sequence_backward *sequences, int64_t count);

// The same for whole sequences in bf16, rotation included: of a causal rule that rotates whole heads, without softcap,
// and with a `before` that reaches each sequence's beginning.
typedef struct {
  int64_t first, rows;
} mk_span;

typedef struct {
  mk_attention_rule rule;
  int64_t rows;
  // The sequences' rows, in order.
  const mk_span *spans;
  int64_t count;
  const int32_t *positions;
  const float *cosines, *sines;
  // [rows][(heads + 2·kv_heads)·dimension], written forward: queries and keys rotated, values as they are.
  uint16_t *rotated;
  // [rows][heads·dimension], written forward.
  uint16_t *out;
  // [heads][rows], written forward unless NULL; backward needs them.
  float *log_sums;
} mk_attention_batch;

// Whether the processor and the size of a head allow it.
bool mk_attention_bf16_fits(int64_t dimension);
// f32 values of the memory that a call works in.
int64_t mk_attention_bf16_workspace(const mk_attention_batch *batch, bool is_backward);
void mk_attention_bf16(const mk_attention_batch *batch, const float *qkv, float *workspace);
// dqkv, [rows][(heads + 2·kv_heads)·dimension], is written, rotated back.
void mk_attention_backward_bf16(const mk_attention_batch *batch, const float *dy, float *workspace, uint16_t *dqkv);

// Positions of a page.
enum { MK_PAGE_TOKENS = 32 };

// What a page holds in each layer.
typedef struct {
  int64_t kv_heads, dimension;
  // Of keys and values: MK_F32, or MK_BF16 where mk_attention_bf16_fits.
  int type;
} mk_cache_shape;

// Some positions of a sequence that follow `past` ones.
typedef struct {
  // [queries][(heads + 2·kv_heads)·dimension], rows `stride` apart; rotated here, by positions[queries].
  const float *qkv;
  int64_t stride, queries, past;
  const int32_t *positions;
  // Those of its pages that hold `past + queries` positions. What no pass has written yet must be finite.
  void *const *pages;
  // Where the result goes: one of the two, f32 or bf16.
  float *out;
  uint16_t *narrow_out;
  int64_t out_stride;
} mk_cached_sequence;

// Bytes that a page has for each layer.
int64_t mk_page_layer_bytes(const mk_cache_shape *shape);
// Writes keys and values to the pages, `layer_offset` bytes in, and attends to what the rule lets each query see of
// them. The rule is causal: `after` is 0.
void mk_attention_cached(
  const mk_attention_rule *rule, const mk_cache_shape *shape, const mk_cached_sequence *sequences, int64_t count,
  int64_t layer_offset, const float *cosines, const float *sines);
// The keys, after rotation, and values at a place of a page's layer: [kv_heads·dimension] each.
void mk_page_read(const mk_cache_shape *shape, const void *layer, int64_t slot, float *keys, float *values);

// --- A decoder layer --------------------------------------------------------------------------------------

// What the angles of a rotation are looked up in: [positions, rotated/2] each.
typedef struct {
  const float *cosines, *sines;
} mk_rotary_table;

// A layer in stored blocks:
//   h = x + s·after(attention(heads(norm(x)·QKVᵀ + b))·Oᵀ),   y = h + s·after(gated(norm(h)·[gate, up]ᵀ)·downᵀ)
// Each `norm` and `after` is an RMSNorm of its own, or nothing where its weight is NULL; `heads` norms queries and keys.
typedef struct {
  const mk_stored *qkv, *output, *gate_up, *down;
  // [hidden]
  const float *attention_norm, *feed_forward_norm, *attention_after, *feed_forward_after;
  // b, as wide as QKV's outputs, or NULL.
  const float *bias;
  // Weights, as wide as a head or as all queries, all keys; or NULL.
  const float *query_norm, *key_norm;
  int64_t query_norm_width, key_norm_width;
  // s
  float residual_scale;
  // Of MK_SILU and so on.
  int activation;
  const mk_attention_rule *rule;
  // Which of the tables.
  int64_t table;
} mk_layer;

// A pass of some rows through layers one after the other.
typedef struct {
  // x and y are [rows][hidden]; the matrices say how wide the rest is.
  int64_t rows, hidden;
  float epsilon;
  // Room for the product with QKV, f32, and for what attention finds, bf16: where the sequences have theirs.
  float *projected;
  uint16_t *attended;
  int64_t sequence_count;
  // Bytes that a page has for each layer; the first layer's lie first.
  int64_t layer_bytes;
  // The matrix that is multiplied after the last layer, or NULL: the end of that asks memory for its beginning.
  const mk_stored *following;
} mk_layers_pass;

// Forward, with keys and values in pages, in the operators' formats between them, and bit for bit what they give one by
// one. The team goes through each layer at once. `terms` are what adapters add, those of QKV, O, gate and up, and down of
// each layer one after the other; `term_counts` are how many of each. y may be x.
void mk_layers_forward(
  const mk_layer *layers, int64_t count, const mk_layers_pass *pass, const float *x, const mk_factors *terms,
  const int64_t *term_counts, const mk_rotary_table *tables, const mk_cache_shape *shape,
  const mk_cached_sequence *sequences, float *y);

// --- Cross-entropy ------------------------------------------------------------------------------------

// losses[i] = -log softmax(logits[i])[targets[i]]. With `scales`, logits become scales[i]·(softmax - onehot); or, unless
// `narrow` is NULL, that goes there in bf16, rows `stride` apart, and the logits are undefined. Unless `softcap` is 0,
// logits z stand for softcap·tanh(z/softcap), and gradients are those of z.
void mk_cross_entropy(
  float *logits, const int32_t *targets, float *losses, const float *scales, float softcap, int64_t rows,
  int64_t columns, uint16_t *narrow, int64_t stride);

// The same with a teacher's logits, which are overwritten: losses and gradients of
// (1-weight)·cross-entropy + weight·temperature²·KL(teacher ‖ own), both at the temperature. `softcap` is that of the
// own logits alone.
void mk_distillation(
  float *logits, float *teacher, const int32_t *targets, float *losses, const float *scales, float softcap,
  float temperature, float weight, int64_t rows, int64_t columns);

// --- AdamW --------------------------------------------------------------------------------------------

typedef struct {
  float learning_rate, beta1, beta2, epsilon, weight_decay, correction1, correction2, gradient_scale;
} mk_adamw_step;

void mk_adamw(float *values, const float *gradient, float *m, float *v, int64_t count, const mk_adamw_step *step);

// Values that share one scale in moments of 8 bits: see adamw8.c.
enum { MK_STATE_BLOCK = 256 };

// mk_adamw with m and v as codes of 8 bits and a scale for each MK_STATE_BLOCK of them (the last block may be
// shorter). Scales of 0 are moments of 0, whatever the codes.
void mk_adamw8(
  float *values, const float *gradient, uint8_t *m, float *m_scales, uint8_t *v, float *v_scales, int64_t count,
  const mk_adamw_step *step);
// The 256 values that the codes stand for, ascending: of m when signed, of v otherwise.
void mk_dynamic_map(float *values, bool is_signed);
// What mk_adamw8 does to the moments after a step.
void mk_quantize_moments(const float *x, uint8_t *codes, float *scales, int64_t count, bool is_signed);

#ifdef __cplusplus
}
#endif
