// Published models have weights of 16 bits, which become 32 bits before they are quantised. CTranslate2 looks each of them up in a
// table; here eight are converted by one instruction, with the same result. Less to load a model by (docs/BENCHMARKS.md).
#pragma once

#include <algorithm>
#include <immintrin.h>

#include "ctranslate2/types.h"

namespace verbatim {

  // Whether `y` was written; other types are CTranslate2's to convert.
  template <typename From, typename To>
  bool convert(const From*, To*, ctranslate2::dim_t) {
    return false;
  }

  __attribute__((target("avx,f16c")))
  inline void convert_eight_by_eight(const ctranslate2::float16_t* x, float* y, ctranslate2::dim_t size) {
    for (ctranslate2::dim_t i = 0; i < size; i += 8)
      _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }

  inline bool convert(const ctranslate2::float16_t* x, float* y, ctranslate2::dim_t size) {
    static const bool f16c = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
    if (!f16c)
      return false;
    const ctranslate2::dim_t rest = size % 8;
    convert_eight_by_eight(x, y, size - rest);
    std::copy(x + size - rest, x + size, y + size - rest);
    return true;
  }

}
