#include "result/result.h"

namespace lnx::result {

Storage* Pool::Take(uint32_t images) {
  Storage* storage = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      storage = free_.back();
      free_.pop_back();
    }
  }
  if (storage == nullptr) {
    auto made = std::make_unique<Storage>();
    made->manifest = manifest_;
    const std::lock_guard<std::mutex> lock(mutex_);
    ++made_;
    free_.reserve(made_);  // Give must not allocate
    storage = made.release();
  }
  storage->holders = 1;
  storage->pool = shared_from_this();
  storage->arena.Reset();
  storage->images.resize(images);
  for (ImageResult& image : storage->images) image = ImageResult();
  return storage;
}

void Pool::Give(Storage* storage) noexcept {
  if (storage->holders.fetch_sub(1) != 1) return;
  const std::shared_ptr<Pool> pool = std::move(storage->pool);  // the pool may end with this call
  const std::lock_guard<std::mutex> lock(pool->mutex_);
  pool->free_.push_back(storage);
}

Pool::~Pool() {
  for (Storage* storage : free_) delete storage;
}

}  // namespace lnx::result
