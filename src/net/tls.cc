// The TLS side of Stream: OpenSSL on the non-blocking descriptor itself. Buffers are released when idle
// (SSL_MODE_RELEASE_BUFFERS), writes may be partial and move, renegotiation is refused.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"
#include "crypto/tls.h"
#include "net/stream_impl.h"

namespace bz::net {

void free_ssl(ssl_st* ssl) {
  SSL_set_quiet_shutdown(ssl, 1);
  SSL_shutdown(ssl);
  SSL_free(ssl);
}

// What OpenSSL has read ahead counts too, or a wait for the socket would sleep on it.
bool Stream::Impl::tls_pending() const { return SSL_has_pending(ssl) == 1; }

Io Stream::Impl::tls_result(int rc, const char* what) {
  int saved = errno;
  switch (SSL_get_error(ssl, rc)) {
    case SSL_ERROR_WANT_READ:
      return Io::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::WantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::End;
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      return failed(saved == 0 ? ECONNRESET : saved, what);
    default:
      break;
  }
  const bool cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  error = std::make_unique<Error>(
      fail(cut ? Errc::Closed : Errc::Invalid, std::string(what) + ": " + crypto::take_tls_errors()));
  return Io::Failed;
}

Io Stream::Impl::tls_read(std::span<char> out, size_t& moved) {
  ERR_clear_error();
  int rc = SSL_read_ex(ssl, out.data(), out.size(), &moved);
  return rc > 0 ? Io::Done : tls_result(rc, "TLS read");
}

Io Stream::Impl::tls_write(std::string_view bytes, size_t& moved) {
  ERR_clear_error();
  int rc = SSL_write_ex(ssl, bytes.data(), bytes.size(), &moved);
  if (rc > 0) return Io::Done;
  Io io = tls_result(rc, "TLS write");
  return io == Io::End ? failed(EPIPE, "TLS write") : io;
}

Io Stream::Impl::try_shutdown() {
  if (fin_sent) return Io::Done;
  if (ssl != nullptr && (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) == 0) {
    ERR_clear_error();
    int rc = SSL_shutdown(ssl);
    if (rc < 0) {
      Io io = tls_result(rc, "TLS close");
      if (io != Io::End) return io;
    }
  }
  fin_sent = true;
  if (::shutdown(fd.get(), SHUT_WR) < 0 && errno != ENOTCONN) return failed(errno, "shutdown");
  return Io::Done;
}

// The mode is set here too: the loop depends on it, whatever made the context.
Result<void> Stream::Impl::start_tls(const crypto::TlsContext& context) {
  BZ_CHECK(ssl == nullptr, "TLS twice on one stream");
  if (closed) return fail(Errc::Closed, "closed here");
  ERR_clear_error();
  ssl = SSL_new(context.get());
  if (ssl == nullptr || SSL_set_fd(ssl, fd.get()) != 1) return fail(Errc::Internal, crypto::take_tls_errors());
  SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
  SSL_set_read_ahead(ssl, 1);  // a record in one read, not its head and its body in two
  return {};
}

Io Stream::Impl::tls_handshake() {
  ERR_clear_error();
  int rc = SSL_do_handshake(ssl);
  if (rc == 1) return Io::Done;
  Io io = tls_result(rc, "TLS handshake");
  if (io == Io::End) return failed(ECONNRESET, "TLS handshake");
  if (io != Io::Failed) return io;
  if (auto why = crypto::verify_error(ssl); !why.empty()) {
    error = std::make_unique<Error>(fail(Errc::Invalid, error->text() + ": " + why));
  }
  return io;
}

TlsInfo Stream::Impl::take_tls_info() {
  auto facts = crypto::tls_facts(ssl);
  TlsInfo out;
  out.version = std::move(facts.version);
  out.cipher = std::move(facts.cipher);
  out.sni = std::move(facts.sni);
  out.client_certificate_sha256 = base::from_hex(facts.peer_sha256).value_or("");
  out.exporter = std::move(facts.exporter);
  out.unique = std::move(facts.unique);
  out.server_end_point = std::move(facts.server_end_point);
  out.peer_chain = std::move(facts.peer_chain);
  out.resumed = facts.resumed;
  out.bits = facts.bits;
  out.alpn = std::move(facts.alpn);
  return out;
}

crypto::PeerCertificates Stream::peer_certificates() const {
  return impl_->ssl ? crypto::peer_certificates(impl_->ssl) : crypto::PeerCertificates();
}

Task<Result<TlsInfo>> Stream::finish_tls(Deadline deadline) {
  for (;;) {
    if (impl_->closed) co_return fail(Errc::Closed, "closed here");
    Io io = impl_->tls_handshake();
    if (io == Io::Done) break;
    if (io == Io::Failed) co_return std::move(*impl_->error);
    auto direction = io == Io::WantRead ? Loop::Watch::Direction::Read : Loop::Watch::Direction::Write;
    Loop::Watch::Ready ready(*impl_->watch, direction, deadline);
    BZ_CO_TRY_VOID(co_await ready);
  }
  impl_->info = std::make_unique<TlsInfo>(impl_->take_tls_info());
  co_return *impl_->info;
}

Task<Result<TlsInfo>> Stream::accept_tls(const crypto::TlsContext& context, Deadline deadline) {
  BZ_CO_TRY_VOID(impl_->start_tls(context));
  SSL_set_accept_state(impl_->ssl);
  auto rest = finish_tls(deadline);
  co_return co_await std::move(rest);
}

Task<Result<TlsInfo>> Stream::connect_tls(const crypto::TlsContext& context, std::string host, Deadline deadline) {
  BZ_CO_TRY_VOID(impl_->start_tls(context));
  BZ_CO_TRY_VOID(crypto::prepare_client(impl_->ssl, host));
  SSL_set_connect_state(impl_->ssl);
  auto rest = finish_tls(deadline);
  co_return co_await std::move(rest);
}

}  // namespace bz::net
