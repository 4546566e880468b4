// edgeseg_pool: a few threads that sleep until a call has rows to share.
//
// Whoever is free takes the next part, the calling thread as well, and it waits only for parts that
// others have begun. So a thread that wakes late, because a network's threads have its core, costs
// nothing: the call is then as quick as it would be alone.
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "errors.h"

namespace edgeseg {
namespace {

// Parts for each slot: so many that a slow one is not waited for long, so few that what is done
// again at the begin of each does not count.
constexpr int kPartsPerSlot = 4;
// About there a kernel takes 50 microseconds, and a thread as long to wake as it then saves.
constexpr int64_t kLeastPixels = int64_t{1} << 18;
// How often the calling thread looks before it sleeps, which is about as long as a part takes.
constexpr int kLooks = 4000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

RowRange rows_of(const Shares& shares, int part) {
  const int64_t count = shares.rows.end - shares.rows.begin;
  const auto at = [&](int n) {
    return shares.rows.begin + static_cast<int>(count * n / shares.parts);
  };
  return {at(part), at(part + 1)};
}

struct Job {
  const Shares* shares;
  Work work;
  void* context;
};

}  // namespace
}  // namespace edgeseg

struct edgeseg_pool {
 public:
  explicit edgeseg_pool(int threads) : process_(getpid()), threads_(threads) {
    try {
      for (int slot = 1; slot < threads; ++slot) {
        workers_.emplace_back([this, slot] { serve(slot); });
      }
    } catch (...) {
      stop();
      throw;
    }
  }

  ~edgeseg_pool() { stop(); }

  // A fork takes no threads along.
  bool is_here() const { return getpid() == process_; }
  int threads() const { return threads_; }

  bool run(const edgeseg::Job& job) {
    const std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
    if (!mine.owns_lock() || !is_here()) return false;
    {
      const std::lock_guard<std::mutex> lock(guard_);
      job_ = job;
      next_.store(0, std::memory_order_relaxed);
      ++jobs_;
      open_ = true;
    }
    wake_.notify_all();
    take_parts(0);
    finish();
    return true;
  }

 private:
  void stop() {
    {
      const std::lock_guard<std::mutex> lock(guard_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void serve(int slot) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(guard_);
        wake_.wait(lock, [&] { return stopping_ || (open_ && jobs_ != seen); });
        if (stopping_) return;
        seen = jobs_;
        working_.fetch_add(1, std::memory_order_relaxed);
      }
      take_parts(slot);
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard<std::mutex> lock(guard_);
        done_.notify_one();
      }
    }
  }

  void take_parts(int slot) {
    const edgeseg::Shares& shares = *job_.shares;
    if (slot >= shares.slots) return;
    for (int part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < shares.parts;) {
      job_.work(job_.context, edgeseg::rows_of(shares, part), slot);
    }
  }

  // Nobody may begin any more, and who has begun ends.
  void finish() {
    {
      const std::lock_guard<std::mutex> lock(guard_);
      open_ = false;
    }
    const auto all_ended = [this] { return working_.load(std::memory_order_acquire) == 0; };
    for (int look = 0; look < edgeseg::kLooks; ++look) {
      if (all_ended()) return;
      edgeseg::pause();
    }
    std::unique_lock<std::mutex> lock(guard_);
    done_.wait(lock, all_ended);
  }

  const pid_t process_;
  const int threads_;
  std::mutex busy_;  // held by the call that has the workers
  std::mutex guard_;
  std::condition_variable wake_, done_;
  edgeseg::Job job_{};
  std::atomic<int> next_{0};
  std::atomic<int> working_{0};
  uint64_t jobs_ = 0;
  bool open_ = false, stopping_ = false;
  std::vector<std::thread> workers_;
};

namespace edgeseg {

Shares shares_of(edgeseg_pool* pool, RowRange rows, int least, int64_t pixels) {
  const int most = (rows.end - rows.begin) / least;
  if (pool == nullptr || pixels < kLeastPixels || most < 2 || !pool->is_here()) {
    return {nullptr, rows, 1, 1};
  }
  const int slots = std::min(pool->threads(), most);
  return {pool, rows, slots, std::min(slots * kPartsPerSlot, most)};
}

void share(const Shares& shares, Work work, void* context) {
  const Job job{&shares, work, context};
  if (shares.slots == 1 || !shares.pool->run(job)) work(context, shares.rows, 0);
}

namespace {

// A program's signals are for its own threads.
edgeseg_pool* create_deaf(int threads) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::unique_ptr<edgeseg_pool> pool;
  try {
    pool = std::make_unique<edgeseg_pool>(threads);
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pool.release();
}

}  // namespace
}  // namespace edgeseg

edgeseg_status edgeseg_pool_create(edgeseg_pool** pool, int32_t threads, char* error_text,
                                   size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (pool == nullptr) return invalid(error, "pool is NULL");
  if (threads < 1 || threads > EDGESEG_MAX_THREADS) {
    return invalid(error, "a pool of %d threads, expected 1 to %d", threads, EDGESEG_MAX_THREADS);
  }
  try {
    *pool = create_deaf(threads);
  } catch (const std::bad_alloc&) {
    invalid(error, "no memory for a pool of %d threads", threads);
    return EDGESEG_NO_MEMORY;
  } catch (const std::system_error& problem) {
    invalid(error, "no pool of %d threads: %s", threads, problem.what());
    return EDGESEG_NO_MEMORY;
  }
  return EDGESEG_OK;
}

void edgeseg_pool_destroy(edgeseg_pool* pool) {
  // In the child of a fork there is nobody to wait for; what the pool holds stays where it is.
  if (pool != nullptr && pool->is_here()) delete pool;
}
