// NF4: the 16 values at which a normal distribution's quantiles lie, scaled to ±1 (Dettmers, Pagnoni, Holtzman and
// Zettlemoyer 2023, arXiv 2305.14314, appendix E), rounding to them, and back. Codes, scales and values are those of
// bitsandbytes' quantize_4bit and dequantize_4bit with compress_statistics.
#include "nf4.h"

const float mk_nf4_values[16] = {
  -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
  -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
  0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

// What is nearer to a value than to its neighbours is cut at the value; these are the middles of both sides. The outer two
// have as much beyond them as before.
const float mk_nf4_halves[32] = {
  -1.07595181f, -0.772144616f, -0.567852974f, -0.427456379f, -0.312060416f, -0.209690422f, -0.114480883f,
  -0.0227625091f, 0.0596852228f, 0.140592724f, 0.224816769f, 0.314964503f, 0.415011168f, 0.532140195f,
  0.682871878f, 0.930739224f,
  -0.924048185f, -0.653412879f, -0.492534161f, -0.367298454f, -0.259524405f, -0.161342576f, -0.0682875291f,
  0.0198950749f, 0.0999177769f, 0.182225734f, 0.269063026f, 0.363613904f, 0.471186638f, 0.602701962f,
  0.792217612f, 1.06926084f};

void mk_nf4_fine_code(float *values) {
  for (int k = 0; k < 32; k++) values[k] = mk_nf4_halves[k % 2 * 16 + k / 2];
}

void mk_nf4_code(float *values) { memcpy(values, mk_nf4_values, sizeof mk_nf4_values); }

typedef struct {
  const float *x;
  int64_t count;
  uint8_t *codes;
  float *scales;
} quantizing;

// A value takes the code below whose upper neighbour's midpoint it does not pass.
MK_KERNEL(quantize_blocks, (const quantizing *q, int64_t begin, int64_t end), (q, begin, end)) {
  float bounds[15];
  for (int k = 0; k < 15; k++) bounds[k] = (mk_nf4_values[k] + mk_nf4_values[k + 1]) / 2;
  for (int64_t block = begin; block < end; block++) {
    const float *x = q->x + block * MK_NF4_BLOCK;
    int64_t count = q->count - block * MK_NF4_BLOCK;
    if (count > MK_NF4_BLOCK) count = MK_NF4_BLOCK;
    float y[MK_NF4_BLOCK] = {0};
    int32_t codes[MK_NF4_BLOCK] = {0};
    memcpy(y, x, (size_t)count * sizeof(float));
    uint32_t bits = 0;
    for (int i = 0; i < MK_NF4_BLOCK; i++) {
      uint32_t size;
      memcpy(&size, y + i, 4);
      size &= 0x7FFFFFFF;
      bits = size > bits ? size : bits;
    }
    float highest, least;
    memcpy(&highest, &bits, 4);
    least = highest < 1e-38f ? 1e-38f : highest;
    if (count == MK_NF4_BLOCK) {
      float inverse = 1 / least;
      for (int i = 0; i < MK_NF4_BLOCK; i++) y[i] *= inverse;
    } else {
      // bitsandbytes divides the last values where they fill no block.
      for (int i = 0; i < MK_NF4_BLOCK; i++) y[i] /= least;
      highest = least;
    }
    for (int k = 0; k < 15; k++)
      for (int i = 0; i < MK_NF4_BLOCK; i++) codes[i] += y[i] > bounds[k];
    q->scales[block] = highest;
    uint8_t *to = q->codes + block * (MK_NF4_BLOCK / 2);
    for (int64_t i = 0; i < (count + 1) / 2; i++)
      to[i] = (uint8_t)(codes[2 * i] << 4 | (2 * i + 1 < count ? codes[2 * i + 1] : 7));
  }
}

static void quantize_part(void *q, int64_t begin, int64_t end) { quantize_blocks(q, begin, end); }

void mk_nf4_quantize(const float *x, int64_t count, uint8_t *codes, float *scales) {
  quantizing q = {x, count, codes, scales};
  mk_parallel_ranges((count + MK_NF4_BLOCK - 1) / MK_NF4_BLOCK, 64, quantize_part, &q);
}

// The nearest value of the map; the lower of two.
static uint8_t nearest(const float *map, float x) {
  int low = 0, high = 255;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (map[middle] <= x) low = middle;
    else high = middle - 1;
  }
  return (uint8_t)(low < 255 && fabsf(x - map[low + 1]) < fabsf(x - map[low]) ? low + 1 : low);
}

void mk_nf4_quantize_scales(const float *scales, int64_t count, uint8_t *codes, float *nested, float *mean) {
  float map[256];
  mk_dynamic_map(map, true);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += scales[i];
  *mean = (float)(sum / (double)(count > 0 ? count : 1));
  for (int64_t first = 0; first < count; first += MK_NF4_NESTED) {
    int64_t end = first + MK_NF4_NESTED < count ? first + MK_NF4_NESTED : count;
    float highest = 0;
    for (int64_t i = first; i < end; i++) highest = fmaxf(highest, fabsf(scales[i] - *mean));
    float inverse = highest > 0 ? 1 / highest : 0;
    for (int64_t i = first; i < end; i++) codes[i] = nearest(map, (scales[i] - *mean) * inverse);
    nested[first / MK_NF4_NESTED] = highest;
  }
}

typedef struct {
  const mk_nf4 *matrix;
  int64_t first, count;
  float *values;
} unpacking;

MK_KERNEL(unpack_range, (const unpacking *u, int64_t begin, int64_t end), (u, begin, end)) {
  const mk_nf4 *w = u->matrix;
  for (int64_t at = u->first + begin, last = u->first + end; at < last;) {
    int64_t stop = (at / MK_NF4_BLOCK + 1) * MK_NF4_BLOCK;
    if (stop > last) stop = last;
    float scale = mk_nf4_scale(w, at / MK_NF4_BLOCK), values[32];
    float *to = u->values + (at - u->first);
    if (w->fifth) {
      for (int k = 0; k < 32; k++) values[k] = mk_nf4_halves[k] * scale;
      for (; at < stop && at % 8; at++) *to++ = values[mk_nf4_index(w, at)];
      for (; at + 8 <= stop; at += 8, to += 8) {
        const uint8_t *pairs = w->codes + at / 2;
        unsigned bits = w->fifth[at / 8];
        for (int i = 0; i < 4; i++) {
          to[2 * i] = values[pairs[i] >> 4 | (bits >> 2 * i << 4 & 16)];
          to[2 * i + 1] = values[(pairs[i] & 15) | (bits >> (2 * i + 1) << 4 & 16)];
        }
      }
      for (; at < stop; at++) *to++ = values[mk_nf4_index(w, at)];
      continue;
    }
    for (int k = 0; k < 16; k++) values[k] = mk_nf4_values[k] * scale;
    if (at % 2) *to++ = values[w->codes[at++ / 2] & 15];
    for (; at + 1 < stop; at += 2, to += 2) {
      uint8_t pair = w->codes[at / 2];
      to[0] = values[pair >> 4], to[1] = values[pair & 15];
    }
    if (at < stop) *to = values[w->codes[at++ / 2] >> 4];
  }
}

static void unpack_part(void *u, int64_t begin, int64_t end) { unpack_range(u, begin, end); }

void mk_nf4_unpack(const mk_nf4 *matrix, int64_t first, int64_t count, float *values) {
  unpacking u = {matrix, first, count, values};
  mk_parallel_ranges(count, 4096, unpack_part, &u);
}
