// One row of an operator, for those who have it among other work.
#pragma once

#include "dispatch.h"

// RMSNorm of a row in f32 to bf16.
void rms_norm_row(const float *x, const float *weight, float epsilon, uint16_t *y, int64_t columns);
// SwiGLU of some rows, [rows][2·columns] to [rows][columns] in bf16.
void swiglu_narrow(const float *gate_up, uint16_t *y, int64_t rows, int64_t columns);
