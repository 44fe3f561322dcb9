// Streams one blob to the writer thread, chunk by chunk, unsynced: the commit that links it comes later in the same log, so
// its sync covers the chunks. A mark that the blob is pending precedes the first chunk; open() of the partition drops
// marked blobs.
#include <optional>

#include "kv/chunk_codec.h"
#include "kv/rocks_core.h"
#include "kv/rocks_keys.h"

namespace bz::kv {
namespace {

constexpr size_t kInFlight = 4;             // chunks on their way before write() makes its caller wait
constexpr size_t kCompressHere = 32 << 10;  // a tenth of a millisecond: less than the way to the pool and back

// Shared with the chunks under way; outlives the BlobWriter.
struct Stream {
  std::shared_ptr<Core> core;
  std::shared_ptr<Handle> handle;
  base::Executor& executor;
  const uint64_t id;

  std::mutex mutex;  // guards the rest
  size_t in_flight = 0;
  uint64_t length = 0, stored = 0;
  uint32_t chunks = 0;
  bool dropped = false, finished = false;
  std::optional<Error> error;
  std::optional<Done<bool>::Promise> writing;
  std::optional<Done<BlobRef>::Promise> finishing;

  Stream(std::shared_ptr<Core> c, std::shared_ptr<Handle> h, base::Executor& e)
      : core(std::move(c)), handle(std::move(h)), executor(e), id(core->base->generation << 40 | ++core->blobs) {}

  Result<BlobRef> outcome() {
    if (error) return *error;
    return BlobRef{id, length, stored};
  }
  // With the mutex held: answers whoever waits and may go on.
  void progress() {
    if (writing && (error || in_flight < kInFlight)) {
      Result<bool> result = error ? Result<bool>(*error) : Result<bool>(true);
      post<bool>(executor, std::move(*writing), std::move(result));
      writing.reset();
    }
    if (in_flight > 0) return;
    if (finishing) {
      auto result = outcome();
      if (result) settle();
      post<BlobRef>(executor, std::move(*finishing), std::move(result));
      finishing.reset();
    }
    if (dropped && !finished) erase();
  }
  void settle() {
    finished = true;
    std::lock_guard lock(handle->mutex);
    handle->unlinked.insert(id);
  }
  void erase() {
    finished = true;  // once
    if (chunks == 0) return;
    auto request = std::make_shared<Request>(
        Request{.kind = Request::Kind::DropBlob, .id = handle->id, .handle = handle, .done = [](Result<Seq>) {}});
    request->blob = id;
    request->chunk = chunks;
    core->writer->submit(std::move(request));
  }
};
using StreamPtr = std::shared_ptr<Stream>;

void submit_chunk(const StreamPtr& stream, uint32_t number, Bytes stored) {
  auto request = std::make_shared<Request>(
      Request{.kind = Request::Kind::Chunk, .id = stream->handle->id, .handle = stream->handle, .done = {}});
  request->blob = stream->id;
  request->chunk = number;
  request->data = std::move(stored);
  request->done = [stream, size = request->data.size()](Result<Seq> result) {
    std::lock_guard lock(stream->mutex);
    --stream->in_flight;
    stream->stored += size;
    if (!result && !stream->error) stream->error = std::move(result).error();
    stream->progress();
  };
  stream->core->writer->submit(std::move(request));
}

class RocksBlobWriter final : public BlobWriter {
 public:
  explicit RocksBlobWriter(StreamPtr stream) : stream_(std::move(stream)) {}
  ~RocksBlobWriter() override {
    if (stream_->core->closed) return;
    std::lock_guard lock(stream_->mutex);
    stream_->dropped = true;
    stream_->progress();
  }
  Done<bool> write(View bytes) override;
  Done<BlobRef> finish() override;

 private:
  Result<void> usable();
  void send();
  StreamPtr stream_;
  Bytes buffer_;
  bool closed_ = false;  // finish() was called
};

Result<void> RocksBlobWriter::usable() {
  if (stream_->core->closed) return fail(Errc::Closed, "the store was closed");
  BZ_TRY_VOID(stream_->handle->usable());
  if (closed_) return fail(Errc::Invalid, "the blob is finished");
  std::lock_guard lock(stream_->mutex);
  if (stream_->error) return *stream_->error;
  return {};
}

// Sends the buffer as the next chunk.
void RocksBlobWriter::send() {
  uint32_t number;
  {
    std::lock_guard lock(stream_->mutex);
    number = stream_->chunks++;
    ++stream_->in_flight;
  }
  if (number == 0) {
    auto begin = std::make_shared<Request>(Request{
        .kind = Request::Kind::BeginBlob, .id = stream_->handle->id, .handle = stream_->handle, .done = [](Result<Seq>) {
        }});
    begin->blob = stream_->id;
    stream_->core->writer->submit(std::move(begin));
  }
  if (buffer_.size() <= kCompressHere) {
    submit_chunk(stream_, number, encode_chunk(buffer_));
  } else {
    auto raw = std::make_shared<Bytes>(std::move(buffer_));
    stream_->core->pool->submit([stream = stream_, number, raw] { submit_chunk(stream, number, encode_chunk(*raw)); });
  }
  buffer_.clear();
}

Done<bool> RocksBlobWriter::write(View bytes) {
  if (auto ok = usable(); !ok) return ready<bool>(std::move(ok).error());
  {
    std::lock_guard lock(stream_->mutex);
    if (bytes.size() > stream_->core->config.limits.blob_bytes - stream_->length) {
      stream_->error = fail(Errc::TooLarge, "blob too long");
      return ready<bool>(*stream_->error);
    }
    stream_->length += bytes.size();
  }
  while (!bytes.empty()) {
    const size_t part = std::min(bytes.size(), kBlobChunk - buffer_.size());
    buffer_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    if (buffer_.size() == kBlobChunk) send();
  }
  std::lock_guard lock(stream_->mutex);
  if (stream_->in_flight < kInFlight) return ready<bool>(true);
  Done<bool> done;
  stream_->writing = done.promise();
  return done;
}

Done<BlobRef> RocksBlobWriter::finish() {
  if (auto ok = usable(); !ok) return ready<BlobRef>(std::move(ok).error());
  closed_ = true;
  if (!buffer_.empty()) send();
  Done<BlobRef> done;
  std::lock_guard lock(stream_->mutex);
  stream_->finishing = done.promise();
  stream_->progress();
  return done;
}

}  // namespace

std::unique_ptr<BlobWriter> make_rocks_blob_writer(std::shared_ptr<Core> core, std::shared_ptr<Handle> handle,
                                                   base::Executor& executor) {
  return std::make_unique<RocksBlobWriter>(std::make_shared<Stream>(std::move(core), std::move(handle), executor));
}

}  // namespace bz::kv
