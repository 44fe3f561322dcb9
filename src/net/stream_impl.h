// Inside of Stream, for the files of this room.
#pragma once
#include "net/channel.h"
#include "net/loop_impl.h"
#include "net/stream.h"

struct ssl_st;

namespace bz::net {

class Splice;
void tell_closed(Splice& splice);

// What one non-blocking attempt came to.
enum class Io : uint8_t { Done, WantRead, WantWrite, End, Failed };

// Frees the SSL. Marks it as ended in order first: OpenSSL would otherwise throw the session out of resumption.
void free_ssl(ssl_st* ssl);

struct Stream::Impl {
  Impl(Loop& loop, int socket);
  ~Impl();
  void close();

  // One attempt; `moved` says how much. Failed: `error` says why. `scratch` of the loop may be in use by the caller.
  Io try_read(std::span<char> out, size_t& moved);
  Io try_write(std::string_view bytes, size_t& moved);
  Io try_shutdown();  // close_notify and FIN
  Io try_peek(char* byte);
  Io tls_read(std::span<char> out, size_t& moved);
  Io tls_write(std::string_view bytes, size_t& moved);
  Io tls_handshake();
  Io tls_result(int rc, const char* what);
  bool tls_pending() const;
  Result<void> start_tls(const crypto::TlsContext& context);
  TlsInfo take_tls_info();
  Io failed(int number, const char* what);

  // True when this stream has used up its share of the round and must let others run.
  bool spent(Loop& loop, size_t moved);

  OwnedFd fd;
  std::optional<Loop::Watch> watch;
  ssl_st* ssl = nullptr;
  std::unique_ptr<TlsInfo> info;
  std::unique_ptr<Error> error;
  uint64_t turn = 0;         // the round that `share` belongs to
  uint32_t share = 0;        // bytes moved in it, each operation counted as at least 1 KiB
  Splice* splice = nullptr;  // hears of close()
  bool closed = false;
  bool fin_sent = false;
};

}  // namespace bz::net
