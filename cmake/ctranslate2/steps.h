// How a step of the decoder is shared out to threads. Most loops of a step of a few rows are done before another thread is awake:
// they run in the thread that computes the step. What is worth more is in a `Product`, or calls `in_parts`.
#pragma once

#include <algorithm>
#include <omp.h>

#include "ctranslate2/types.h"

namespace verbatim {

  // A step of the decoder has a row for each window or beam. With more rows than this its loops are shared out as any others.
  constexpr ctranslate2::dim_t FEW_ROWS = 16;
  // From so much work on another thread is worth waking: bytes of weights, or products of numbers.
  constexpr ctranslate2::dim_t WORTH_SHARING = 512 * 1024;

  // The threads of the step that this thread computes; 0: it computes none.
  inline thread_local int threads_of_step = 0;

  // While there is one of a few rows, loops of its thread are not shared out.
  class Step {
   public:
    // 0 rows: not a step.
    explicit Step(ctranslate2::dim_t rows)
      : _is_alone(rows > 0 && rows <= FEW_ROWS) {
      if (_is_alone) {
        threads_of_step = omp_get_max_threads();
        omp_set_num_threads(1);
      }
    }

    ~Step() {
      if (_is_alone) {
        omp_set_num_threads(threads_of_step);
        threads_of_step = 0;
      }
    }

    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    const bool _is_alone;
  };

  // While there is one with many bytes of weights, oneDNN shares out the product, in a step, too.
  class Product {
   public:
    explicit Product(ctranslate2::dim_t bytes)
      : _is_shared(threads_of_step != 0 && bytes >= WORTH_SHARING && !omp_in_parallel()) {
      if (_is_shared)
        omp_set_num_threads(threads_of_step);
    }

    ~Product() {
      if (_is_shared)
        omp_set_num_threads(1);
    }

    Product(const Product&) = delete;
    Product& operator=(const Product&) = delete;

   private:
    const bool _is_shared;
  };

  // The threads that `in_parts` uses at most.
  inline int threads() {
    return threads_of_step != 0 ? threads_of_step : omp_get_max_threads();
  }

  // Calls `function(begin, end)` for parts of 0 to `size`, each in a thread of its own; for all of it in this thread if `work` is not
  // worth more. The function must not throw.
  template <typename Function>
  void in_parts(ctranslate2::dim_t size, ctranslate2::dim_t work, const Function& function) {
    const int count = threads();
    if (count == 1 || work < WORTH_SHARING || omp_in_parallel()) {
      function(ctranslate2::dim_t(0), size);
      return;
    }
    #pragma omp parallel num_threads(count)
    {
      const ctranslate2::dim_t part = (size + omp_get_num_threads() - 1) / omp_get_num_threads();
      const ctranslate2::dim_t begin = omp_get_thread_num() * part;
      if (begin < size)
        function(begin, std::min(begin + part, size));
    }
  }

}
