// Rows of an operator, for those who have them among other work.
#pragma once

#include "dispatch.h"

// RMSNorm of rows in f32 to bf16.
void rms_norm_rows(
  const float *x, const float *weight, float epsilon, uint16_t *y, int64_t rows, int64_t columns);
// SwiGLU of some rows, [rows][2·columns] to [rows][columns] in bf16.
void swiglu_narrow(const float *gate_up, uint16_t *y, int64_t rows, int64_t columns);
// f32 from bf16.
void widen_values(const uint16_t *x, float *y, int64_t count);
