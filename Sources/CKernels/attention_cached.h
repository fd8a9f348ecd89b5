// Attention over pages as stages of a loop: see attention_cached.c.
#pragma once

#include "dispatch.h"

typedef struct {
  const mk_attention_rule *rule;
  const mk_cache_shape *shape;
  const mk_cached_sequence *sequences;
  int64_t count, layer_offset;
  const float *cosines, *sines;
  // Queries of a task.
  int64_t block;
} cached_attention;

cached_attention cached_attention_of(
  const mk_attention_rule *rule, const mk_cache_shape *shape, const mk_cached_sequence *sequences, int64_t count,
  int64_t layer_offset, const float *cosines, const float *sines);
// Adds its stages; how many there are, at most 2.
int64_t cached_attention_stages(const cached_attention *c, mk_stage *stages);
