// Products of a few rows of activations with int8 weights: a step of a decoder has one row for each window or beam. oneDNN
// copies all weights into another order first, which takes longer than the product. Here they are read once, as they are.
// The sums are exact, also on processors without VNNI, where those of oneDNN saturate.
#pragma once

#include <cstdint>
#include <immintrin.h>

#include "ctranslate2/types.h"
#include "steps.h"

namespace verbatim {

  using ctranslate2::dim_t;

  // C (m × n) = A (m × k, unsigned) · transposed B (n × k, signed) + a number for each column of C.
  struct FewRows {
    dim_t m, n, k;
    const uint8_t* a;
    const int8_t* b;
    const int32_t* add;
    int32_t* c;

    // Whether C was computed; if not, nothing is changed. With more rows oneDNN is as fast, or faster (docs/BENCHMARKS.md).
    bool run() const {
      static const bool vnni = __builtin_cpu_supports("avx512vnni");
      static const bool avx2 = __builtin_cpu_supports("avx2");
      // AVX2 has registers for the sums of half as many.
      const dim_t most = vnni ? FEW_ROWS : avx2 ? FEW_ROWS / 2 : 0;
      if (m > most || k % 64 != 0)
        return false;
      in_parts(n, n * k, [&](dim_t begin, dim_t end) {
        if (vnni)
          columns<FEW_ROWS, true>(begin, end);
        else
          columns<FEW_ROWS / 2, false>(begin, end);
      });
      return true;
    }

   private:
    // Finds the function for `m` rows, which are M or fewer.
    template <int M, bool vnni>
    void columns(dim_t begin, dim_t end) const {
      if (m == M) {
        if constexpr (vnni)
          with_vnni<M>(begin, end);
        else
          with_avx2<M>(begin, end);
      } else if constexpr (M > 1) {
        columns<M - 1, vnni>(begin, end);
      }
    }

    template <int M>
    __attribute__((target("avx512f,avx512vnni")))
    void with_vnni(dim_t begin, dim_t end) const {
      for (dim_t column = begin; column < end; ++column) {
        __m512i sums[M];
        for (int row = 0; row < M; ++row)
          sums[row] = _mm512_setzero_si512();
        for (dim_t at = 0; at < k; at += 64) {
          const __m512i weights = _mm512_loadu_si512(b + column * k + at);
          for (int row = 0; row < M; ++row)
            sums[row] = _mm512_dpbusd_epi32(sums[row], _mm512_loadu_si512(a + row * k + at), weights);
        }
        for (int row = 0; row < M; ++row)
          c[row * n + column] = _mm512_reduce_add_epi32(sums[row]) + add[column];
      }
    }

    template <int M>
    __attribute__((target("avx2")))
    void with_avx2(dim_t begin, dim_t end) const {
      const auto load = [](const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); };
      for (dim_t column = begin; column < end; ++column) {
        __m256i sums[M];
        for (int row = 0; row < M; ++row)
          sums[row] = _mm256_setzero_si256();
        for (dim_t at = 0; at < k; at += 16) {
          const __m256i weights = _mm256_cvtepi8_epi16(load(b + column * k + at));
          for (int row = 0; row < M; ++row) {
            const __m256i values = _mm256_cvtepu8_epi16(load(a + row * k + at));
            sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(values, weights));
          }
        }
        for (int row = 0; row < M; ++row) {
          __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums[row]), _mm256_extracti128_si256(sums[row], 1));
          sum = _mm_hadd_epi32(sum, sum);
          sum = _mm_hadd_epi32(sum, sum);
          c[row * n + column] = _mm_cvtsi128_si32(sum) + add[column];
        }
      }
    }
  };

}
