// Published models have float16 weights, which are converted to float32 before they are quantised. CTranslate2 looks each one up in
// a table. Here one instruction converts eight, with the same result, and a model loads faster (docs/BENCHMARKS.md).
#pragma once

#include <algorithm>
#include <immintrin.h>

#include "ctranslate2/types.h"

namespace verbatim {

  // Returns whether `y` was written; CTranslate2 converts other types.
  template <typename From, typename To>
  bool convert(const From*, To*, ctranslate2::dim_t) {
    return false;
  }

  __attribute__((target("avx2,f16c")))
  inline void convert_eight_by_eight(const ctranslate2::float16_t* x, float* y, ctranslate2::dim_t size) {
    for (ctranslate2::dim_t i = 0; i < size; i += 8)
      _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }

  inline bool convert(const ctranslate2::float16_t* x, float* y, ctranslate2::dim_t size) {
    // Processors with AVX2 have F16C.
    static const bool avx2 = __builtin_cpu_supports("avx2");
    if (!avx2)
      return false;
    const ctranslate2::dim_t rest = size % 8;
    convert_eight_by_eight(x, y, size - rest);
    std::copy(x + size - rest, x + size, y + size - rest);
    return true;
  }

}
