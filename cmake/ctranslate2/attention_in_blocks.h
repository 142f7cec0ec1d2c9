// Attention head by head, in blocks of queries, so that the scores of a block stay in the processor's cache. All at once they
// are 72 MB in each layer of the encoder for a window of 30 s of `base`, written and read four times. The result is the same to
// the last bit.
#pragma once

#include <algorithm>

#include "cpu/kernels.h"
#include "ctranslate2/primitives.h"
#include "ctranslate2/storage_view.h"
#include "steps.h"

namespace verbatim {

  // Queries of a block at most: fewer make the products slower, more do not fit into the cache (docs/BENCHMARKS.md).
  constexpr ctranslate2::dim_t QUERIES = 256;

  // Whether `output` was computed; if not, nothing is changed. Queries, keys and values are batch × heads × positions × depth.
  inline bool attend_in_blocks(const ctranslate2::StorageView& queries,
                               const ctranslate2::StorageView& keys,
                               const ctranslate2::StorageView& values,
                               float scale,
                               ctranslate2::StorageView& output) {
    using namespace ctranslate2;
    using Cpu = primitives<Device::CPU>;
    if (queries.device() != Device::CPU || queries.dtype() != DataType::FLOAT32 || queries.rank() != 4
        || keys.rank() != 4 || keys.dim(1) != queries.dim(1) || values.shape() != keys.shape())
      return false;
    const dim_t heads = queries.dim(0) * queries.dim(1);
    const dim_t positions = queries.dim(2), length = keys.dim(2), depth = queries.dim(3);
    const dim_t rows = std::min(QUERIES, positions);
    output.resize(queries.shape());
    const float* q = queries.data<float>();
    const float* k = keys.data<float>();
    const float* v = values.data<float>();
    float* to = output.data<float>();

    // Out here, since no exception may leave a thread of a parallel region.
    StorageView blocks({threads(), rows, length}, DataType::FLOAT32);
    float* of_all = blocks.data<float>();

    in_parts(heads, heads * positions * length * depth, [&](dim_t begin, dim_t end) {
      float* scores = of_all + omp_get_thread_num() * rows * length;
      for (dim_t head = begin; head < end; ++head) {
        const dim_t kv = head * length * depth;
        for (dim_t first = 0; first < positions; first += rows) {
          const dim_t count = std::min(rows, positions - first);
          const dim_t at = (head * positions + first) * depth;
          Cpu::gemm(false, false, false, true, count, length, depth, scale,
                    q + at, depth, k + kv, depth, 0.f, scores, length);
          CPU_ISA_DISPATCH((cpu::softmax<ISA>(scores, nullptr, scores, count, length, false)));
          Cpu::gemm(false, false, false, false, count, depth, length, 1.f,
                    scores, length, v + kv, depth, 0.f, to + at, depth);
        }
      }
    });
    return true;
  }

}
